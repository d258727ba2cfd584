"""What tables there are and what they look like, from the server's catalog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    import psycopg

TableKind = Literal["table", "partitioned", "view", "materialized_view", "foreign"]
ReplicaIdentity = Literal["default", "nothing", "full", "index"]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column.

    `type_name` is as PostgreSQL writes it, `numeric(10,2)`; `generated` is one that is computed.
    """

    name: str
    type_oid: int
    typmod: int = -1
    type_name: str
    nullable: bool = True
    generated: bool = False
    identity: bool = False
    has_default: bool = False


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table, or what can be read like one; names in the order of the table and of the key."""

    schema: str
    name: str
    oid: int
    kind: TableKind = "table"
    is_partition: bool = False
    is_logged: bool = True
    """Whether its changes are in the server's log."""
    replica_identity: ReplicaIdentity = "default"
    columns: tuple[Column, ...] = ()
    primary_key: tuple[str, ...] = ()
    identity_key: tuple[str, ...] = ()
    """The columns that logical replication sends of an old row: of the replica identity's index."""
    can_select: bool = True
    """Whether we may read all of it."""

    def full_name(self) -> str:
        """Return `schema.table`, not quoted."""
        return f"{self.schema}.{self.name}"


_KINDS: dict[str, TableKind] = {
    "r": "table",
    "p": "partitioned",
    "v": "view",
    "m": "materialized_view",
    "f": "foreign",
}
_IDENTITIES: dict[str, ReplicaIdentity] = {
    "d": "default",
    "n": "nothing",
    "f": "full",
    "i": "index",
}

_QUERY = """
WITH wanted AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind, c.relispartition, c.relreplident,
        c.relpersistence
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = ANY($1::"char"[])
      AND ($2::text[] IS NULL OR n.nspname = ANY($2))
      AND ($3::text[] IS NULL OR c.relname = ANY($3))
      AND n.nspname NOT LIKE 'pg\\_temp\\_%' AND n.nspname NOT LIKE 'pg\\_toast%'
      AND ($2::text[] IS NOT NULL OR n.nspname NOT IN ('pg_catalog', 'information_schema'))
), keys AS (
    SELECT i.indrelid, i.indisprimary,
        CASE WHEN w.relreplident = 'd' THEN i.indisprimary AND i.indimmediate
            ELSE i.indisreplident END AS is_identity,
        array_agg(a.attname::text ORDER BY k.place) AS names
    FROM wanted w
    JOIN pg_catalog.pg_index i ON i.indrelid = w.oid AND (i.indisprimary OR i.indisreplident)
    CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE k.place <= i.indnkeyatts
    GROUP BY i.indexrelid, i.indrelid, i.indisprimary, is_identity
)
SELECT w.nspname::text, w.relname::text, w.oid::int8, w.relkind::text, w.relispartition,
    w.relreplident::text,
    coalesce((SELECT names FROM keys k WHERE k.indrelid = w.oid AND k.indisprimary), '{}'),
    coalesce((SELECT names FROM keys k WHERE k.indrelid = w.oid AND k.is_identity), '{}'),
    w.relpersistence = 'p',
    pg_catalog.has_schema_privilege(n_oid.oid, 'USAGE')
        AND pg_catalog.has_table_privilege(w.oid, 'SELECT'),
    a.attname::text, a.atttypid::int8, a.atttypmod,
    pg_catalog.format_type(a.atttypid, a.atttypmod),
    NOT (a.attnotnull OR t.typnotnull), a.attgenerated <> '', a.attidentity <> '', a.atthasdef
FROM wanted w
JOIN pg_catalog.pg_namespace n_oid ON n_oid.nspname = w.nspname
LEFT JOIN pg_catalog.pg_attribute a
    ON a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
ORDER BY w.nspname, w.relname, a.attnum
"""


def read_tables(
    connection: psycopg.Connection[Any],
    *,
    schemas: Sequence[str] | None = None,
    tables: Sequence[str] | None = None,
    kinds: str = "rp",
) -> list[Table]:
    """Return the tables in the named schemas, and of the given names; None means any but the system's.

    `kinds` are letters of pg_class.relkind: r tables, p partitioned ones, v views, m materialized
    views, f foreign tables. Also tables that we may not read are returned.

    Raises:
        psycopg.Error: the server cannot be asked; see `translated`.
    """
    values = [list(kinds), _listed(schemas), _listed(tables)]
    found: dict[int, Table] = {}
    columns: dict[int, list[Column]] = {}
    for row in connection.execute(_QUERY.encode(), values):
        oid = row[2]
        if oid not in found:
            found[oid] = _table(row)
            columns[oid] = []
        if row[10] is not None:
            columns[oid].append(_column(row[10:]))
    return [
        msgspec.structs.replace(table, columns=tuple(columns[oid])) for oid, table in found.items()
    ]


def _listed(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else list(names)


def _table(row: tuple[Any, ...]) -> Table:
    schema, name, oid, kind, is_partition, identity, primary_key, identity_key = row[:8]
    is_logged, can_select = row[8:10]
    replica_identity = _IDENTITIES[identity]
    return Table(
        schema=schema,
        name=name,
        oid=oid,
        kind=_KINDS[kind],
        is_partition=is_partition,
        is_logged=is_logged,
        replica_identity=replica_identity,
        primary_key=tuple(primary_key),
        identity_key=tuple(identity_key) if replica_identity in ("default", "index") else (),
        can_select=can_select,
    )


def _column(row: tuple[Any, ...]) -> Column:
    name, type_oid, typmod, type_name, nullable, generated, identity, has_default = row
    return Column(
        name=name,
        type_oid=type_oid,
        typmod=typmod,
        type_name=type_name,
        nullable=nullable,
        generated=generated,
        identity=identity,
        has_default=has_default,
    )
