"""Tables that cannot be followed as they are: it is said before publishing them stops those who write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rivven_connect import ConnectorError
from rivven_connect.postgres import Table, qualified, read_tables

if TYPE_CHECKING:
    import psycopg

_LEAVES = b"""
SELECT part.relid::oid::int8, t.oid::int8
FROM pg_catalog.unnest($1::oid[]) AS t(oid)
CROSS JOIN LATERAL pg_catalog.pg_partition_tree(t.oid::regclass) AS part
WHERE part.isleaf
"""
_REFUSES_SINCE = 180_000
"""The version from which whole old rows must have all columns, the generated ones too."""


def require_followable(connection: psycopg.Connection[Any], tables: Sequence[Table]) -> None:
    """Return if the server's log holds the changes of tables, and of old rows what it says it does.

    Raises:
        ConnectorError: it does not; with the SQL that changes that.
    """
    unlogged = [one for one in tables if not one.is_logged]
    if unlogged:
        raise ConnectorError.configuration(
            f"{_listed(unlogged)}: changes of an unlogged table are in no log: "
            f"{_altered(unlogged, 'SET LOGGED')}; or name other `tables`"
        )
    lacking = [
        leaf for table, leaf in _leaves(connection, tables) if not _identifies(leaf, as_does=table)
    ]
    if lacking:
        raise ConnectorError.configuration(
            f"{_listed(lacking)}: a partition does not get the replica identity of its table, and UPDATE "
            "and DELETE fail, or lose values, once the table is published: "
            f"{_altered(lacking, 'REPLICA IDENTITY FULL')}"
        )


def require_sent_identity(connection: psycopg.Connection[Any], tables: Sequence[Table]) -> None:
    """Return if a publication without generated columns sends all of the tables' replica identities.

    Raises:
        ConnectorError: it does not, and UPDATE and DELETE would fail.
    """
    is_strict = connection.info.server_version >= _REFUSES_SINCE
    lacking = []
    for one in tables:
        generated = {column.name for column in one.columns if column.generated}
        is_whole = one.replica_identity == "full" and is_strict
        if generated and (is_whole or not generated.isdisjoint(one.identity_key)):
            lacking.append(one)
    if lacking:
        raise ConnectorError.configuration(
            f"{_listed(lacking)}: generated columns are part of the replica identity and are not sent, "
            "so that UPDATE and DELETE fail once the table is published: choose another identity (ALTER "
            "TABLE ... REPLICA IDENTITY USING INDEX), or, where they are stored and the server is of "
            "version 18 or newer, create the publication WITH (publish_via_partition_root = true, "
            "publish_generated_columns = stored)"
        )


def _leaves(
    connection: psycopg.Connection[Any], tables: Sequence[Table]
) -> list[tuple[Table, Table]]:
    """Return partitioned tables, each with one of the partitions that hold its rows."""
    parents = {one.oid: one for one in tables if one.kind == "partitioned"}
    if not parents:
        return []
    of = dict(connection.execute(_LEAVES, [list(parents)]).fetchall())
    return [(parents[of[one.oid]], one) for one in read_tables(connection) if one.oid in of]


def _identifies(leaf: Table, *, as_does: Table) -> bool:
    """Whether the old rows of a partition have what its table's identity says; if that is none, all do."""
    if leaf.replica_identity == "full":
        return True
    if as_does.replica_identity == "full":
        return False
    return set(leaf.identity_key).issuperset(as_does.identity_key)


def _listed(tables: Sequence[Table]) -> str:
    return ", ".join(one.full_name() for one in tables)


def _altered(tables: Sequence[Table], how: str) -> str:
    return "; ".join(f"ALTER TABLE {qualified(one.schema, one.name)} {how}" for one in tables)
