"""What the events of a stream with a primary key come to: the last word on each key.

A transform may make several records of one; the engine numbers them (`sub_index`). Where they share a
primary key they must not overwrite each other, and where the transform gave each a key of its own, that
key alone counts, whatever the ordinal. One rule does both: the rows of a key are those that the latest
record gave it. The records of one origin come one after the other, at one position and with rising
ordinals; any other event begins a new origin. One that does not begin with ordinal 0 lacks siblings, which
became dead letters or stand here since before they were replayed: it replaces nothing.

A record or an insert is a whole row. An update says what it changes: a field that it lacks stays as it
is, because a source may not know a large value that was not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import Json, JsonObject
from rivven_connect._tables.records import Unfit, record_of

Key: TypeAlias = tuple[Json, ...]
KeyOf: TypeAlias = Callable[[JsonObject], Key]


class Origin(msgspec.Struct, frozen=True):
    """The record of which a stream's latest events were made: their last ordinal and their keys."""

    position: Json = None
    ordinal: int = 0
    keys: frozenset[Key] = frozenset()
    is_partial: bool = False
    """Whether its first record was missing."""


class Move(msgspec.Struct, frozen=True):
    """An update that gave a row another key, and did not say all that is in it."""

    old: Key
    new: Key
    is_free: bool
    """Whether an event before it took the new key away from another row.

    Otherwise a row that has it is this one: the update comes again, after a crash, and what the old
    key holds by then need not be this row.
    """

    @property
    def doomed(self) -> Key:
        """The key whose row goes, where both have one."""
        return self.new if self.is_free else self.old

    @property
    def kept(self) -> Key:
        """The key whose row stays then."""
        return self.old if self.is_free else self.new


class Rows(msgspec.Struct):
    """Rows that are written alike: one key, ordinal and record each."""

    is_patch: bool
    """Whether all have the same fields, and the others stay as they are."""
    keys: list[Key] = []
    ordinals: list[int] = []
    records: list[JsonObject] = []


class Changes:
    """Rows to write by key and ordinal; the other rows of a key in `replaced` go."""

    def __init__(self, origin: Origin) -> None:
        self._position = origin.position
        self._ordinal = origin.ordinal
        self._siblings = set(origin.keys)
        self._is_partial = origin.is_partial
        self._patches: set[tuple[Key, int]] = set()
        self._moved: set[Key] = set()
        self.rows: dict[Key, dict[int, JsonObject]] = {}
        self.replaced: set[Key] = set()
        self.count = 0
        """Events taken into account."""
        self.shared: set[Key] = set()
        """Keys that several records of one origin have."""
        self.moves: list[Move] = []
        """Of rows, oldest first; to be done before all else."""

    @property
    def origin(self) -> Origin:
        """The origin of the last event, for the batch that follows."""
        return Origin(self._position, self._ordinal, frozenset(self._siblings), self._is_partial)

    def add(self, event: SourceEvent, key_of: KeyOf) -> None:
        """Take the next event of the stream into account.

        Raises:
            Unfit: it has no record or no key.
        """
        record = record_of(event)
        key = key_of(record)
        self.count += 1
        if event.sub_index <= self._ordinal or event.position != self._position:
            self._siblings.clear()
            self._is_partial = event.sub_index != 0
        self._position, self._ordinal = event.position, event.sub_index
        if event.event_type is EventType.DELETE:
            self._replace(key)
        else:
            self._put(event, record, key, key_of)
        self._siblings.add(key)

    def has_ordinals(self) -> bool:
        """Whether some row is not the first that was made of its record."""
        return any(rows and rows.keys() != {0} for rows in self.rows.values())

    def stay(self) -> None:
        """Take old and new key of the one event for the same, as the database does."""
        for move in self.moves:
            self.rows.pop(move.old, None)
            self.replaced.discard(move.old)
        self.moves.clear()
        self._moved.clear()

    def groups(self) -> Iterator[Rows]:
        """Yield the rows to write: the whole ones, and updates by the fields that they have."""
        found: dict[frozenset[str] | None, Rows] = {}
        for key, rows in self.rows.items():
            for ordinal, record in rows.items():
                is_patch = (key, ordinal) in self._patches
                kind = frozenset(record) if is_patch else None
                group = found.get(kind)
                if group is None:
                    group = found[kind] = Rows(is_patch)
                group.keys.append(key)
                group.ordinals.append(ordinal)
                group.records.append(record)
        yield from found.values()

    def moved_records(self) -> Iterator[JsonObject]:
        """Yield what is known of the rows whose other fields must be fetched from their old key."""
        for key in self._moved:
            for ordinal, record in self.rows.get(key, {}).items():
                if (key, ordinal) in self._patches:
                    yield record

    def has_patch(self, key: Key) -> bool:
        """Whether what is in some row of a key is not all known."""
        return any((key, ordinal) in self._patches for ordinal in self.rows[key])

    def _put(self, event: SourceEvent, record: JsonObject, key: Key, key_of: KeyOf) -> None:
        old = _key_or_none(event.before(), key_of)
        is_moved = old is not None and old != key and old not in self._siblings
        place = (key, event.sub_index)
        is_patch = event.event_type is EventType.UPDATE
        if is_patch:
            base = old if is_moved and old is not None else key
            record, is_patch = self._merged(record, base, event.sub_index)
        if is_moved and old is not None:
            self._replace(old)
            self._moved.discard(key)
            if is_patch:
                self.moves.append(Move(old, key, key in self.replaced))
                self._moved.add(key)
        if key in self._siblings:
            self.shared.add(key)
        elif not self._is_partial:
            self._replace(key)
        self.rows.setdefault(key, {})[event.sub_index] = record
        self._patches.discard(place)
        if is_patch:
            self._patches.add(place)

    def _merged(self, record: JsonObject, key: Key, ordinal: int) -> tuple[JsonObject, bool]:
        """Return an update with what is known of its row, and whether something is not."""
        known = self.rows.get(key, {}).get(ordinal)
        if known is None:
            return record, key not in self.replaced
        if not known.keys() <= record.keys():
            record = {**known, **record}
        return record, (key, ordinal) in self._patches

    def _replace(self, key: Key) -> None:
        self.rows[key] = {}
        self.replaced.add(key)


def _key_or_none(record: Json, key_of: KeyOf) -> Key | None:
    """Return the key of a record as it was, where the source says it."""
    if not isinstance(record, dict):
        return None
    try:
        return key_of(record)
    except Unfit:
        return None
