"""Events to rows: all of a batch at once, and one by one to find those that cannot be stored."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence

from rivven_connect import EventType, Json, JsonObject, SourceEvent
from rivven_connect.connectors.sqlite_sink.changes import Changes, Key, Origin, record_of
from rivven_connect.connectors.sqlite_sink.statements import remove_rows, write_rows
from rivven_connect.connectors.sqlite_sink.tables import KEY, ORDINAL, SYNC, TYPE, Table, Tables
from rivven_connect.connectors.sqlite_sink.values import (
    UNFIT,
    Unfit,
    canonical_json,
    key_value,
)

_RECORD_ERRORS = (*UNFIT, sqlite3.IntegrityError, sqlite3.DataError)
"""What one record can be guilty of; also a constraint of a table that somebody else made."""


class Writer:
    """Writes events inside a transaction that its caller holds."""

    def __init__(self, connection: sqlite3.Connection, tables: Tables) -> None:
        self._connection = connection
        self._tables = tables
        self._origins: dict[str, Origin] = {}

    def write(
        self, events: Sequence[SourceEvent], sync: int | None
    ) -> list[tuple[SourceEvent, str]]:
        """Write the events; return those that cannot be stored, with the reason.

        Args:
            events: in their order.
            sync: the number of the unfinished attempt that the rows belong to, if they do.
        """
        data = [event for event in events if not event.is_control]
        try:
            with self._savepoint():
                self._write_all(data, sync)
        except _RECORD_ERRORS:
            return self._write_each(data, sync)
        return []

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

    def _write_each(
        self, events: Sequence[SourceEvent], sync: int | None
    ) -> list[tuple[SourceEvent, str]]:
        failed: list[tuple[SourceEvent, str]] = []
        for event in events:
            try:
                with self._savepoint():
                    self._write_all([event], sync)
            except _RECORD_ERRORS as error:
                failed.append((event, _reason(error)))
        return failed

    def _write_all(self, events: Sequence[SourceEvent], sync: int | None) -> None:
        by_stream: dict[str, list[SourceEvent]] = {}
        for event in events:
            by_stream.setdefault(event.full_name(), []).append(event)
        for name, group in by_stream.items():
            table = self._tables.of(name, group[0].stream, group[0].namespace)
            if table.plan.upserts and table.plan.primary_key:
                self._upsert(table, group)
            else:
                self._insert(table, group, sync)

    def _insert(self, table: Table, events: Sequence[SourceEvent], sync: int | None) -> None:
        """Write a row an event; with our key, an event that comes again finds its row."""
        records = [record_of(event) for event in events]
        own: dict[str, list[Json]] = {}
        if any(event.event_type is not EventType.RECORD for event in events) or not (
            table.columns or any(records)
        ):
            own[TYPE] = [_type_of(event) for event in events]
        if table.plan.upserts:
            own[KEY] = [_our_key(event) for event in events]
        if sync is not None:
            own[SYNC] = [sync] * len(events)
        write_rows(self._connection, table, records, own)

    def _upsert(self, table: Table, events: Sequence[SourceEvent]) -> None:
        """Bring the rows of each primary key to what its latest record gives."""
        name = table.plan.name
        paths = list(zip(table.plan.primary_key, table.key, strict=False))

        def key_of(record: JsonObject) -> Key:
            return tuple(
                key_value(_value_at(record, path), table.columns[column], column)
                for path, column in paths
            )

        changes = Changes(self._origins.get(name, Origin()))
        for event in events:
            changes.add(event, key_of)
        fanned_out = table.has_fan_outs()
        gone = [key for key in changes.replaced if fanned_out or changes.rows[key].keys() != {0}]
        remove_rows(self._connection, table, gone)
        found = [
            (key, ordinal, record)
            for key, rows in changes.rows.items()
            for ordinal, record in rows.items()
        ]
        if found:
            keys, ordinals, records = zip(*found, strict=True)
            own: dict[str, Sequence[Json]] = {ORDINAL: ordinals}
            for index, (path, column) in enumerate(paths):
                if len(path) > 1:
                    own[column] = [key[index] for key in keys]
            write_rows(self._connection, table, records, own)
        self._origins[name] = changes.origin

    @contextlib.contextmanager
    def _savepoint(self) -> Iterator[None]:
        run = self._connection.execute
        run("SAVEPOINT rows")
        try:
            with self.restoring():
                yield
        except _RECORD_ERRORS:
            run("ROLLBACK TO rows")
            raise
        finally:
            if self._connection.in_transaction:
                run("RELEASE rows")


def _value_at(record: JsonObject, path: Sequence[str]) -> Json:
    found: Json = record
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _our_key(event: SourceEvent) -> str:
    """Return what names an event in its stream.

    Raises:
        Unfit: nothing does.
    """
    if event.position is None:
        raise Unfit(
            "nothing tells this record from others: its stream has no primary key and its source gives "
            "no position; write it with mode append"
        )
    return canonical_json([event.position, event.sub_index])


def _type_of(event: SourceEvent) -> str | None:
    return None if event.event_type is EventType.RECORD else event.event_type.value


def _reason(error: Exception) -> str:
    if isinstance(error, Unfit | sqlite3.Error):
        return str(error)
    if isinstance(error, OverflowError):
        return "an integer is beyond 64 bits, the most that SQLite stores"
    if isinstance(error, UnicodeEncodeError):
        return "a text holds half of a surrogate pair, which UTF-8 lacks"
    return "the record is nested too deeply, or in itself"
