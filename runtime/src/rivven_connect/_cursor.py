"""Follows the cursor of one stream: where to begin, what was seen there, what to save.

Rules (contracts.md, "Source"): the cursor is inclusive; records that were already delivered at it
are dropped, by primary key and as long as they are what they were; `ascending` is checked once per
chunk, and a stream that goes down loses its resume points inside a sync.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import logging
from collections.abc import Callable
from typing import Any

from rivven_connect._errors import ConnectorError
from rivven_connect._json import UNENCODABLE, Json, JsonObject, encode_sorted, field_values
from rivven_connect._streams import StreamSpec, value_at

_log = logging.getLogger("rivven_connect.read")

CURSOR, SEEN, VERSIONS, PAGED = "cursor", "seen", "versions", "paged"
COMPLETE, UNORDERED = "complete", "unordered"

_DIGEST_BYTES = 6

MOST_TIES = 10_000
"""Records at one cursor value that a state names; of more, those at the value are repeated."""


class CursorTracker:
    """The cursor of one stream in one sync.

    The state is `{"cursor": value, "seen": [primary keys at it], "versions": [digests of those
    records]}`; of a page's token, `{"cursor": token, "paged": true}`. `complete` holds the number of
    the sync that a stream without resume points has finished, `unordered` that the stream went down
    once. A key without a version, in a state from elsewhere, stands for whatever its record is.
    """

    def __init__(self, spec: StreamSpec[Any], start: JsonObject, *, incremental: bool) -> None:
        self._spec = spec
        self._start = start
        self._incremental = incremental
        resumes = incremental or COMPLETE not in start
        seen: list[Json] = start.get(SEEN, []) if incremental else []
        known = itertools.chain(start.get(VERSIONS, []), itertools.repeat(""))
        self._ties = {_key(one): (one, version) for one, version in zip(seen, known, strict=False)}
        """Key and version of each record at the cursor's value."""
        self._repeats = {key: version for key, (_, version) in self._ties.items()}
        self._too_many = False
        self._has_records = False
        self._paged = bool(start.get(PAGED))
        self._ascends = (
            incremental and spec.cursor_order == "ascending" and not start.get(UNORDERED)
        )
        self.first: Json = start.get(CURSOR) if resumes else None
        """What the hook gets."""
        self._cursor = self.first
        self._value: Callable[[Any], Any] | None = None
        """What a cursor's text stands for, where texts have another order."""

    @property
    def has_resume_points(self) -> bool:
        """Whether the stream may be left between two records; else only its end counts."""
        return self._ascends

    def without_repeats(self, records: list[Any]) -> list[Any]:
        """Drop what an earlier run delivered at the very cursor that this one started from."""
        if not self._repeats:
            return records
        return [one for one in records if not (self._may_be_repeat(one) and self._is_repeat(one))]

    def without_repeated_rows(self, batch: Any) -> Any:
        """Drop the same from an Arrow batch."""
        if not self._repeats:
            return batch
        from rivven_connect._arrow import to_rows  # noqa: PLC0415  # only who has Arrow needs it

        wanted = [
            index
            for index, row in enumerate(to_rows(self._told(batch)))
            if not (self._may_be_repeat(row) and self._is_repeat(to_rows(batch.slice(index, 1))[0]))
        ]
        if len(wanted) == len(batch):
            return batch
        return batch.take(wanted) if wanted else batch.slice(0, 0)

    def _may_be_repeat(self, record: Any) -> bool:
        """Whether a record is one that was delivered, by cursor and primary key."""
        is_there = record.get(self._spec.cursor or "") == self.first
        return is_there and _key(self._primary_key(record)) in self._repeats

    def _is_repeat(self, record: Any) -> bool:
        """Whether such a record has not changed since: it may have, within one tick of its clock."""
        known = self._repeats[_key(self._primary_key(record))]
        return known in ("", _version(record))

    def advance_columns(self, batch: Any) -> JsonObject | None:
        """Follow the cursor through an Arrow batch, as `advance` does through records."""
        if not len(batch) or not self._follows():
            return None
        from rivven_connect._arrow import milestones, to_rows, value_of_text  # noqa: PLC0415  # only who has Arrow

        field = self._spec.cursor or ""
        self._value = value_of_text(batch, field)
        few = milestones(batch, field, ascending=self._ascends)
        return self.advance(to_rows(batch) if few is None else few)

    def _told(self, batch: Any) -> Any:
        """Return the columns of an Arrow batch that cursor and keys are in: rows of all cost more."""
        names = {self._spec.cursor, *(path[0] for path in self._spec.primary_key)}
        wanted = [place for place, name in enumerate(batch.schema.names) if name in names]
        return batch.select(wanted) if wanted else batch

    def _follows(self) -> bool:
        """Whether the cursor is taken from the records."""
        return self._incremental and self._spec.cursor is not None and not self._paged

    def turn_page(self, token: Json) -> JsonObject:
        """Note a page's token; return the state after the page.

        A token is no value of the cursor field, and is never compared with one.
        """
        self._cursor, self._paged = token, True
        self._forget_ties()
        return {CURSOR: token, PAGED: True} if self._incremental else {CURSOR: token}

    def advance(self, records: list[Any]) -> JsonObject | None:
        """Follow the cursor through records; return the state after them, if there is one.

        Raises:
            ConnectorError: a record is no object, or two values of the cursor cannot be compared.
        """
        field = self._spec.cursor
        if not records or not self._follows():
            return None
        self._has_records = True
        try:
            values = field_values(records, field)
        except AttributeError as error:
            raise ConnectorError.internal(
                f"{self._spec.hook} yields records that are objects, lists of them, pages or Poison"
            ) from error
        try:
            rollback = self._verify_order(values)
            self._follow(values, records)
        except TypeError as error:
            raise ConnectorError.data(
                f"stream {self._spec.name!r}: values of the cursor field {field!r} cannot be "
                "compared"
            ) from error
        return self._state() if self._ascends else rollback

    def finish(self, sync_id: int) -> JsonObject:
        """Return the state of a stream that was read to its end in sync `sync_id`."""
        if self._has_records and self._cursor is None:
            _log.warning(
                "stream %s: no record has a value in %s, its cursor, so the next run reads all of "
                "them again; is the field's name right?",
                self._spec.name,
                self._spec.cursor,
            )
        final: JsonObject = {COMPLETE: sync_id}
        if self._incremental and self._cursor is not None:
            final |= {CURSOR: self._cursor, PAGED: True} if self._paged else self._state()
        if self._incremental and self._spec.cursor_order == "ascending":
            final[UNORDERED] = True
        return final

    def _state(self) -> JsonObject:
        ties = self._ties.values()
        found = {CURSOR: self._cursor, SEEN: [key for key, _ in ties]}
        versions = [version for _, version in ties]
        return found | {VERSIONS: versions} if any(versions) else found

    def _verify_order(self, values: list[Any]) -> JsonObject | None:
        """Check `cursor_order: ascending`; return the state to go back to if it does not hold."""
        if not self._ascends:
            return None
        if _ascends(values, self._value) and (
            self._cursor is None or self._of(self._cursor) <= self._of(values[0])
        ):
            return None
        self._ascends = False
        _log.warning(
            "stream %s is declared ascending and its %s %s: it is now read as unordered, "
            "without resume points inside a sync",
            self._spec.name,
            self._spec.cursor,
            "is missing or null in a record" if None in values else "went down",
        )
        begin = {key: value for key, value in self._start.items() if key != COMPLETE}
        return {**begin, UNORDERED: True}

    def _follow(self, values: list[Any], records: list[Any]) -> None:
        # What ascends ends with its highest.
        present = values[-1:] if self._ascends else [one for one in values if one is not None]
        if not present:
            return
        highest = max(present, key=self._value)
        if self._cursor is None or self._of(highest) > self._of(self._cursor):
            self._cursor, self._too_many = highest, False
            self._forget_ties()
            if self._ascends:
                self._repeats.clear()  # they are behind
        elif self._of(highest) < self._of(self._cursor):
            return
        if self._spec.primary_key and not self._too_many:
            of = self._of(highest)
            first = bisect.bisect_left(values, of, key=self._value) if self._ascends else 0
            ties = [
                record
                for value, record in zip(values[first:], records[first:], strict=True)
                if value == highest
            ]
            # A record that often changes has one place.
            for record in ties:
                key = self._primary_key(record)
                self._ties[_key(key)] = key, _version(record)
            self._bound_ties()

    def _of(self, value: Any) -> Any:
        """Return what can be compared of a value of the cursor."""
        return value if self._value is None else self._value(value)

    def _bound_ties(self) -> None:
        """Keep the state small: a state that named every tie would be written once per chunk."""
        if len(self._ties) > MOST_TIES:
            self._forget_ties()
            self._too_many = True
            _log.warning(
                "stream %s has more than %s records at one %s: a restart there repeats them",
                self._spec.name,
                MOST_TIES,
                self._spec.cursor,
            )

    def _forget_ties(self) -> None:
        self._ties = {}

    def _primary_key(self, record: Any) -> Json:
        return [value_at(record, path) for path in self._spec.primary_key]


def _ascends(values: list[Any], order: Callable[[Any], Any] | None) -> bool:
    """Whether no value is lower than the one before, and all are there.

    Raises:
        TypeError: two values cannot be compared.
    """
    try:
        # Sorting what is sorted takes one pass. None has no place in an order, nor a value in one.
        return sorted(values, key=order) == values and values[0] is not None
    except TypeError:
        if None in values:
            return False
        raise


def _key(primary_key: Json) -> str:
    """Return a hashable form of a key that may hold any JSON."""
    return repr(primary_key)


def _version(record: Any) -> str:
    """Return a digest of a record, the same for equal ones; empty where a record is not JSON."""
    try:
        raw = encode_sorted(record)
    except UNENCODABLE:
        return ""
    return hashlib.blake2b(raw, digest_size=_DIGEST_BYTES).hexdigest()
