"""The statements that write rows. Names are quoted; values travel apart from them, as texts.

Rows that replace others come as one array of texts a column, which `unnest` makes a table of: as fast
as a staging table for large batches, faster for small ones, and nothing is left behind in the catalog.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from rivven_connect import Json, JsonObject
from rivven_connect._tables.changes import Changes, Rows
from rivven_connect._tables.names import KEY, ORDINAL
from rivven_connect._tables.records import UNFIT, Unfit, unfit_reason
from rivven_connect.connectors.postgres_sink.database import Database
from rivven_connect.connectors.postgres_sink.faults import RefusedByServer, refusal
from rivven_connect.connectors.postgres_sink.row_sources import (
    Columns,
    arrays,
    equal,
    key_columns,
    names,
    unnested,
)
from rivven_connect.connectors.postgres_sink.tables import Table
from rivven_connect.connectors.postgres_sink.values import Texts, copy_rows, texts_of
from rivven_connect.postgres import quoted


class _SameKeys(Exception):
    """Two keys of a batch are the same to PostgreSQL, though their texts differ."""


class Statements:
    """Writes to tables in a transaction that the caller holds."""

    record_errors: tuple[type[Exception], ...] = (*UNFIT, RefusedByServer, _SameKeys)

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did if a record is to blame; constraints are checked at its end."""
        self._database.run("SAVEPOINT rows")
        try:
            yield
            self._database.run("SET CONSTRAINTS ALL IMMEDIATE; RELEASE SAVEPOINT rows")
        except Exception as error:
            found = error if isinstance(error, self.record_errors) else refusal(error)
            if found is None:
                raise
            self._database.run("ROLLBACK TO SAVEPOINT rows; RELEASE SAVEPOINT rows")
            raise found from None

    def reason(self, error: Exception) -> str:
        """Return why a record was refused."""
        return unfit_reason(error)

    def insert(
        self, table: Table, records: Sequence[JsonObject], own: Mapping[str, Sequence[Json]]
    ) -> None:
        """Write one row a record; with our key, an event that comes again finds its row."""
        if KEY in own:
            last = {key: place for place, key in enumerate(own[KEY])}
            records = [records[place] for place in last.values()]
            own = {name: [values[place] for place in last.values()] for name, values in own.items()}
            self._upsert(table, self._columns(table, records, own))
            return
        columns = self._columns(table, records, own)
        if columns:
            statement = f"COPY {table.place.sql} ({names(columns)}) FROM STDIN"
            self._database.copy(statement, copy_rows(list(columns.values())))
        else:  # empty records, into a table that has columns from other ones
            statement = f"INSERT INTO {table.place.sql} DEFAULT VALUES"
            self._database.run_many(statement, [()] * len(records))

    def empty(self, table: Table) -> None:
        """Delete all rows; not by TRUNCATE, which locks readers out and stops at foreign keys."""
        self._database.run(f"DELETE FROM {table.place.sql}")  # noqa: S608  # quoted

    def apply(self, table: Table, changes: Changes) -> None:
        """Bring the rows of each primary key to what the changes say."""
        if changes.has_ordinals() and not table.has_ordinals:
            table.add_ordinals()
        if not table.has_ordinals and any(changes.rows[key] for key in changes.shared):
            raise Unfit(
                "a transform made several records of one that share their primary key, and an index "
                "of the table allows one"
            )
        self._settle(table, changes)
        groups = [(group, self._group(table, group)) for group in changes.groups()]
        self._move(table, changes)
        self._remove(table, changes)
        for group, columns in groups:
            if group.is_patch and table.has_more_than(columns):
                self._patch(table, columns)
            else:
                self._upsert(table, columns)

    def _group(self, table: Table, group: Rows) -> dict[str, Texts]:
        own: dict[str, Sequence[Json]] = {
            column: [key[index] for key in group.keys] for index, column in table.inner_key.items()
        }
        if table.has_ordinals:
            own[ORDINAL] = group.ordinals
        return self._columns(table, group.records, own)

    def _columns(
        self, table: Table, records: Sequence[JsonObject], own: Mapping[str, Sequence[Json]]
    ) -> dict[str, Texts]:
        """Return column -> texts; what the table lacks becomes a column of it."""
        fields = table.columns_of(dict.fromkeys(field for record in records for field in record))
        table.own(*own)
        given = {
            column: [record.get(field) for record in records] for field, column in fields.items()
        }
        return {
            column: texts_of(values, table.columns[column].kind, column)
            for column, values in (given | dict(own)).items()
            if table.may_write(column)
        }

    def _upsert(self, table: Table, columns: Columns) -> None:
        """Insert rows, or let them replace those of their key."""
        reset = [*table.reset_columns(columns), *_changing_key(table)]
        sets = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in reset)
        action = f"UPDATE SET {sets}" if sets else "NOTHING"
        self._database.run(
            f"INSERT INTO {table.place.sql} ({names(columns)}) OVERRIDING SYSTEM VALUE "  # noqa: S608  # quoted
            f"SELECT {names(columns, 'new')} FROM {unnested(table, columns)} AS new "
            f"ON CONFLICT ({names(table.conflict)}) DO {action}",
            arrays(columns),
        )

    def _patch(self, table: Table, columns: Columns) -> None:
        """Change columns of rows, or insert those that are missing.

        Not by `ON CONFLICT`: a column that may not be null fails before the conflict is found.
        """
        rows, values = unnested(table, columns), arrays(columns)
        is_same = equal("old", "new", table.conflict)
        sets = ", ".join(
            f"{quoted(name)} = new.{quoted(name)}"
            for name in columns
            if name in _changing_key(table)
            or (name not in table.conflict and not table.columns[name].is_own_identity)
        )
        if sets:
            self._database.run(
                f"UPDATE {table.place.sql} AS old SET {sets} FROM {rows} AS new WHERE {is_same}",  # noqa: S608  # quoted
                values,
            )
        self._database.run(
            f"INSERT INTO {table.place.sql} ({names(columns)}) OVERRIDING SYSTEM VALUE "  # noqa: S608  # quoted
            f"SELECT {names(columns, 'new')} FROM {rows} AS new "
            f"WHERE NOT EXISTS (SELECT FROM {table.place.sql} AS old WHERE {is_same})",
            values,
        )

    def _settle(self, table: Table, changes: Changes) -> None:
        """See to it that no two keys are the same to PostgreSQL.

        Raises:
            _SameKeys: two are, of several events; one by one they are in order.
        """
        if len(changes.rows) < 2 or table.tells_keys_apart():
            return
        columns = key_columns(table, changes.rows)
        found = self._database.run(
            f"SELECT count(DISTINCT ({names(columns, 'key')})) "  # noqa: S608  # quoted
            f"FROM {unnested(table, columns)} AS key",
            arrays(columns),
        ).fetchall()
        if found[0][0] < len(changes.rows):
            if changes.count > 1:
                raise _SameKeys
            changes.stay()

    def _move(self, table: Table, changes: Changes) -> None:
        """Give rows their new key where an update does not say all that was in them."""
        known = {frozenset(record) for record in changes.moved_records()}
        if not any(table.has_more_than(table.columns_of(one).values()) for one in known):
            return
        name = table.place.sql
        is_old, is_new = equal("row", "old", table.key), equal("row", "new", table.key)
        keys = (
            f"{unnested(table, table.key)} AS old, "
            f"{unnested(table, table.key, first=1 + len(table.key))} AS new"
        )
        for move in changes.moves:
            values = [
                text for key in (move.old, move.new) for text in arrays(key_columns(table, [key]))
            ]
            is_doomed, is_kept = (is_new, is_old) if move.is_free else (is_old, is_new)
            self._database.run(
                f"DELETE FROM {name} AS row USING {keys} WHERE {is_doomed} AND EXISTS "  # noqa: S608  # quoted
                f"(SELECT FROM {name} AS row WHERE {is_kept})",
                values,
            )
            sets = ", ".join(f"{quoted(one)} = new.{quoted(one)}" for one in table.key)
            self._database.run(
                f"UPDATE {name} AS row SET {sets} FROM {keys} WHERE {is_old}",  # noqa: S608  # quoted
                values,
            )

    def _remove(self, table: Table, changes: Changes) -> None:
        """Remove the rows of replaced keys that nothing replaces."""
        rows = changes.rows
        gone = [key for key in changes.replaced if table.has_ordinals or not rows[key]]
        if not gone:
            return
        columns = key_columns(table, gone)
        condition = equal("old", "gone", table.key)
        values, others = arrays(columns), {}
        if table.has_ordinals:
            kept = [f"{{{','.join(map(str, rows[key]))}}}" for key in gone]
            values += arrays({"kept": kept})
            others["kept"] = "integer[]"
            condition += f" AND old.{quoted(ORDINAL)} <> ALL (gone.kept)"
        source = unnested(table, columns, others)
        self._database.run(
            f"DELETE FROM {table.place.sql} AS old USING {source} AS gone WHERE {condition}",  # noqa: S608  # quoted
            values,
        )


def _changing_key(table: Table) -> tuple[str, ...]:
    """Return the columns of a key whose text may change though it stays the same key."""
    return () if table.tells_keys_apart() else table.key
