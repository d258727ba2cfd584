"""Which streams there are: tables of the catalog, and queries of the config."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import msgspec.structs

from rivven_connect import ConnectorError, Stream, SyncMode
from rivven_connect.connectors.postgres_source._generated import PostgresSourceConfig
from rivven_connect.connectors.postgres_source._generated.config import (
    Bulk,
    Incrementing,
    StreamOptions,
    Timestamp,
    TimestampIncrementing,
)
from rivven_connect.postgres import (
    Column,
    Shape,
    Table,
    Types,
    qualified,
    read_tables,
    read_types,
    table_schema,
    translated,
)

if TYPE_CHECKING:
    import psycopg

_log = logging.getLogger("rivven_connect.source")

_ROW_BYTES = 100
"""Of a row, on the disk, in a table that has never been analyzed."""

_ESTIMATE = b"""
SELECT t.oid::int8, sum(CASE WHEN c.reltuples > 0 THEN c.reltuples
                             ELSE pg_catalog.pg_relation_size(c.oid) / $2::float8 END)::int8
FROM unnest($1::oid[]) AS t(oid)
CROSS JOIN LATERAL (
    SELECT t.oid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(t.oid::regclass) p
) AS part(oid)
JOIN pg_catalog.pg_class c ON c.oid = part.oid AND c.relkind <> 'p'
GROUP BY t.oid
"""

Reading: TypeAlias = Bulk | Incrementing | Timestamp | TimestampIncrementing

_TIMES = (Shape.TIMESTAMP, Shape.TIMESTAMPTZ, Shape.DATE)
_ORDERED = (25, 1043, 2950)
"""text, varchar, uuid: types whose JSON has an order that the server has too."""


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """One stream: a table, or a query in its place. `sql` is what stands behind FROM."""

    name: str
    namespace: str | None = None
    sql: str
    columns: tuple[Column, ...]
    types: Types
    primary_key: tuple[str, ...] = ()
    unique_key: tuple[str, ...] = ()
    """The table's own primary key: what ranges are made of, because no two rows have the same."""
    reading: Reading
    rows: int = 0
    """About so many rows are in the table; 0 for what is none."""

    def full_name(self) -> str:
        """Return the stream's full name."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name

    def shape_of(self, name: str) -> Shape:
        """Return what JSON the values of a column are."""
        (column,) = [one for one in self.columns if one.name == name]
        found = self.types.get(column.type_oid)
        return found.shape if found else Shape.TEXT

    def cursor(self) -> str | None:
        """Return the column that is followed, if one is."""
        if isinstance(self.reading, Incrementing | Timestamp):
            return self.reading.column
        if isinstance(self.reading, TimestampIncrementing):
            return self.reading.timestamp_column
        return None

    def key(self) -> tuple[str, ...]:
        """Return the columns that tell rows apart."""
        if not self.primary_key and isinstance(self.reading, TimestampIncrementing):
            return (self.reading.incrementing_column,)
        return self.primary_key

    def stream(self) -> Stream:
        """Return the catalog entry."""
        modes = [SyncMode.FULL_REFRESH]
        cursor = self.cursor()
        if cursor is not None:
            modes.insert(0, SyncMode.INCREMENTAL)
        return Stream(
            name=self.name,
            namespace=self.namespace,
            json_schema=table_schema(self.columns, self.types),
            supported_sync_modes=modes,
            default_cursor_field=cursor,
            cursor_order="ascending" if cursor is not None else "unordered",
            source_defined_primary_key=[[name] for name in self.key()],
        )


def find_relations(
    connection: psycopg.Connection[Any], config: PostgresSourceConfig
) -> list[Relation]:
    """Return all streams, tables before queries.

    Raises:
        ConnectorError: a name of the config names nothing, or nothing that can be read so.
        psycopg.Error: the server cannot be asked.
    """
    queries = {name: one for name, one in config.streams.items() if one.query is not None}
    tables = _chosen_tables(connection, config)
    types = read_types(connection, {one.type_oid for table in tables for one in table.columns})
    known = [table.full_name() for table in tables]
    for name in config.streams:
        if name not in queries and name not in known:
            raise ConnectorError.configuration(
                f"`streams` names {name!r}, which is no table that is read{_near(name, known)}; a "
                "stream that is none needs a `query`"
            )
    rows = _estimates(connection, tables)
    found = [_table(one, types, config, rows.get(one.oid, 0)) for one in tables]
    found += [_query(connection, name, one, config) for name, one in queries.items()]
    seen: set[str] = set()
    for one in found:
        if one.full_name() in seen:
            raise ConnectorError.configuration(
                f"two streams would be called {one.full_name()!r}; read them by two sources"
            )
        seen.add(one.full_name())
        _require_cursor(one)
    return found


def _chosen_tables(
    connection: psycopg.Connection[Any], config: PostgresSourceConfig
) -> list[Table]:
    known = read_tables(connection, schemas=config.schemas, kinds="rpvmf")
    if config.tables is not None:
        return _named_tables(known, config.tables)
    offered = [
        one for one in known if one.kind in ("table", "partitioned") and not one.is_partition
    ]
    hidden = [one.full_name() for one in offered if not one.can_select]
    if hidden:
        _log.warning(
            "the role may not read these tables, which are left out: %s", ", ".join(hidden)
        )
    return [one for one in offered if one.can_select]


def _named_tables(known: Sequence[Table], names: Iterable[str]) -> list[Table]:
    chosen: dict[int, Table] = {}
    for name in names:
        found = [one for one in known if one.full_name() == name]
        found = found or [one for one in known if one.name == name]
        if not found:
            offered = [text for one in known for text in (one.full_name(), one.name)]
            raise ConnectorError.not_found(
                f"there is no table {name!r} that this role can see{_near(name, offered)}"
            )
        for one in found:
            if not one.can_select:
                sql = qualified(one.schema, one.name)
                raise ConnectorError.permission(
                    f"the role may not read {one.full_name()}: GRANT USAGE ON SCHEMA and GRANT "
                    f"SELECT ON {sql} to it"
                )
            chosen[one.oid] = one
    return list(chosen.values())


def _table(table: Table, types: Types, config: PostgresSourceConfig, rows: int) -> Relation:
    options = config.streams.get(table.full_name(), StreamOptions())
    return Relation(
        name=table.name,
        namespace=table.schema,
        sql=qualified(table.schema, table.name),
        columns=table.columns,
        types=types,
        primary_key=_key(table.full_name(), options, table.primary_key, table.columns),
        unique_key=table.primary_key,
        reading=options.read or config.read,
        rows=rows,
    )


def _estimates(connection: psycopg.Connection[Any], tables: Sequence[Table]) -> dict[int, int]:
    """Return about how many rows each table has, by its OID."""
    oids = [one.oid for one in tables if one.kind in ("table", "partitioned")]
    return dict(connection.execute(_ESTIMATE, [oids, _ROW_BYTES]).fetchall())


def _query(
    connection: psycopg.Connection[Any],
    name: str,
    options: StreamOptions,
    config: PostgresSourceConfig,
) -> Relation:
    namespace, dot, last = name.rpartition(".")
    if not all((last, namespace or not dot)):
        raise ConnectorError.configuration(f"{name!r} cannot be the name of a stream")
    sql = "(" + (options.query or "").strip().removesuffix(";") + "\n)"
    columns = _described(connection, name, sql)
    return Relation(
        name=last,
        namespace=namespace or None,
        sql=sql,
        columns=columns,
        types=read_types(connection, [one.type_oid for one in columns]),
        primary_key=_key(name, options, (), columns),
        reading=options.read or config.read,
    )


def _described(connection: psycopg.Connection[Any], name: str, sql: str) -> tuple[Column, ...]:
    """Return the columns of a query, which is not run for it."""
    statement = f"SELECT * FROM {sql} AS t LIMIT 0"  # noqa: S608  # the config's
    with translated(f"looking at the query of stream {name!r}"):
        cursor = connection.execute(statement.encode(), [])
    result = cursor.pgresult
    fields = range(result.nfields if result else 0)
    names = [(result.fname(one) or b"").decode() for one in fields] if result else []
    for one in names:
        if names.count(one) > 1:
            raise ConnectorError.configuration(
                f"the query of stream {name!r} has two columns called {one!r}: rename one with AS"
            )
    oids = [result.ftype(one) for one in fields] if result else []
    typmods = [result.fmod(one) for one in fields] if result else []
    texts = connection.execute(
        b"SELECT pg_catalog.format_type(t.oid, t.typmod) FROM unnest($1::oid[], $2::int4[])"
        b" WITH ORDINALITY AS t(oid, typmod, place) ORDER BY t.place",
        [oids, typmods],
    ).fetchall()
    return tuple(
        Column(name=one, type_oid=oid, typmod=typmod, type_name=text)
        for one, oid, typmod, (text,) in zip(names, oids, typmods, texts, strict=True)
    )


def _key(
    name: str, options: StreamOptions, own: tuple[str, ...], columns: Sequence[Column]
) -> tuple[str, ...]:
    for column in options.primary_key or ():
        _require_column(name, column, columns)
    return tuple(options.primary_key or own)


def _require_column(stream: str, column: str, columns: Sequence[Column]) -> None:
    names = [one.name for one in columns]
    if column not in names:
        raise ConnectorError.configuration(
            f"{stream} has no column {column!r}{_near(column, names)}; say in `streams` how it is "
            "read, or leave it out of `tables`"
        )


def _require_cursor(found: Relation) -> None:
    """Return if the columns that are followed have values whose JSON keeps their order."""
    name = found.full_name()
    reading = found.reading
    times: list[str] = []
    others: list[str] = []
    if isinstance(reading, Incrementing):
        others = [reading.column]
    elif isinstance(reading, Timestamp):
        times = [reading.column]
    elif isinstance(reading, TimestampIncrementing):
        times, others = [reading.timestamp_column], [reading.incrementing_column]
    for column in (*times, *others):
        _require_column(name, column, found.columns)
    types: Mapping[str, Column] = {one.name: one for one in found.columns}
    for column in times:
        if found.shape_of(column) not in _TIMES:
            raise ConnectorError.configuration(
                f"{name}.{column} is {types[column].type_name}: a timestamp, timestamptz or date is "
                "needed"
            )
    for column in others:
        shape = found.shape_of(column)
        if shape not in (Shape.INTEGER, *_TIMES) and types[column].type_oid not in _ORDERED:
            raise ConnectorError.configuration(
                f"{name}.{column} is {types[column].type_name}, which cannot be followed: an "
                "integer, text, uuid, date or timestamp is needed; a `query` can convert it"
            )


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
