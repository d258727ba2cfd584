"""The test harness: both forms, and that no error is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from rivven_connect._batch import EventBatch, Item, Poison
from rivven_connect._catalog import Catalog, ConfiguredCatalog, Stream, SyncMode
from rivven_connect._checks import CheckResult
from rivven_connect._errors import ConnectorError
from rivven_connect._events import SourceEvent, log_event
from rivven_connect._events import state as state_event
from rivven_connect._sink import WriteResult
from rivven_connect._state import State
from rivven_connect.testing import (
    MockConfig,
    MockSink,
    MockSource,
    MockTransform,
    TestHarness,
    assert_same_records,
    events,
)


class Scripted(MockSource):
    """Yields what a test puts into `items`; an exception among them is raised there."""

    def __init__(self, *items: Item | Exception) -> None:
        super().__init__()
        self.items = items
        self.state: State | None = None
        self.modes: set[SyncMode] = set()

    async def discover(self, config: MockConfig) -> Catalog:
        modes = [SyncMode.FULL_REFRESH, SyncMode.INCREMENTAL]
        return Catalog.single_stream(Stream(name="s", supported_sync_modes=modes))

    async def read(  # type: ignore[override]  # the mock narrows to events, this one gives all items
        self, config: MockConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        self.state = state
        self.modes = {chosen.sync_mode for chosen in catalog.streams}
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            yield item


def test_the_guides_form_makes_a_stream_for_a_sink() -> None:
    sink = MockSink()
    given = [events.record("test", {"id": 1}), events.record("test", {"id": 2})]
    result = asyncio.run(sink.write(MockConfig(), TestHarness().create_events(given)))
    assert result.records_written == 2
    assert_same_records(sink.written_events, given)


def test_it_runs_a_source_into_a_sink() -> None:
    source, sink = MockSource().with_events(events.records("s", 5)), MockSink()
    result = asyncio.run(TestHarness(source, sink).run())
    assert (result.records_read, result.records_written, result.records_failed) == (5, 5, 0)
    assert result.sink is sink
    assert_same_records(sink.written_events, events.records("s", 5))


def test_transforms_run_in_order_plain_async_and_as_connectors() -> None:
    def double(event: SourceEvent) -> list[SourceEvent]:
        return [event, SourceEvent.record(event.stream, {"id": event.data["id"] + 100})]

    async def drop_first(event: SourceEvent) -> SourceEvent | None:
        await asyncio.sleep(0)
        return None if event.data["id"] == 0 else event

    source, sink = MockSource().with_events(events.records("s", 2)), MockSink()
    harness = (
        TestHarness(source, sink)
        .with_configs(MockConfig(), MockConfig())
        .with_transform("drop", drop_first)
        .with_transform("double", MockTransform("double", double))
    )
    result = asyncio.run(harness.run())
    assert [event.data["id"] for event in sink.written_events] == [1, 101]
    assert (result.records_read, result.records_written) == (2, 2)


def test_an_error_inside_the_stream_surfaces_after_what_came_before_is_written() -> None:
    """Regression: the original drops errors of the stream."""
    sink = MockSink()
    source = Scripted(events.record("s", 1), ConnectorError.connection("reset"))
    with pytest.raises(ConnectorError, match="reset"):
        asyncio.run(TestHarness(source, sink).run())
    assert sink.written_count == 1


def test_an_error_surfaces_even_if_the_sink_swallows_it() -> None:
    class Swallows(MockSink):
        async def write(
            self, config: MockConfig, events: AsyncIterator[SourceEvent]
        ) -> WriteResult:
            try:
                return await super().write(config, events)
            except ConnectorError:
                return WriteResult()

    source = Scripted(ConnectorError.connection("reset"))
    with pytest.raises(ConnectorError, match="reset"):
        asyncio.run(TestHarness(source, Swallows()).run())


def test_an_error_of_a_transform_names_it() -> None:
    def broken(_event: SourceEvent) -> SourceEvent:
        raise KeyError("x")

    harness = TestHarness(Scripted(events.record("s", 1)), MockSink())
    with pytest.raises(KeyError) as caught:
        asyncio.run(harness.with_transform("mask", broken).run())
    assert "mask" in caught.value.__notes__[0]


@pytest.mark.parametrize("broken", ["source", "sink"])
def test_a_failed_check_stops_the_run(broken: str) -> None:
    source, sink = MockSource(), MockSink()
    failed = CheckResult.failure("no route")
    _ = source.with_check_result(failed) if broken == "source" else sink.with_check_result(failed)
    with pytest.raises(ConnectorError, match=f"the {broken}'s check failed: no route"):
        asyncio.run(TestHarness(source, sink).run())


def test_failed_records_are_counted_with_their_errors() -> None:
    source = Scripted(
        EventBatch("s", [{"id": 1}, {"id": 2}]),
        Poison("s", b"\xff", "not JSON"),
        log_event("info", "x"),
    )
    result = asyncio.run(TestHarness(source, MockSink().fail_after(1, "full")).run())
    assert (result.records_read, result.records_written, result.records_failed) == (3, 1, 2)
    assert set(result.errors) == {"full", "s: not JSON"}


def test_states_come_back_for_a_second_run() -> None:
    source = Scripted(
        SourceEvent(stream="s", data=1, state={"cursor": 1}),
        EventBatch("s", [2, 3], state={"cursor": 3}),
        EventBatch("t", [], namespace="ns", state={"done": True}),
        state_event({"epoch": 7}),
    )
    first = asyncio.run(TestHarness(source, MockSink()).run())
    assert first.state == State({"s": {"cursor": 3}, "ns.t": {"done": True}}, {"epoch": 7})
    assert (source.state, source.modes) == (None, {SyncMode.FULL_REFRESH})

    asyncio.run(TestHarness(source, MockSink()).with_state(first.state).run())
    assert (source.state, source.modes) == (first.state, {SyncMode.INCREMENTAL})


def test_a_state_may_be_plain_json() -> None:
    source = Scripted()
    asyncio.run(TestHarness(source, MockSink()).with_state({"s": {"cursor": 1}}).run())
    assert source.state == State({"s": {"cursor": 1}})


def test_connectors_are_closed_also_after_an_error() -> None:
    closed = []

    class Closing(MockSink):
        async def close(self) -> None:
            closed.append("sink")

    class ClosingSource(Scripted):
        async def close(self) -> None:
            closed.append("source")

    source = ClosingSource(ConnectorError.connection("reset"))
    with pytest.raises(ConnectorError):
        asyncio.run(TestHarness(source, Closing()).run())
    assert closed == ["source", "sink"]


def test_running_half_a_harness_is_an_error() -> None:
    with pytest.raises(TypeError, match="source, sink"):
        asyncio.run(TestHarness().run())
