"""What becomes of records when the service that a sink writes to refuses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from rivven_connect._catalog import Catalog, ConfiguredCatalog, Stream
from rivven_connect._errors import Action, ConnectorError
from rivven_connect._events import SourceEvent
from rivven_connect._json import JsonObject
from rivven_connect._sink import Sink
from rivven_connect.testing._contract import contract_test, expect, fail
from rivven_connect.testing._delivering import Delivery, deliver
from rivven_connect.testing.simulator import CannotSimulate

if TYPE_CHECKING:
    from rivven_connect.testing.simulator import Simulator
    from rivven_connect.testing.simulator._sinks import RecordService

_STREAM = "simulated"
_TEST = "test_a_refusal_has_its_consequence"


class SinkSimulation:
    """A sink tells what a refusal means: again, a dead letter, or the end.

    The manifest's `tests.simulate` becomes `simulate`. The fixture `simulator` takes the records,
    and knows which ones it has accepted. The sink is run as the runner runs it.
    """

    connector: ClassVar[type[Sink[Any]]]
    examples: ClassVar[Mapping[str, JsonObject]]
    sample_schema: ClassVar[JsonObject]

    simulate: ClassVar[Sequence[Mapping[str, Any]]] = ()
    """Replies, each with what must become of the records."""

    def __init_subclass__(cls) -> None:
        """Take away the test that has no case: pytest would report it as skipped."""
        super().__init_subclass__()
        if _TEST not in vars(cls):
            setattr(cls, _TEST, getattr(SinkSimulation, _TEST) if cls.simulate else None)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test of each reply, named after it."""
        if metafunc.function.__name__ == _TEST:
            cases = list(self.simulate)
            metafunc.parametrize("case", cases, ids=[_label(case) for case in cases])

    @contract_test
    async def test_a_refusal_has_its_consequence(
        self, simulator: Simulator, case: Mapping[str, Any]
    ) -> None:
        """What the service refuses is tried again, named as a dead letter, or stops the run."""
        when, wanted = case["when"], case["expect"]
        try:
            config = simulator.config_of(self.connector, self.examples)
        except CannotSimulate as reason:
            pytest.skip(str(reason))
        service = simulator.take(
            status=when["status"], retry_after_s=when.get("retry_after_s"), expected=wanted
        )
        events = [SourceEvent.record(_STREAM, record) for record in simulator.sample]
        stream = Stream(name=_STREAM, json_schema=self.sample_schema)
        catalog = ConfiguredCatalog.from_catalog(Catalog.single_stream(stream))
        delivery = await deliver(
            self.connector, config, catalog, events, sleep=simulator.clock.sleep
        )
        simulator.require_sound()
        _judge(service, events, delivery, status=when["status"], wanted=wanted)
        expect(not simulator.waits.early, "; ".join(simulator.waits.early))


def _judge(
    service: RecordService,
    events: Sequence[SourceEvent],
    delivery: Delivery,
    *,
    status: int,
    wanted: str,
) -> None:
    expect(
        service.refusals,
        f"{status}: no request had a record of simulator.sample in it as the simulator knows them; "
        "it looks for the longest text of a record that no other record has: set simulator.sample "
        "in tests/conftest.py to records that the sink writes with such a text",
    )
    _require_truth(service, events, delivery, status)
    if wanted == "failed":
        _require_stop(delivery, status)
        return
    if delivery.failure is not None:
        fail(f"{status}: the sink stopped where records are to be {wanted}: {delivery.failure}")
    dead = {service.marks[_index(events, event)] for event in delivery.dead}
    refused = {service.marks[service.bad]} if wanted == "dead_letter" else set()
    expect(dead == refused, f"{status}: dead letters are {sorted(dead)}, not {sorted(refused)}")


def _require_truth(
    service: RecordService, events: Sequence[SourceEvent], delivery: Delivery, status: int
) -> None:
    """What the sink calls written has been accepted."""
    if delivery.failure is not None:
        return
    said = {_index(events, event) for event in delivery.written}
    untrue = sorted(service.marks[index] for index in said - service.taken)
    expect(
        not untrue,
        f"{status}: the sink counts records as written that the service refused: {untrue}",
    )


def _require_stop(delivery: Delivery, status: int) -> None:
    failure = delivery.failure
    if failure is None:
        fail(
            f"{status}: the sink went on ({len(delivery.dead)} dead letters); raise "
            "ConnectorError.auth, permission or configuration"
        )
    if not isinstance(delivery.raised, ConnectorError):
        fail(
            f"{status}: the sink raised {type(delivery.raised).__name__}, which is no ConnectorError"
        )
    expect(
        delivery.raised.action is Action.STOP,
        f"{status}: the sink has it tried again: {failure}; raise ConnectorError.auth, permission "
        "or configuration, which stop at once",
    )


def _index(events: Sequence[SourceEvent], event: SourceEvent) -> int:
    return next(index for index, one in enumerate(events) if one is event)


def _label(case: Mapping[str, Any]) -> str:
    return f"{case['when']['status']}-{case['expect']}"
