"""The SELECT of each way to read a relation. Values are parameters, names are quoted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from rivven_connect import Json, JsonObject
from rivven_connect.connectors.postgres_source._generated.config import (
    Timestamp,
    TimestampIncrementing,
)
from rivven_connect.connectors.postgres_source.relations import Relation
from rivven_connect.postgres import Column, RowDecoder, Shape, quoted, row_query

_NOW = {
    Shape.TIMESTAMPTZ: "({now})",
    Shape.TIMESTAMP: "({now} AT TIME ZONE 'UTC')",
    Shape.DATE: "({now} AT TIME ZONE 'UTC')::pg_catalog.date",
}
_MOST_DECIMALS = 6
"""Of a second, in a timestamp; two transactions hardly begin in one microsecond."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """A query for JSON rows; `left` says what is left of a range behind a row."""

    sql: str
    values: Sequence[str]
    decoder: RowDecoder
    left: Callable[[JsonObject], Json] | None = None


def select_from_cursor(
    found: Relation, cursor: Json, fields: Sequence[str] | None = None
) -> Selection:
    """Return the rows at and above a cursor, in its order; all that have one, where it is None.

    Rows of the future, and those that still have to wait, are left for later: a cursor that went
    beyond them would leave behind what is committed until then. So are those of a day, or of a second,
    that is not over: another change in it has the same value, and would be taken for the same row.
    """
    name = found.cursor() or ""
    column = f"t.{quoted(name)}"
    shape = found.shape_of(name)
    is_text = _type_oid(found, name) in (25, 1043)
    compared = f'{column} COLLATE "C"' if is_text else column
    values: list[str] = []
    conditions = [f"{column} IS NOT NULL"]
    if cursor is not None:
        values.append(str(cursor))
        conditions.append(f"{compared} >= ${len(values)}")
    order = [compared]
    if isinstance(found.reading, Timestamp | TimestampIncrementing):
        values.append(f"{found.reading.lag_ms + _step_ms(found, name)} milliseconds")
        now = f"(pg_catalog.now() - ${len(values)}::pg_catalog.interval)"
        before = "<" if shape is Shape.DATE else "<="
        conditions.append(f"{column} {before} {_NOW[shape].format(now=now)}")
    if isinstance(found.reading, TimestampIncrementing):
        order.append(f"t.{quoted(found.reading.incrementing_column)}")
    rows = f"FROM {found.sql} AS t WHERE {' AND '.join(conditions)} ORDER BY {', '.join(order)}"
    return _selection(found, fields, rows, values)


def select_range(
    found: Relation, after: Sequence[str] | None, to: Sequence[str] | None, *, is_ordered: bool
) -> Selection:
    """Return the rows whose primary key is above `after` and not above `to`; None is no bound."""
    names = [f"t.{quoted(name)}" for name in found.unique_key]
    values: list[str] = []
    conditions = []
    for operator, bound in ((">", after), ("<=", to)):
        if bound is not None:
            places = [f"${len(values) + place}" for place in range(1, len(bound) + 1)]
            values += bound
            conditions.append(f"({', '.join(names)}) {operator} ({', '.join(places)})")
    rows = f"FROM {found.sql} AS t"
    if conditions:
        rows += f" WHERE {' AND '.join(conditions)}"
    if not is_ordered:
        return _selection(found, None, rows, values)
    shapes = [found.shape_of(name) for name in found.unique_key]

    def left(row: JsonObject) -> Json:
        key = [
            key_text(row[name], shape) for name, shape in zip(found.unique_key, shapes, strict=True)
        ]
        return {"after": key, "to": None if to is None else list(to)}

    return _selection(found, None, f"{rows} ORDER BY {', '.join(names)}", values, left)


def key_text(value: Json, shape: Shape) -> str:
    """Return what the server reads as the value whose JSON is given."""
    if shape is Shape.BOOLEAN:
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _selection(
    found: Relation,
    fields: Sequence[str] | None,
    rows: str,
    values: Sequence[str],
    left: Callable[[JsonObject], Json] | None = None,
) -> Selection:
    columns = _wanted(found, fields)
    return Selection(
        sql=row_query(columns, found.types, rows),
        values=values,
        decoder=RowDecoder(columns, found.types),
        left=left,
    )


def _wanted(found: Relation, fields: Sequence[str] | None) -> Sequence[Column]:
    """Return the columns that the pipeline chose, and those that the runtime follows."""
    if fields is None:
        return found.columns
    names = {*fields, *found.key(), found.cursor()}
    return [one for one in found.columns if one.name in names]


def _step_ms(found: Relation, name: str) -> int:
    """Return what lies between two values of a timestamp of few decimals, such as `timestamp(0)`."""
    decimals = next(one.typmod for one in found.columns if one.name == name)
    is_coarse = found.shape_of(name) is not Shape.DATE and 0 <= decimals < _MOST_DECIMALS
    return -(-1_000 // 10**decimals) if is_coarse else 0


def _type_oid(found: Relation, name: str) -> int:
    return next(one.type_oid for one in found.columns if one.name == name)
