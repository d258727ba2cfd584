"""The tables of the streams: found or made, and widened when a record brings a new field.

Every change is part of the transaction that needs it; `forget` follows a rollback.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from rivven_connect import ConfiguredCatalog, ConnectorError
from rivven_connect._sqlite import ANY, INTEGER, TEXT, affinity, quoted
from rivven_connect.connectors.sqlite_sink.names import OWN_PREFIX, digest, free_name
from rivven_connect.connectors.sqlite_sink.plans import StreamPlan
from rivven_connect.connectors.sqlite_sink.values import (
    Unfit,
)

MOST_COLUMNS = 1_000
"""Columns of a table; SQLite's own limit is 2,000, and hostile records bring a field each."""

KEY = f"{OWN_PREFIX}_key"
"""Our key: position and ordinal of the event, where the stream has no primary key."""

ORDINAL = f"{OWN_PREFIX}_sub"
"""The ordinal of a record among those that a transform made of one; 0 for nearly all."""

TYPE = f"{OWN_PREFIX}_type"
"""insert, update or delete, where a row is an event and not a record."""

SYNC = f"{OWN_PREFIX}_sync"
"""The unfinished sync that a row was written by."""

_KEY_PART = f"{OWN_PREFIX}_id_"
_INDEX = f"{OWN_PREFIX}_index~"
_DECLARED = {ORDINAL: "INTEGER NOT NULL DEFAULT 0", SYNC: INTEGER}


class Table:
    """The table of one stream."""

    def __init__(self, connection: sqlite3.Connection, plan: StreamPlan, name: str) -> None:
        self._connection = connection
        self._by_field: dict[str, str] = {}
        self.plan = plan
        self.name = name
        self.columns = {
            column: affinity(declared)
            for _, column, declared, *_ in connection.execute(f"PRAGMA table_info({quoted(name)})")
        }
        """Column -> affinity."""
        self.key: tuple[str, ...] = ()
        """The columns that tell rows apart; none where every event is a row."""

    def set_up(self) -> None:
        """Bring the table to what the stream's plan says."""
        self._add([self._missing(field) for field in self.plan.fields])
        if self.plan.upserts:
            if self.plan.primary_key:
                parts = [self._key_part(*part) for part in enumerate(self.plan.primary_key)]
                self.key = (*parts, self.own(ORDINAL))
            else:
                self.key = (self.own(KEY),)
        if self.columns:
            self._set_index()

    def column_of(self, field: str) -> str:
        """Return the column of a field, added where the table lacks it.

        Raises:
            Unfit: the table has too many columns.
        """
        if field not in self._by_field:
            if not isinstance(field, str):
                raise Unfit(f"the name of a field is a {type(field).__name__}, not a text")
            self._add([self._missing(field)])
        return self._by_field[field]

    def own(self, column: str) -> str:
        """Return the name of a column of ours, added where the table lacks it."""
        self._add([(column, _DECLARED.get(column, TEXT))])
        return column

    def has_fan_outs(self) -> bool:
        """Whether some record of a primary key is not alone."""
        found = self._connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM {quoted(self.name)} WHERE {quoted(ORDINAL)} <> 0)"  # noqa: S608  # quoted
        )
        return bool(found.fetchone()[0])

    def _missing(self, field: str) -> tuple[str, str]:
        """Give a field its column; return that and its type."""
        column = free_name(field, [*self.columns, *self._by_field.values()])
        self._by_field[field] = column
        return column, self.plan.fields.get(field, ANY)

    def _key_part(self, index: int, path: Sequence[str]) -> str:
        if len(path) == 1:
            return self.column_of(path[0])
        column = f"{_KEY_PART}{index}"
        self._add([(column, ANY)])
        return column

    def _add(self, wanted: Iterable[tuple[str, str]]) -> None:
        new = {column: kind for column, kind in wanted if column not in self.columns}
        if not new:
            return
        if len(self.columns) + len(new) > MOST_COLUMNS:
            raise Unfit(f"table {self.name} would have more than {MOST_COLUMNS} columns")
        definitions = [f"{quoted(column)} {kind}" for column, kind in new.items()]
        if self.columns:
            for definition in definitions:
                self._connection.execute(f"ALTER TABLE {quoted(self.name)} ADD COLUMN {definition}")
        else:
            self._connection.execute(f"CREATE TABLE {quoted(self.name)} ({', '.join(definitions)})")
        self.columns |= {column: affinity(kind) for column, kind in new.items()}

    def _set_index(self) -> None:
        """Let one unique index of ours stand: the one on the key."""
        wanted = f"{_INDEX}{digest(self.name, *self.key)}" if self.key else None
        part = f"{_INDEX}{digest(self.name, ORDINAL)}" if ORDINAL in self.key else None
        run = self._connection.execute
        found = run(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND name GLOB ?",
            (self.name, f"{_INDEX}*"),
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


class Tables:
    """All tables that the sink writes to."""

    def __init__(self, connection: sqlite3.Connection, template: str) -> None:
        self._connection = connection
        self._template = template
        self._plans: dict[str, StreamPlan] = {}
        self._tables: dict[str, Table] = {}
        self._names: dict[str, str] = {}
        self._upserts_unknown = False
        self._schema_version = -1

    def learn(self, catalog: ConfiguredCatalog) -> None:
        """Take over the streams of a catalog, and make or widen their tables.

        Raises:
            ConnectorError: two streams share a table, or a stream cannot be written as asked.
        """
        plans = [StreamPlan.of(chosen) for chosen in catalog.streams]
        self._plans |= {plan.name: plan for plan in plans}
        self._upserts_unknown = any(plan.upserts for plan in self._plans.values())
        self._tables.clear()
        try:
            for plan in plans:
                self.of(plan.name, plan.bare_name, plan.namespace)
        except Unfit as error:
            raise ConnectorError.configuration(str(error)) from None

    def of(self, name: str, bare_name: str, namespace: str | None) -> Table:
        """Return the table of a stream; one that no catalog named is written with our key.

        Raises:
            ConnectorError: another stream has the table.
        """
        table = self._tables.get(name)
        if table is None:
            plan = self._plans.get(name) or StreamPlan(
                name, bare_name, namespace, upserts=self._upserts_unknown
            )
            table = Table(self._connection, plan, self._table_name(plan))
            table.set_up()
            self._tables[name] = table
        return table

    def begin(self) -> None:
        """Forget the tables if somebody else has changed the database's schema."""
        (version,) = self._connection.execute("PRAGMA schema_version").fetchone()
        if version != self._schema_version:
            self.forget()
            self._schema_version = version

    def forget(self) -> None:
        """Look at the database again; after a rollback, what was made is no more."""
        self._tables.clear()

    def _table_name(self, plan: StreamPlan) -> str:
        """Return the table of a stream; once given, a name stays."""
        if plan.name in self._names:
            return self._names[plan.name]
        wanted = (
            self._template.replace("{stream}", "{0}")
            .replace("{name}", "{1}")
            .replace("{namespace}", "{2}")
            .format(plan.name, plan.bare_name, plan.namespace or "")
        )
        found = self._connection.execute("SELECT name FROM sqlite_master")
        existing = [name for (name,) in found.fetchall()]
        name = free_name(wanted, [*existing, *self._names.values()])
        for other, taken in self._names.items():
            if taken == name:
                raise ConnectorError.configuration(
                    f"streams {other!r} and {plan.name!r} both go to table {name!r}; let `table` "
                    "hold {stream}"
                )
        self._names[plan.name] = name
        return name
