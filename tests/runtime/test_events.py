"""Events and batches."""

from __future__ import annotations

import datetime
import gc

import msgspec
import pytest

from rivven_connect._batch import ArrowBatch, BatchConfig, EventBatch
from rivven_connect._events import (
    ENVELOPE_BYTES,
    EventMetadata,
    EventType,
    LogLevel,
    SourceEvent,
    log_event,
    record,
    state,
)

NOON = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)


def test_constructors_say_what_happened() -> None:
    made = {
        SourceEvent.record("s", 1).event_type,
        SourceEvent.insert("s", 1).event_type,
        SourceEvent.update("s", 1, 2).event_type,
        SourceEvent.delete("s", 1).event_type,
        SourceEvent.truncate("s").event_type,
        state({}).event_type,
        log_event("info", "x").event_type,
    }
    assert made == set(EventType) - {EventType.SCHEMA}
    assert record("s", 1) == SourceEvent.record("s", 1)


@pytest.mark.parametrize(
    ("event", "data", "cdc", "control"),
    [
        (SourceEvent.record("s", 1), True, False, False),
        (SourceEvent.insert("s", 1), True, True, False),
        (SourceEvent.delete("s", 1), True, True, False),
        (SourceEvent.truncate("s", "n"), True, True, False),
        (state({"a": 1}), False, False, True),
        (log_event("warn", "x"), False, False, True),
    ],
)
def test_what_kind_an_event_is(event: SourceEvent, data: bool, cdc: bool, control: bool) -> None:
    assert (event.is_data, event.is_cdc, event.is_control) == (data, cdc, control)


@pytest.mark.parametrize(
    ("event", "before", "after"),
    [
        (SourceEvent.record("s", {"a": 1}), None, {"a": 1}),
        (SourceEvent.insert("s", {"a": 1}), None, {"a": 1}),
        (SourceEvent.update("s", {"a": 1}, {"a": 2}), {"a": 1}, {"a": 2}),
        (SourceEvent.update("s", None, {"a": 2}), None, {"a": 2}),
        (SourceEvent.delete("s", {"a": 1}), {"a": 1}, None),
    ],
)
def test_before_and_after(event: SourceEvent, before: object, after: object) -> None:
    assert (event.before(), event.after()) == (before, after)


def test_state_and_log_events_have_streams_of_their_own() -> None:
    assert (state({"a": 1}).stream, state({"a": 1}).data) == ("_state", {"a": 1})
    found = log_event(LogLevel.WARN, "slow")
    assert (found.stream, found.data) == ("_log", {"level": "warn", "message": "slow"})
    with pytest.raises(ValueError, match="loud"):
        log_event("loud", "x")


def test_the_builder_has_the_originals_defaults() -> None:
    assert SourceEvent.builder().build() == SourceEvent(stream="default")


def test_the_builder_sets_everything() -> None:
    event = (
        SourceEvent.builder()
        .event_type("insert")
        .stream("s")
        .namespace("ns")
        .timestamp(NOON)
        .data({"id": 1})
        .position("p")
        .transaction_id("t")
        .sequence(5)
        .meta("k", "v")
        .state("cursor", 9)
        .state("page", 2)
        .build()
    )
    assert event == SourceEvent(
        event_type=EventType.INSERT,
        stream="s",
        namespace="ns",
        timestamp=NOON,
        data={"id": 1},
        metadata=EventMetadata(position="p", transaction_id="t", sequence=5, extra={"k": "v"}),
        state={"cursor": 9, "page": 2},
        position="p",
    )


def test_an_event_without_state_is_no_resume_point() -> None:
    assert SourceEvent.builder().stream("s").build().state is None


def test_size_is_the_json_plus_an_envelope() -> None:
    event = SourceEvent.record("s", {"name": "zwölf"})
    assert event.data_bytes() == '{"name":"zwölf"}'.encode()
    assert event.estimated_size() == len(event.data_bytes()) + ENVELOPE_BYTES


def test_events_survive_json() -> None:
    event = SourceEvent.builder().stream("s").data([1]).timestamp(NOON).meta("k", 1).build()
    assert msgspec.json.decode(msgspec.json.encode(event), type=SourceEvent) == event


def test_metadata_is_not_shared_between_events() -> None:
    first, second = EventMetadata(), EventMetadata()
    first.extra["k"] = 1
    assert second.extra == {}


def test_events_are_invisible_to_the_garbage_collector() -> None:
    assert not gc.is_tracked(SourceEvent.record("s", {"a": 1}))


def test_cloudevents() -> None:
    event = SourceEvent(
        stream="orders",
        data={"id": 1},
        event_type=EventType.UPDATE,
        namespace="shop",
        timestamp=NOON,
    )
    found = event.to_cloudevent("/shop")
    assert len({found.pop("id"), event.to_cloudevent("/shop")["id"]}) == 2
    assert found == {
        "specversion": "1.0",
        "source": "/shop",
        "type": "rivven.orders.update",
        "datacontenttype": "application/json",
        "time": "2026-01-02T12:00:00+00:00",
        "rivvenstream": "orders",
        "rivvennamespace": "shop",
        "rivvenop": "update",
        "data": {"id": 1},
    }
    assert "time" not in record("s", 1).to_cloudevent("/x")


def test_a_batch_gives_its_events_with_the_state_on_the_last() -> None:
    batch = EventBatch(
        "s",
        [1, 2],
        state={"c": 2},
        namespace="ns",
        timestamp=NOON,
        event_types=[EventType.INSERT, EventType.DELETE],
        positions=["a", "b"],
        sub_indexes=[0, 3],
    )
    first, last = batch.events()
    assert (first.data, first.event_type, first.state, first.position) == (1, "insert", None, "a")
    assert (last.data, last.event_type, last.state, last.sub_index) == (2, "delete", {"c": 2}, 3)
    assert {e.namespace for e in (first, last)} == {"ns"}
    assert len(batch) == 2


def test_an_empty_batch_with_a_state_is_legal() -> None:
    assert list(EventBatch("s", [], state={"c": 1}).events()) == []


def test_default_batch_limits() -> None:
    assert BatchConfig() == BatchConfig(10_000, 10 * 1024 * 1024, 5_000)
    assert BatchConfig().replace(max_records=1) == BatchConfig(max_records=1)


def test_anything_with_the_arrow_interface_is_an_arrow_batch() -> None:
    class Columns:
        def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
            return (requested_schema, None)

    assert isinstance(Columns(), ArrowBatch)
    assert not isinstance({}, ArrowBatch)
