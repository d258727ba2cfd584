"""The mocks and the event makers."""

from __future__ import annotations

import asyncio

import pytest

from rivven_connect._catalog import Catalog, ConfiguredCatalog, Stream
from rivven_connect._checks import CheckResult
from rivven_connect._errors import ConnectorError
from rivven_connect._events import EventType, SourceEvent
from rivven_connect.testing import MockConfig, MockSink, MockSource, MockTransform, events
from rivven_connect.testing.harness import stream_of

CONFIG = MockConfig()


async def read(source: MockSource, catalog: Catalog | None = None) -> list[SourceEvent]:
    chosen = ConfiguredCatalog.from_catalog(catalog or await source.discover(CONFIG))
    return [event async for event in source.read(CONFIG, chosen, None)]


def test_event_makers() -> None:
    assert events.record("s", {"id": 1}) == SourceEvent.record("s", {"id": 1})
    assert [event.data["id"] for event in events.records("s", 3)] == [0, 1, 2]
    assert [event.data for event in events.records_with("s", 3, lambda n: n * n)] == [0, 1, 4]
    assert {event.event_type for event in events.cdc_inserts("s", 2)} == {EventType.INSERT}


def test_source_discovers_and_yields_what_it_was_given() -> None:
    source = MockSource().with_events(events.records("a", 2)).add_event(events.record("b", 1))
    catalog = asyncio.run(source.discover(CONFIG))
    assert [stream.name for stream in catalog.streams] == ["a", "b"]
    assert asyncio.run(read(source)) == [*events.records("a", 2), events.record("b", 1)]


def test_source_yields_only_the_streams_that_are_asked_for() -> None:
    source = MockSource().with_events([events.record("a", 1), events.record("b", 2)])
    only_b = Catalog.single_stream(Stream(name="b"))
    assert asyncio.run(read(source, only_b)) == [events.record("b", 2)]
    assert asyncio.run(source.with_catalog(only_b).discover(CONFIG)) == only_b


def test_source_fails_as_told() -> None:
    source = MockSource().fail_with("no route")
    assert asyncio.run(source.check(CONFIG)) == CheckResult.failure("no route")
    with pytest.raises(ConnectorError, match="no route"):
        asyncio.run(source.discover(CONFIG))
    with pytest.raises(ConnectorError, match="no route"):
        asyncio.run(read(source, Catalog()))


def test_source_raises_the_very_error_it_was_given() -> None:
    error = ConnectorError.auth("denied")
    with pytest.raises(ConnectorError) as caught:
        asyncio.run(MockSource().fail_with(error).discover(CONFIG))
    assert caught.value is error


def test_checks_return_what_the_test_said() -> None:
    said = CheckResult.builder().check_failed("disk", "full").build()
    assert asyncio.run(MockSource().with_check_result(said).check(CONFIG)) is said
    assert asyncio.run(MockSink().with_check_result(said).check(CONFIG)) is said
    assert asyncio.run(MockSink().check(CONFIG)).is_success()


def test_sink_keeps_what_is_written_and_forgets_on_demand() -> None:
    sink = MockSink()
    result = asyncio.run(sink.write(CONFIG, stream_of(events.records("s", 2))))
    assert (result.records_written, sink.written_count) == (2, 2)
    assert result.bytes_written == sum(event.estimated_size() for event in sink.written_events)
    sink.clear()
    assert sink.written_events == []


def test_sink_names_the_events_after_its_limit() -> None:
    sink = MockSink().fail_after(2, "full")
    given = events.records("s", 4)
    result = asyncio.run(sink.write(CONFIG, stream_of(given)))
    assert sink.written_events == given[:2]
    assert [failed.event for failed in result.failed_events] == given[2:]
    assert all(a.event is b for a, b in zip(result.failed_events, given[2:], strict=True))
    assert (result.records_failed, result.errors) == (2, ["full", "full"])


def test_sink_fails_as_told() -> None:
    sink = MockSink().fail_with("no route")
    assert not asyncio.run(sink.check(CONFIG)).is_success()
    with pytest.raises(ConnectorError, match="no route"):
        asyncio.run(sink.write(CONFIG, stream_of([])))


def test_transform_applies_its_function() -> None:
    transform = MockTransform("twice", lambda event: [event, event])
    event = events.record("s", 1)
    assert transform.apply(event) == [event, event]
    assert transform.transform(CONFIG, event).is_multiple()
    assert transform.name == "twice"
