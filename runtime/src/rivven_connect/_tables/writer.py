"""Events to rows: all of a batch at once, and in ever smaller parts to find those that cannot be stored."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, Protocol, TypeVar

from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import Json, JsonObject
from rivven_connect._tables.changes import Changes, Key, Origin
from rivven_connect._tables.names import KEY, SYNC, TYPE
from rivven_connect._tables.plans import StreamPlan
from rivven_connect._tables.records import our_key, record_of, type_of
from rivven_connect._tables.results import Refusals
from rivven_connect._tables.tables import Tables


class WrittenTable(Protocol):
    """What the writer asks of a dialect's table."""

    @property
    def plan(self) -> StreamPlan:
        """What is known of its stream."""

    @property
    def columns(self) -> Mapping[str, object]:
        """The columns that it has by now."""

    def set_up(self) -> None:
        """Bring the table to what the plan says."""

    def key_of(self, record: JsonObject) -> Key:
        """Return the primary key of a record.

        Raises:
            Unfit: it has none that can be stored.
        """


TableT = TypeVar("TableT", bound=WrittenTable)
TableT_contra = TypeVar("TableT_contra", bound=WrittenTable, contravariant=True)


class Dialect(Protocol[TableT_contra]):
    """The statements of a database, in a transaction that somebody else holds."""

    record_errors: tuple[type[Exception], ...]
    """What one record can be guilty of; also a constraint of a table that somebody else made."""

    def savepoint(self) -> AbstractContextManager[object]:
        """Undo what the block did if it ends with one of `record_errors`."""

    def insert(
        self, table: TableT_contra, records: Sequence[JsonObject], own: Mapping[str, Sequence[Json]]
    ) -> None:
        """Write one row a record, with columns of ours; with our key, it replaces the row of that key."""

    def empty(self, table: TableT_contra) -> None:
        """Delete all rows."""

    def apply(self, table: TableT_contra, changes: Changes) -> None:
        """Bring the rows of each primary key to what the changes say."""

    def reason(self, error: Exception) -> str:
        """Return one of `record_errors` in words."""


class Writer(Generic[TableT]):
    """Writes events inside a transaction that its caller holds."""

    def __init__(self, dialect: Dialect[TableT], tables: Tables[TableT, Any]) -> None:
        self._dialect = dialect
        self._tables = tables
        self._origins: dict[str, Origin] = {}

    def write(self, events: Sequence[SourceEvent], sync: int | None) -> Refusals:
        """Write the events; return those that cannot be stored, with the reason.

        Args:
            events: in their order.
            sync: the number of the unfinished attempt that the rows belong to, if they do.
        """
        return self._write_part([event for event in events if not event.is_control], sync)

    def follow(self, events: Sequence[SourceEvent]) -> None:
        """Know what events came to that are written already."""
        for table, group in self._by_table(events):
            if table.plan.upserts and table.plan.primary_key:
                records = (one for one in group if one.event_type is not EventType.TRUNCATE)
                self._changes(table, records)

    @contextlib.contextmanager
    def restoring(self) -> Iterator[None]:
        """Forget what the block did if it fails: its transaction is rolled back."""
        origins = dict(self._origins)
        try:
            yield
        except BaseException:
            self._origins = origins
            self._tables.forget()
            raise

    def _write_part(self, events: Sequence[SourceEvent], sync: int | None) -> Refusals:
        if not events:
            return []
        try:
            with self._dialect.savepoint(), self.restoring():
                self._write_all(events, sync)
        except self._dialect.record_errors as error:
            if len(events) == 1:
                return [(events[0], self._dialect.reason(error))]
            half = len(events) // 2
            failed = self._write_part(events[:half], sync)
            return failed + self._write_part(events[half:], sync)
        return []

    def _write_all(self, events: Sequence[SourceEvent], sync: int | None) -> None:
        for table, group in self._by_table(events):
            if table.plan.upserts and table.plan.primary_key:
                self._upsert(table, group)
            else:
                self._insert(table, group, sync)

    def _upsert(self, table: TableT, events: Sequence[SourceEvent]) -> None:
        """Bring the rows of each primary key to what its latest record gives."""
        between: list[SourceEvent] = []
        for event in events:
            if event.event_type is EventType.TRUNCATE:
                self._dialect.apply(table, self._changes(table, between))
                self._dialect.empty(table)
                between = []
            else:
                between.append(event)
        self._dialect.apply(table, self._changes(table, between))

    def _by_table(
        self, events: Sequence[SourceEvent]
    ) -> Iterator[tuple[TableT, list[SourceEvent]]]:
        by_stream: dict[str, list[SourceEvent]] = {}
        for event in events:
            if not event.is_control:
                by_stream.setdefault(event.full_name(), []).append(event)
        for name, group in by_stream.items():
            yield self._tables.of(name, group[0].stream, group[0].namespace), group

    def _insert(self, table: TableT, events: Sequence[SourceEvent], sync: int | None) -> None:
        """Write a row an event; with our key, an event that comes again finds its row."""
        records = [record_of(event) for event in events]
        own: dict[str, Sequence[Json]] = {}
        if any(event.event_type is not EventType.RECORD for event in events) or not (
            table.columns or any(records)
        ):
            own[TYPE] = [type_of(event) for event in events]
        if table.plan.upserts:
            own[KEY] = [our_key(event) for event in events]
        if sync is not None:
            own[SYNC] = [sync] * len(events)
        self._dialect.insert(table, records, own)

    def _changes(self, table: TableT, events: Iterable[SourceEvent]) -> Changes:
        """Return what the events of a stream come to."""
        name = table.plan.name
        changes = Changes(self._origins.get(name, Origin()))
        for event in events:
            changes.add(event, table.key_of)
        self._origins[name] = changes.origin
        return changes
