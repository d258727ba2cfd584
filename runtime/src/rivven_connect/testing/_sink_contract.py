"""The contract of sinks, as tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rivven_connect._adapters import opened
from rivven_connect._batch import BatchConfig
from rivven_connect._catalog import Catalog, ConfiguredCatalog, Stream
from rivven_connect._errors import ConnectorError
from rivven_connect._events import SourceEvent
from rivven_connect._json import Json, JsonObject
from rivven_connect._sink import BatchSink, Sink, TransactionalSink, WriteResult
from rivven_connect._spec import ConnectorKind
from rivven_connect.testing._contract import (
    Contract,
    contract_test,
    expect,
    expect_steady_check,
    fail,
)
from rivven_connect.testing._secrecy import listening
from rivven_connect.testing._sink_simulation import SinkSimulation
from rivven_connect.testing.harness import stream_of

_STREAM = "contract_sample"


class SinkContract(SinkSimulation, Contract):
    """What every sink keeps.

    Override `sample_events` where the sink takes only records of a certain shape.
    """

    kind = ConnectorKind.SINK
    connector: ClassVar[type[Sink[Any]]]

    sample_schema: ClassVar[JsonObject] = {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
    }
    """The record schema that `prepare` gets."""

    def sample_events(self) -> list[SourceEvent]:
        """Return events that the sink should write; the last two are equal and not the same."""
        rows = [{"id": 1, "name": "one"}, {"id": 2, "name": "zwei ✓"}]
        rows += [{"id": 3, "name": "three"}, {"id": 3, "name": "three"}]
        return [SourceEvent.record(_STREAM, row) for row in rows]

    def odd_events(self) -> list[SourceEvent]:
        """Return events that the sink may refuse one by one, between two that it should write."""
        odd: list[Json] = [None, [], "text", 1.5, {"id": None, "nested": {"deep": [{"x": None}]}}]
        rows = [{"id": 10, "name": "first"}, *odd, {"id": 11, "name": "last"}]
        return [SourceEvent.record(_STREAM, row) for row in rows]

    @contract_test
    async def test_check_gives_the_same_verdict_twice(self, config: Any) -> None:
        """`check` returns a `CheckResult`, and running it changes nothing that it looks at."""
        await expect_steady_check(self.connector, config)

    @contract_test
    async def test_batch_limits_are_positive(self, config: Any) -> None:
        """`batch_config` works before `open` and gives limits that let a record through."""
        sink = self.connector()
        if isinstance(sink, BatchSink | TransactionalSink):
            limits = sink.batch_config(config)
            expect(isinstance(limits, BatchConfig), f"batch_config() returned {limits!r}")
            expect(limits.max_records > 0, f"max_records is {limits.max_records}")
            expect(limits.max_wait_ms >= 0, f"max_wait_ms is {limits.max_wait_ms}")

    @contract_test
    async def test_nothing_to_write_is_fine(self, config: Any) -> None:
        """Without events, nothing is written and nothing fails."""
        async with opened(self.connector(), config) as sink:
            await self._prepare(sink, config)
            for result in await self._write(sink, config, []):
                counted = (result.records_written, result.records_failed)
                expect(counted == (0, 0), f"no events, yet (written, failed) is {counted}")

    @contract_test
    async def test_every_event_is_accounted_for(self, config: Any) -> None:
        """Written and failed add up to what was given, for `write` and for `write_batch`."""
        async with opened(self.connector(), config) as sink:
            await self._prepare(sink, config)
            events = self.sample_events()
            for result in await self._write(sink, config, events):
                _expect_accounted(result, events)

    @contract_test
    async def test_a_refused_event_is_named(self, config: Any) -> None:
        """A record that the sink cannot take fails alone, by identity, and not with a bare error."""
        async with opened(self.connector(), config) as sink:
            await self._prepare(sink, config)
            events = self.odd_events()
            try:
                results = await self._write(sink, config, events)
            except ConnectorError as error:
                # Legal: a sink may not know which record it was. A missing hook is no such answer.
                if error.action is error.action.STOP:
                    raise
                return
            except Exception as error:  # noqa: BLE001  # that is the finding
                fail(
                    f"an unusual record makes write() raise {type(error).__name__}: {error}; "
                    "use result.add_failed_event(event, ...)"
                )
            for result in results:
                _expect_accounted(result, events)

    @contract_test
    async def test_no_secret_is_shown(self, config: Any) -> None:
        """Neither logs nor `check` nor the reasons of failed events hold a secret of the config."""
        with listening(config) as heard:
            async with opened(self.connector(), config) as sink:
                for detail in (await sink.check(config)).checks:
                    heard.add("the result of check()", detail.message)
                await self._prepare(sink, config)
                for result in await self._write(sink, config, self.sample_events()):
                    heard.add(
                        "the reason of a failure", [str(one.error) for one in result.failed_events]
                    )
                    heard.add("an error of the result", list(map(str, result.errors)))

    async def _prepare(self, sink: Sink[Any], config: Any) -> None:
        stream = Stream(
            name=_STREAM, json_schema=self.sample_schema, source_defined_primary_key=[["id"]]
        )
        await sink.prepare(config, ConfiguredCatalog.from_catalog(Catalog.single_stream(stream)))

    @staticmethod
    async def _write(
        sink: Sink[Any], config: Any, events: Sequence[SourceEvent]
    ) -> list[WriteResult]:
        """Write the events in every form that the sink has, and make them durable."""
        results = [await sink.write(config, stream_of(events))]
        if isinstance(sink, BatchSink):
            results.append(await sink.write_batch(config, list(events)))
        await sink.flush(config)
        for result in results:
            expect(isinstance(result, WriteResult), f"write returned {type(result).__name__}")
        return results


def _expect_accounted(result: WriteResult, events: Sequence[SourceEvent]) -> None:
    given = len(events)
    written, failed = result.records_written, result.records_failed
    expect(
        written + failed == given and min(written, failed) >= 0,
        f"{given} events were given; {written} written and {failed} failed do not add up",
    )
    named = [id(one.event) for one in result.failed_events]
    foreign = set(named) - {id(event) for event in events}
    expect(
        not foreign,
        f"{len(foreign)} failed events are not among the given ones; name the event object itself, "
        "not a copy",
    )
    expect(len(named) == len(set(named)), "an event is named as failed twice")
    expect(
        len(named) <= failed, f"{len(named)} events are named as failed and {failed} are counted"
    )
