"""Records and changes of a table, each from its sequence number."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator

import msgspec

from rivven_connect import EventType, JsonObject
from rivven_connect.connectors.datagen_source._generated import DatagenSourceConfig
from rivven_connect.connectors.datagen_source.draws import Draws
from rivven_connect.connectors.datagen_source.patterns import PATTERNS

WINDOW = 10_000
"""Events after which the simulated table starts afresh; hence also the most rows that are known."""

_INSERTS, _UPDATES = 60, 30  # of 100; the rest deletes


class Change(msgspec.Struct, frozen=True):
    """One change of a row: the images before and after it, of which an insert or delete has one."""

    sequence: int
    event_type: EventType
    before: JsonObject | None
    after: JsonObject | None


class RecordMaker:
    """Makes the records that a config and a seed describe."""

    def __init__(self, config: DatagenSourceConfig, seed: int) -> None:
        self._seed = seed
        self._pattern = PATTERNS[config.pattern]
        self._numbered = config.include_sequence
        self._custom = config.custom_fields
        self._is_nested = any(isinstance(v, dict | list) for v in config.custom_fields.values())

    def record(self, sequence: int) -> JsonObject:
        """Return the record of one event."""
        made = self._pattern.make(Draws(self._seed, sequence), sequence)
        if self._numbered:
            made["_sequence"] = sequence
        # Records are their receiver's to change: they share nothing with one another.
        made.update(copy.deepcopy(self._custom) if self._is_nested else self._custom)
        return made

    def changes(self, start: int) -> Iterator[Change]:
        """Yield the changes from event `start` on, without end.

        Updates and deletes refer to rows that were inserted in the same window of 10,000 events.
        A window starts with an empty table, so resuming needs no stored rows: the events of the
        window that came before `start` are made again, at most 9,999 of them.
        """
        rows: list[JsonObject] = []
        for sequence in itertools.count(start - start % WINDOW):
            if sequence % WINDOW == 0:
                rows.clear()
            change = self._change(sequence, rows)
            if sequence >= start:
                yield change

    def _change(self, sequence: int, rows: list[JsonObject]) -> Change:
        """Return one change, and make it in `rows`."""
        draws = Draws(self._seed, sequence, b"change")
        roll = draws.below(100)
        if not rows or roll < _INSERTS:
            after = self.record(sequence)
            rows.append(after)
            return Change(sequence, EventType.INSERT, None, after)
        index = draws.below(len(rows))
        before = rows[index]
        if roll < _INSERTS + _UPDATES:
            key = self._pattern.key
            after = {**self.record(sequence), key: before[key]}
            rows[index] = after
            return Change(sequence, EventType.UPDATE, before, after)
        rows[index] = rows[-1]
        rows.pop()
        return Change(sequence, EventType.DELETE, before, None)
