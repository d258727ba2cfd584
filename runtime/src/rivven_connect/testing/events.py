"""Events for tests."""

from __future__ import annotations

from collections.abc import Callable

from rivven_connect._events import SourceEvent, record
from rivven_connect._json import Json

__all__ = ["cdc_inserts", "record", "records", "records_with"]


def records(stream: str, count: int) -> list[SourceEvent]:
    """Return `count` record events whose data is `{"id": n, "name": "record-n"}`, n from 0."""
    return records_with(stream, count, _row)


def records_with(stream: str, count: int, make: Callable[[int], Json]) -> list[SourceEvent]:
    """Return `count` record events whose data is `make(n)`, n from 0."""
    return [SourceEvent.record(stream, make(index)) for index in range(count)]


def cdc_inserts(stream: str, count: int) -> list[SourceEvent]:
    """Return `count` insert events with the data of `records`."""
    return [SourceEvent.insert(stream, _row(index)) for index in range(count)]


def _row(index: int) -> Json:
    return {"id": index, "name": f"record-{index}"}
