"""The statements that write rows. Names are quoted, values are bound."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from rivven_connect import Json, JsonObject
from rivven_connect._tables.changes import Changes, Key
from rivven_connect._tables.names import ORDINAL, SYNC, quoted
from rivven_connect._tables.records import UNFIT, unfit_reason
from rivven_connect.connectors.sqlite_sink.tables import Table
from rivven_connect.connectors.sqlite_sink.values import column_values


class Statements:
    """Writes to tables in a transaction that the caller holds."""

    record_errors: tuple[type[Exception], ...] = (*UNFIT, sqlite3.IntegrityError, sqlite3.DataError)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did if a record is to blame."""
        run = self._connection.execute
        run("SAVEPOINT rows")
        try:
            yield
        except self.record_errors:
            run("ROLLBACK TO rows")
            raise
        finally:
            if self._connection.in_transaction:
                run("RELEASE rows")

    def reason(self, error: Exception) -> str:
        """Return why a record was refused."""
        return str(error) if isinstance(error, sqlite3.Error) else unfit_reason(error)

    def empty(self, table: Table) -> None:
        """Delete all rows."""
        self._connection.execute(f"DELETE FROM {quoted(table.name)}")  # noqa: S608  # quoted

    def apply(self, table: Table, changes: Changes) -> None:
        """Bring the rows of each primary key to what the changes say."""
        self._move(table, changes)
        self._remove(table, changes)
        for group in changes.groups():
            own: dict[str, Sequence[Json]] = {ORDINAL: group.ordinals}
            for index, column in table.inner_key.items():
                own[column] = [key[index] for key in group.keys]
            bound = self._bound(table, group.records, own)
            if group.is_patch and table.has_more_than(bound):
                self._patch(table, bound)
            else:
                self._connection.executemany(_insert(table, list(bound)), _rows(bound))

    def insert(
        self, table: Table, records: Sequence[JsonObject], own: Mapping[str, Sequence[Json]]
    ) -> None:
        """Write one row a record; where the table has a key, a row of that key becomes the new one."""
        bound = self._bound(table, records, own)
        if not bound:  # empty records, into a table that has columns from other ones
            bound[next(iter(table.columns))] = [None] * len(records)
        self._connection.executemany(_insert(table, list(bound)), _rows(bound))

    def _bound(
        self, table: Table, records: Sequence[JsonObject], own: Mapping[str, Sequence[Json]]
    ) -> dict[str, Sequence[Json]]:
        """Return column -> values; what the table lacks becomes a column of it."""
        fields = dict.fromkeys(field for record in records for field in record)
        bound: dict[str, Sequence[Json]] = {}
        for field in fields:
            column = table.column_of(field)
            values = [record.get(field) for record in records]
            bound[column] = column_values(values, table.columns[column], column)
        return bound | {table.own(column): values for column, values in own.items()}

    def _patch(self, table: Table, bound: Mapping[str, Sequence[Json]]) -> None:
        """Change columns of rows, or insert those that are missing.

        Not by `ON CONFLICT`: what a patch lacks may have no default.
        """
        name, condition = quoted(table.name), _equal(table.key)
        keys = list(zip(*(bound[column] for column in table.key), strict=True))
        changed = [column for column in bound if column not in table.key]
        if changed:
            sets = ", ".join(f"{quoted(column)} = ?" for column in changed)
            values = zip(*(bound[column] for column in changed), strict=True)
            self._connection.executemany(
                f"UPDATE {name} SET {sets} WHERE {condition}",  # noqa: S608  # quoted
                [(*row, *key) for row, key in zip(values, keys, strict=True)],
            )
        places = ", ".join("?" * len(bound))
        self._connection.executemany(
            f"INSERT INTO {name} ({_list(bound)}) SELECT {places} "  # noqa: S608  # quoted
            f"WHERE NOT EXISTS (SELECT 1 FROM {name} WHERE {condition})",
            [(*row, *key) for row, key in zip(_rows(bound), keys, strict=True)],
        )

    def _move(self, table: Table, changes: Changes) -> None:
        """Give rows their new key where an update does not say all that was in them."""
        known = {frozenset(record) for record in changes.moved_records()}
        if not any(table.has_more_than(map(table.column_of, fields)) for fields in known):
            return
        name, columns = quoted(table.name), table.key[:-1]
        condition = _equal(columns)
        sets = ", ".join(f"{quoted(column)} = ?" for column in columns)
        for move in changes.moves:
            self._connection.execute(
                f"DELETE FROM {name} WHERE {condition} "  # noqa: S608  # quoted
                f"AND EXISTS (SELECT 1 FROM {name} WHERE {condition})",
                (*move.doomed, *move.kept),
            )
            self._connection.execute(
                f"UPDATE {name} SET {sets} WHERE {condition}",  # noqa: S608  # quoted
                (*move.new, *move.old),
            )

    def _remove(self, table: Table, changes: Changes) -> None:
        """Remove the rows of replaced keys; one that an update changes stays."""
        fanned_out = table.has_fan_outs()
        gone: list[Key] = []
        kept: list[tuple[Json, ...]] = []
        for key in changes.replaced:
            rows = changes.rows[key]
            if not fanned_out and rows.keys() == {0}:
                continue
            if changes.has_patch(key):
                kept.append((*key, msgspec.json.encode(list(rows)).decode()))
            else:
                gone.append(key)
        statement = f"DELETE FROM {quoted(table.name)} WHERE {_equal(table.key[:-1])}"  # noqa: S608  # quoted
        self._connection.executemany(statement, gone)
        self._connection.executemany(
            f"{statement} AND {quoted(ORDINAL)} NOT IN (SELECT value FROM json_each(?))",  # noqa: S608  # quoted
            kept,
        )


def _rows(bound: Mapping[str, Sequence[Json]]) -> Iterator[tuple[Json, ...]]:
    return zip(*bound.values(), strict=True)


def _list(columns: Iterable[str]) -> str:
    return ", ".join(map(quoted, columns))


def _equal(columns: Iterable[str]) -> str:
    return " AND ".join(f"{quoted(column)} = ?" for column in columns)


def _insert(table: Table, columns: Sequence[str]) -> str:
    places = ", ".join("?" * len(columns))
    text = f"INSERT INTO {quoted(table.name)} ({_list(columns)}) VALUES ({places})"  # noqa: S608  # quoted
    if not table.key:
        return text
    changed = [
        f"{quoted(column)} = excluded.{quoted(column)}"
        for column in table.columns
        # A row that a checkpoint covers stays one, and so does one of this attempt.
        if column not in (*table.key, SYNC)
    ]
    action = f"UPDATE SET {', '.join(changed)}" if changed else "NOTHING"
    return f"{text} ON CONFLICT ({_list(table.key)}) DO {action}"
