"""The tables of the streams: found or made, and widened when a record brings a new field.

Every change is part of the transaction that needs it; `forget` follows a rollback.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from rivven_connect import ConnectorError, JsonObject
from rivven_connect._sqlite import ANY, INTEGER, TEXT, affinity
from rivven_connect._tables.changes import Key
from rivven_connect._tables.names import INDEX, KEY, KEY_PART, ORDINAL, SYNC, Naming, digest, quoted
from rivven_connect._tables.plans import StreamPlan
from rivven_connect._tables.records import part_at
from rivven_connect._tables.tables import Fields, Tables, require_room
from rivven_connect.connectors.sqlite_sink.values import column_type, key_value

NAMING = Naming(longest=200, refused_prefix="sqlite_", ignores_case=True)
_DECLARED = {ORDINAL: "INTEGER NOT NULL DEFAULT 0", SYNC: INTEGER}


class Table:
    """The table of one stream."""

    def __init__(self, connection: sqlite3.Connection, plan: StreamPlan, name: str) -> None:
        self._connection = connection
        self._fields = Fields(NAMING)
        self.plan = plan
        self.name = name
        self.columns = {
            column: affinity(declared)
            for _, column, declared, *_ in connection.execute(f"PRAGMA table_info({quoted(name)})")
        }
        """Column -> affinity."""
        self.key: tuple[str, ...] = ()
        """The columns that tell rows apart; none where every event is a row."""
        self.inner_key: dict[int, str] = {}
        """The parts of the primary key that stand inside of a field, by number, and their columns."""

    def set_up(self) -> None:
        """Bring the table to what the stream's plan says."""
        self._add_fields(self.plan.fields)
        if self.plan.upserts:
            if self.plan.primary_key:
                parts = [self._key_part(*part) for part in enumerate(self.plan.primary_key)]
                self.key = (*parts, self.own(ORDINAL))
            else:
                self.key = (self.own(KEY),)
        if self.columns:
            self._set_index()

    def key_of(self, record: JsonObject) -> Key:
        """Return the primary key of a record.

        Raises:
            Unfit: it has none that SQLite can store.
        """
        return tuple(
            key_value(part_at(record, path), self.columns[column], column)
            for path, column in zip(self.plan.primary_key, self.key, strict=False)
        )

    def column_of(self, field: str) -> str:
        """Return the column of a field, added where the table lacks it.

        Raises:
            Unfit: the table has too many columns.
        """
        self._add_fields((field,))
        return self._fields[field]

    def has_more_than(self, columns: Iterable[str]) -> bool:
        """Whether the table has data beside these columns."""
        return not self.columns.keys() <= {*columns, *self.key, SYNC}

    def own(self, column: str) -> str:
        """Return the name of a column of ours, added where the table lacks it."""
        self._add({column: _DECLARED.get(column, TEXT)})
        return column

    def has_fan_outs(self) -> bool:
        """Whether some record of a primary key is not alone."""
        found = self._connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM {quoted(self.name)} WHERE {quoted(ORDINAL)} <> 0)"  # noqa: S608  # quoted
        )
        return bool(found.fetchone()[0])

    def _add_fields(self, fields: Iterable[str]) -> None:
        """Give fields their columns; names are chosen one after the other, in this order."""
        missing = self._fields.missing(fields, self.columns)
        declared = self.plan.fields
        self._add(
            {
                column: column_type(declared[field]) if field in declared else ANY
                for field, column in missing.items()
            }
        )

    def _key_part(self, index: int, path: tuple[str, ...]) -> str:
        if len(path) == 1:
            return self.column_of(path[0])
        column = self.inner_key[index] = f"{KEY_PART}{index}"
        self._add({column: ANY})
        return column

    def _add(self, wanted: dict[str, str]) -> None:
        new = {column: kind for column, kind in wanted.items() if column not in self.columns}
        if not new:
            return
        require_room(self.name, self.columns, new)
        definitions = [f"{quoted(column)} {kind}" for column, kind in new.items()]
        if self.columns:
            for definition in definitions:
                self._connection.execute(f"ALTER TABLE {quoted(self.name)} ADD COLUMN {definition}")
        else:
            self._connection.execute(f"CREATE TABLE {quoted(self.name)} ({', '.join(definitions)})")
        self.columns |= {column: affinity(kind) for column, kind in new.items()}

    def _set_index(self) -> None:
        """Let one unique index of ours stand: the one on the key."""
        wanted = f"{INDEX}{digest(self.name, *self.key)}" if self.key else None
        part = f"{INDEX}{digest(self.name, ORDINAL)}" if ORDINAL in self.key else None
        run = self._connection.execute
        found = run(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND name GLOB ?",
            (self.name, f"{INDEX}*"),
        )
        standing = {name for (name,) in found.fetchall()}
        for name in standing - {wanted, part}:
            run(f"DROP INDEX {quoted(name)}")
        if wanted is not None and wanted not in standing:
            columns = ", ".join(map(quoted, self.key))
            try:
                run(f"CREATE UNIQUE INDEX {quoted(wanted)} ON {quoted(self.name)} ({columns})")
            except sqlite3.IntegrityError as error:
                raise ConnectorError.configuration(
                    f"table {self.name} cannot be upserted into: it has several rows of one key "
                    f"({columns}); remove them, or name another table"
                ) from error
        if part is not None and part not in standing:
            run(
                f"CREATE INDEX {quoted(part)} ON {quoted(self.name)} ({quoted(ORDINAL)}) "
                f"WHERE {quoted(ORDINAL)} <> 0"
            )


def tables_of(connection: sqlite3.Connection, template: str) -> Tables[Table, str]:
    """Return the tables of a database's streams, named by the template."""

    def place(plan: StreamPlan, taken: Collection[str]) -> str:
        found = connection.execute("SELECT name FROM sqlite_master").fetchall()
        return NAMING.free_name(plan.filled(template), [*(name for (name,) in found), *taken])

    return Tables(place, lambda plan, name: Table(connection, plan, name))
