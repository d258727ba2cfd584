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
_LEAST_SAMPLES = 10_000
"""Rows that are looked at in any case: of a few pages, a sample may be none."""
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
    """Return ranges that together hold all keys up to `end`.

    Raises:
        psycopg.Error: the server cannot be asked.
    """
    count = min(_MOST_RANGES, -(-found.rows // range_rows))
    shapes = [found.shape_of(name) for name in found.unique_key]
    if shapes == [Shape.INTEGER]:
        bounds = _computed(connection, found, int(end[0]), count)
    else:
        bounds = _sampled(connection, found, count)
    return [{"after": after, "to": to} for after, to in pairwise([None, *bounds, end])]


def is_split(found: Relation, range_rows: int) -> bool:
    """Whether a table has more rows than one range, and a primary key that ranges can be made of."""
    shapes = [found.shape_of(name) for name in found.unique_key]
    return bool(
        shapes
        and 0 < range_rows < found.rows
        and not any(shape in (Shape.JSON, Shape.ARRAY) for shape in shapes)
    )


def _computed(
    connection: psycopg.Connection[Any], found: Relation, high: int, count: int
) -> list[Key]:
    low = int((_edge(connection, found, "ASC") or [str(high)])[0])
    width = high - low + 1
    bounds = {low - 1 + width * place // count for place in range(1, count)}
    return [[str(one)] for one in sorted(bounds) if low <= one < high]


def _sampled(connection: psycopg.Connection[Any], found: Relation, count: int) -> list[Key]:
    percent = min(100.0, 100.0 * max(count * _SAMPLES, _LEAST_SAMPLES) / found.rows)
    names = [f"t.{quoted(name)}" for name in found.unique_key]
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
    names = [f"t.{quoted(name)}" for name in found.unique_key]
    order = ", ".join(f"{name} {direction}" for name in names)
    rows = f"FROM {found.sql} AS t ORDER BY {order} LIMIT 1"
    query = f"SELECT {_texts(names)} {rows}"
    row = connection.execute(query.encode()).fetchone()
    return list(row[0]) if row else None


def _texts(names: list[str]) -> str:
    """Return an array of columns as the server prints them; a cast would print some otherwise."""
    texts = ", ".join(f"pg_catalog.format('%s', {name})" for name in names)
    return f"ARRAY[{texts}]"
