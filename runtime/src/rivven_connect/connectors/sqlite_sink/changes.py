"""What the events of a stream with a primary key come to: the last word on each key.

A transform may make several records of one; the engine numbers them (`sub_index`). Where they share a
primary key they must not overwrite each other, and where the transform gave each a key of its own, that
key alone counts, whatever the ordinal. One rule does both: the rows of a key are those that the latest
record gave it. The records of one origin come one after the other, at one position and with rising
ordinals; any other event begins a new origin. One that does not begin with ordinal 0 lacks siblings, which
became dead letters or stand here since before they were replayed: it replaces nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from rivven_connect import EventType, Json, JsonObject, SourceEvent
from rivven_connect.connectors.sqlite_sink.values import Unfit

Key: TypeAlias = tuple[Json, ...]


def record_of(event: SourceEvent) -> JsonObject:
    """Return the record of an event: as it is now, or of a delete as it was.

    Raises:
        Unfit: it is no object, hence no row.
    """
    record = event.data
    if event.event_type is EventType.UPDATE:
        record = event.after()
    if not isinstance(record, dict):
        raise Unfit(f"the record is not an object but a {type(record).__name__}")
    return record


class Origin(msgspec.Struct, frozen=True):
    """The record of which a stream's latest events were made: their last ordinal and their keys."""

    position: Json = None
    ordinal: int = 0
    keys: frozenset[Key] = frozenset()
    is_partial: bool = False
    """Whether its first record was missing."""


class Changes:
    """Rows to write by key and ordinal; the other rows of a key in `replaced` go."""

    def __init__(self, origin: Origin) -> None:
        self._position = origin.position
        self._ordinal = origin.ordinal
        self._siblings = set(origin.keys)
        self._is_partial = origin.is_partial
        self.rows: dict[Key, dict[int, JsonObject]] = {}
        self.replaced: set[Key] = set()

    @property
    def origin(self) -> Origin:
        """The origin of the last event, for the batch that follows."""
        return Origin(self._position, self._ordinal, frozenset(self._siblings), self._is_partial)

    def add(self, event: SourceEvent, key_of: Callable[[JsonObject], Key]) -> None:
        """Take the next event of the stream into account.

        Raises:
            Unfit: it has no record or no key.
        """
        record = record_of(event)
        key = key_of(record)
        if event.sub_index <= self._ordinal or event.position != self._position:
            self._siblings.clear()
            self._is_partial = event.sub_index != 0
        self._position, self._ordinal = event.position, event.sub_index
        if event.event_type is EventType.DELETE:
            self._replace(key)
        else:
            old = _key_or_none(event.before(), key_of)
            if old is not None and old != key and old not in self._siblings:
                self._replace(old)
            if key not in self._siblings and not self._is_partial:
                self._replace(key)
            self.rows.setdefault(key, {})[event.sub_index] = record
        self._siblings.add(key)

    def _replace(self, key: Key) -> None:
        self.rows[key] = {}
        self.replaced.add(key)


def _key_or_none(record: Json, key_of: Callable[[JsonObject], Key]) -> Key | None:
    """Return the key of a record as it was, where the source says it."""
    if not isinstance(record, dict):
        return None
    try:
        return key_of(record)
    except Unfit:
        return None
