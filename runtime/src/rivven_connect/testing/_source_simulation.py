"""What becomes of records when the service that a source reads from is in trouble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from rivven_connect._catalog import ConfiguredStream
from rivven_connect._json import JsonObject
from rivven_connect._source import Source
from rivven_connect.testing._contract import contract_test, expect, fail
from rivven_connect.testing._page_accounts import invented, keys, lost
from rivven_connect.testing._reading import incremental_catalog, some
from rivven_connect.testing._reading_on import Outcome, PatientReader
from rivven_connect.testing.simulator import CannotSimulate

if TYPE_CHECKING:
    from rivven_connect.testing.simulator import Simulator
    from rivven_connect.testing.simulator._sources import StreamService

_PAGES, _PAGE_SIZE = 3, 10

_ADVICE: Mapping[str, str] = {
    "rate_limited": (
        "raise ConnectorError.rate_limited(..., retry_after=seconds) on 429, or wait and ask again"
    ),
    "server_error": "raise ConnectorError.transient(...) on 5xx, or ask for the same page again",
    "timeout": "raise ConnectorError.timeout(...), or ask for the same page again",
    "expired_auth": (
        "renew the token on 401 and ask for the same page again; where it cannot be renewed, take "
        "expired_auth out of tests.simulate"
    ),
    "malformed_body": "raise a ConnectorError for a body that cannot be parsed, or yield Poison",
    "empty_page": "a page without records is the end only if nothing leads to a next one",
}


class SourceSimulation:
    """A source loses nothing to a service that breaks off and recovers.

    The manifest's `tests.simulate` becomes `simulate`. The fixture `simulator` serves the declared
    streams in pages. The source is run as the runner runs it: an error that may pass is tried again
    from the last state.
    """

    connector: ClassVar[type[Source[Any]]]
    examples: ClassVar[Mapping[str, JsonObject]]
    time_limit_s: ClassVar[float]
    read_seconds: ClassVar[float]

    simulate: ClassVar[Mapping[str, Any] | None] = None
    """`pages`, `page_size` and `faults`; None if nothing is simulated."""

    def __init_subclass__(cls) -> None:
        """Take away the tests that have no case: pytest would report them as skipped."""
        super().__init_subclass__()
        cases: Mapping[str, object] = {
            "test_every_record_of_every_page_arrives": cls.simulate is not None,
            "test_a_fault_loses_no_record": (cls.simulate or {}).get("faults"),
        }
        for name, wanted in cases.items():
            if name not in vars(cls):
                setattr(cls, name, getattr(SourceSimulation, name) if wanted else None)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test of each fault, named after it."""
        if metafunc.function.__name__ == "test_a_fault_loses_no_record":
            metafunc.parametrize("fault", list(dict.fromkeys((self.simulate or {})["faults"])))

    @contract_test
    async def test_every_record_of_every_page_arrives(self, simulator: Simulator) -> None:
        """Without any fault, the source reads to the last page."""
        await self._simulated(simulator, None)

    @contract_test
    async def test_a_fault_loses_no_record(self, simulator: Simulator, fault: str) -> None:
        """A fault on the second page costs no record, and none of it goes unnoticed."""
        await self._simulated(simulator, fault)

    async def _simulated(self, simulator: Simulator, fault: str | None) -> None:
        given = self.simulate or {}
        try:
            config = simulator.config_of(
                self.connector, self.examples, short_timeouts=fault == "timeout"
            )
            catalog = simulator.catalog_of(self.connector)
            service = simulator.serve(
                catalog,
                pages=_PAGES if given.get("pages") is None else given["pages"],
                page_size=given.get("page_size") or _PAGE_SIZE,
                fault=fault,
            )
            for stream in service.streams.values():
                stream.records()
        except CannotSimulate as reason:
            pytest.skip(str(reason))
        chosen = incremental_catalog(catalog)
        reader = PatientReader(
            self.connector,
            config,
            chosen,
            sleep=simulator.clock.sleep,
            enough=lambda events: (
                len(events) >= service.size() and not lost(service, chosen.streams, events)
            ),
            patience_s=self.read_seconds,
            seconds=self.time_limit_s / 2,
        )
        outcome = await reader.read()
        try:
            simulator.require_sound()
        except CannotSimulate as reason:
            pytest.skip(str(reason))
        _judge(service, chosen.streams, outcome, fault)
        expect(not simulator.waits.early, f"{'; '.join(simulator.waits.early)}")


def _judge(
    service: StreamService,
    streams: Sequence[ConfiguredStream],
    outcome: Outcome,
    fault: str | None,
) -> None:
    unasked = [one.name for one in service.streams.values() if not one.asked]
    if unasked and outcome.failure is None:
        fail(
            f"the source asked for no page of {', '.join(unasked)}; it asked for "
            f"{some(set(service.unrouted)) or 'nothing else'}. Say in tests/conftest.py which path "
            'that stream has: simulator.route("/PATH/.*", "STREAM")'
        )
    running = [one.name for one in service.streams.values() if one.runs_on]
    expect(
        not running,
        f"the source asks for page after page behind the last one of {', '.join(running)}: with "
        "numbers or offsets, a page without records is the end",
    )
    expect(not outcome.hangs, f"{fault or 'no fault'}: {outcome.failure}")
    missing = lost(service, streams, outcome.reading.events)
    advice = f"; {_ADVICE[fault]}" if fault else ""
    if fault == "malformed_body" and missing:
        _judge_unreadable(service, streams, outcome, missing)
        return
    if outcome.failure is not None:
        fail(
            f"{fault or 'no fault'}: the source stopped: {outcome.failure}{advice}{_hint(service)}"
        )
    what = fault or "no fault"
    expect(not missing, f"{what}: the source lost {len(missing)}: {some(missing)}{advice}")
    more = invented(service, streams, outcome.reading.events)
    expect(not more, f"{what}: the source gave records that no page held: {some(more)}")
    if fault is not None:
        _require_struck(service, fault)


def _judge_unreadable(
    service: StreamService,
    streams: Sequence[ConfiguredStream],
    outcome: Outcome,
    missing: set[str],
) -> None:
    """An unreadable page may end the run, or become Poison; a read that ends well may lose nothing."""
    if outcome.failure is not None:
        expect(
            service.faults.struck,
            f"malformed_body: the source stopped before it: {outcome.failure}{_hint(service)}",
        )
        return
    told = {one.stream for one in outcome.reading.poison}
    unread = {
        key
        for chosen in streams
        if chosen.stream.name in told
        and (page := service.faults.struck.get(chosen.stream.full_name())) is not None
        for key in keys(chosen, page.records, service.streams[page.stream].records())
    }
    silent = missing - unread
    expect(
        not silent,
        f"malformed_body: read() ended as if all were well and lost {len(silent)}: "
        f"{some(silent)}; {_ADVICE['malformed_body']}",
    )


def _require_struck(service: StreamService, fault: str) -> None:
    for name, stream in service.streams.items():
        struck = name in service.faults.struck
        if fault == "empty_page":
            # Who counts and knows the total has no reason to ask for a page behind the last.
            struck = stream.gave_empty_page or stream.is_counted
        if stream.records() and not struck:
            fail(
                f"{fault}: it never struck stream {name!r}: the source asked for no second page. If "
                "its requests do not page, or page in a way of their own, say so in "
                "tests/conftest.py with simulator.shape or simulator.answer"
            )


def _hint(service: StreamService) -> str:
    if not service.unrouted:
        return ""
    return (
        f" (no stream is served at {some(set(service.unrouted))}; say in tests/conftest.py which "
        'one it is: simulator.route("/PATH/.*", "STREAM"))'
    )
