"""Splits a table by its primary key into ranges of about the same number of rows.

A range is `{"after": key, "to": key}`, keys being lists of texts: above `after`, and not above `to`.
None is no bound. `{}` is a table that is not split.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rivven_connect import Json
from rivven_connect.connectors.postgres_source.relations import Relation
from rivven_connect.postgres import Shape, quoted

if TYPE_CHECKING:
    import psycopg

_MOST_RANGES = 1_000
_SAMPLES = 50
"""Rows that are looked at for each range, where its bounds cannot be computed."""
_ROW_BYTES = 100
"""Of a row, on the disk, in a table that has never been analyzed."""

_ESTIMATE = b"""
SELECT coalesce(sum(CASE WHEN c.reltuples > 0 THEN c.reltuples
                         ELSE pg_catalog.pg_relation_size(c.oid) / $2::float8 END), 0)::int8
FROM pg_catalog.pg_class c
WHERE c.relkind <> 'p' AND (c.oid = $1::oid OR c.oid IN (
    SELECT p.relid FROM pg_catalog.pg_partition_tree($1::oid::regclass) p))
"""

Key = list[str]


def last_key(connection: psycopg.Connection[Any], found: Relation) -> Key | None:
    """Return the highest primary key of what can be split, or None where it is empty.

    Raises:
        psycopg.Error: the server cannot be asked.
    """
    return _edge(connection, found, "DESC")


def plan_ranges(
    connection: psycopg.Connection[Any], found: Relation, end: Key, *, range_rows: int
) -> list[Json]:
    """Return ranges that together hold all keys up to `end`; one range where it is small.

    Raises:
        psycopg.Error: the server cannot be asked.
    """
    row = connection.execute(_ESTIMATE, [found.table_oid, _ROW_BYTES]).fetchone()
    rows = int(row[0]) if row else 0
    count = min(_MOST_RANGES, -(-rows // range_rows))
    if count <= 1:
        return [{}]
    shapes = [found.shape_of(name) for name in found.primary_key]
    if shapes == [Shape.INTEGER]:
        bounds = _computed(connection, found, int(end[0]), count)
    else:
        bounds = _sampled(connection, found, rows, count)
    return [{"after": after, "to": to} for after, to in pairwise([None, *bounds, end])]


def can_split(found: Relation) -> bool:
    """Whether there is a primary key that ranges can be made of."""
    return bool(
        found.table_oid is not None
        and found.primary_key
        and not any(found.shape_of(name) in (Shape.JSON, Shape.ARRAY) for name in found.primary_key)
    )


def _computed(
    connection: psycopg.Connection[Any], found: Relation, high: int, count: int
) -> list[Key]:
    low = int((_edge(connection, found, "ASC") or [str(high)])[0])
    width = high - low + 1
    bounds = {low - 1 + width * place // count for place in range(1, count)}
    return [[str(one)] for one in sorted(bounds) if low <= one < high]


def _sampled(
    connection: psycopg.Connection[Any], found: Relation, rows: int, count: int
) -> list[Key]:
    percent = min(100.0, 100.0 * count * _SAMPLES / max(rows, 1))
    names = [f"t.{quoted(name)}" for name in found.primary_key]
    key = ", ".join(names)
    # A tile's last row is its bound; the last tile has none, because the range goes on to the end.
    tiles = (
        f"{_texts(names)} AS texts, pg_catalog.ntile($1::int4) OVER w AS tile,"
        f" pg_catalog.row_number() OVER w AS place"
        f" FROM {found.sql} AS t TABLESAMPLE SYSTEM ($2::float8) WINDOW w AS (ORDER BY {key})"
    )
    bounds = (
        "SELECT DISTINCT ON (tile) texts FROM s WHERE tile < $1::int4 ORDER BY tile, place DESC"
    )
    query = f"WITH s AS (SELECT {tiles}) {bounds}"
    return [row[0] for row in connection.execute(query.encode(), [count, percent])]


def _edge(connection: psycopg.Connection[Any], found: Relation, direction: str) -> Key | None:
    names = [f"t.{quoted(name)}" for name in found.primary_key]
    order = ", ".join(f"{name} {direction}" for name in names)
    rows = f"FROM {found.sql} AS t ORDER BY {order} LIMIT 1"
    query = f"SELECT {_texts(names)} {rows}"
    row = connection.execute(query.encode()).fetchone()
    return list(row[0]) if row else None


def _texts(names: list[str]) -> str:
    """Return an array of columns as the server prints them; a cast would print some otherwise."""
    texts = ", ".join(f"pg_catalog.format('%s', {name})" for name in names)
    return f"ARRAY[{texts}]"
