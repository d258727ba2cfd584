"""Changes of a database on their way: columns of a batch, and records that go all at once."""

from __future__ import annotations

import datetime
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from engine_kit import (
    QUICK,
    SIMPLE,
    EmptyConfig,
    Sunk,
    make_sink,
    make_source,
    run_plan,
    simple_plan,
)

from rivven_connect._batch import EventBatch, Item
from rivven_connect._events import EventMetadata, EventType, SourceEvent
from rivven_connect._sink import Sink
from rivven_connect._state import State

NOON = datetime.datetime(2024, 1, 2, 12, tzinfo=datetime.UTC)
TIMES = [NOON, NOON + datetime.timedelta(seconds=1)]
ABOUT = [EventMetadata(transaction_id="7"), EventMetadata(transaction_id="8")]


async def two_changes(_: int, __: State | None) -> AsyncIterator[Item]:
    yield EventBatch(
        stream="s",
        records=[{"id": 1}, {"id": 2}],
        event_types=[EventType.INSERT, EventType.INSERT],
        positions=[["0/1", 0], ["0/2", 0]],
        timestamps=TIMES,
        metadata=ABOUT,
    )


async def with_truncate(_: int, __: State | None) -> AsyncIterator[Item]:
    kinds = [EventType.INSERT, EventType.TRUNCATE, EventType.INSERT]
    yield EventBatch(stream="s", records=[{"id": 1}, None, {"id": 2}], event_types=kinds)
    yield SourceEvent.truncate("s")
    yield SourceEvent.insert("s", {"id": 3})


def run_script(tmp_path: Path, read: object, sink: type[Sink[EmptyConfig]], text: str) -> None:
    source, _ = make_source(read)  # type: ignore[arg-type]  # one of the two scripts above
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK))


def told(sunk: Sunk) -> list[tuple[EventType, object]]:
    return [(event.event_type, event.data) for event in sunk.events]


def test_each_record_keeps_the_time_and_the_metadata_of_its_column(tmp_path: Path) -> None:
    sink, sunk = make_sink()
    run_script(tmp_path, two_changes, sink, SIMPLE)
    assert [event.timestamp for event in sunk.events] == TIMES
    assert [event.metadata for event in sunk.events] == ABOUT


def test_a_sink_that_truncates_gets_the_event_in_its_place(tmp_path: Path) -> None:
    sink, sunk = make_sink()
    sink.truncates = True
    run_script(tmp_path, with_truncate, sink, SIMPLE)
    insert, truncate = EventType.INSERT, EventType.TRUNCATE
    assert told(sunk) == [
        (insert, {"id": 1}),
        (truncate, None),
        (insert, {"id": 2}),
        (truncate, None),
        (insert, {"id": 3}),
    ]


def test_other_sinks_get_none_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink, sunk = make_sink()
    with caplog.at_level(logging.WARNING):
        run_script(tmp_path, with_truncate, sink, SIMPLE)
    assert [event.data for event in sunk.events] == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert caplog.text.count("keeps its rows of s, which was truncated") == 2
