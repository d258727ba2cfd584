"""Types: which of the few shapes a value has, by the OID of its type."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import psycopg


class Shape(enum.StrEnum):
    """What JSON a type's values become."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    NUMERIC = "numeric"
    TEXT = "text"
    JSON = "json"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    ARRAY = "array"


class Type(msgspec.Struct, frozen=True, kw_only=True):
    """One type.

    A domain has the shape of the type below it. `element` and `delimiter` are of arrays: the type of
    what they hold, and what stands between two in their text. `prints_other` says that the server's
    `to_json` would give another form than the text that we want.
    """

    oid: int
    shape: Shape
    element: Type | None = None
    delimiter: str = ","
    prints_other: bool = False


Types = Mapping[int, Type]
"""Types by their OID."""

_SCALARS: tuple[tuple[int, int, Shape], ...] = (
    (16, 1000, Shape.BOOLEAN),
    (20, 1016, Shape.INTEGER),  # int8
    (21, 1005, Shape.INTEGER),  # int2
    (23, 1007, Shape.INTEGER),  # int4
    (26, 1028, Shape.INTEGER),  # oid
    (700, 1021, Shape.FLOAT),
    (701, 1022, Shape.FLOAT),
    (1700, 1231, Shape.NUMERIC),
    (114, 199, Shape.JSON),
    (3802, 3807, Shape.JSON),
    (1082, 1182, Shape.DATE),
    (1114, 1115, Shape.TIMESTAMP),
    (1184, 1185, Shape.TIMESTAMPTZ),
    (25, 1009, Shape.TEXT),
    (1042, 1014, Shape.TEXT),  # bpchar
    (1043, 1015, Shape.TEXT),  # varchar
    (2950, 2951, Shape.TEXT),  # uuid
    (17, 1001, Shape.TEXT),  # bytea
)
"""OID, OID of the array of it, shape; from pg_type.dat, where they never change."""

_OID = 26
_VECTORS = (22, 30)
"""int2vector, oidvector: arrays to the server, with a text of their own."""


def _built_in() -> dict[int, Type]:
    types: dict[int, Type] = {}
    for oid, array_oid, shape in _SCALARS:
        types[oid] = Type(oid=oid, shape=shape, prints_other=shape is Shape.NUMERIC or oid == _OID)
        types[array_oid] = _array(array_oid, types[oid], ",")
    for oid in _VECTORS:
        types[oid] = Type(oid=oid, shape=Shape.TEXT, prints_other=True)
    return types


def _array(oid: int, element: Type, delimiter: str) -> Type:
    # An array of arrays can only be one of a domain; the inner ones stay text.
    if element.shape is Shape.ARRAY:
        element = Type(oid=element.oid, shape=Shape.TEXT, prints_other=True)
    return Type(
        oid=oid,
        shape=Shape.ARRAY,
        element=element,
        delimiter=delimiter,
        prints_other=element.prints_other,
    )


BUILT_IN: Types = _built_in()
"""The most common types of every server."""

_QUERY = b"""
WITH RECURSIVE wanted AS (
    SELECT oid, typbasetype, typelem FROM pg_catalog.pg_type WHERE oid = ANY($1::oid[])
    UNION
    SELECT t.oid, t.typbasetype, t.typelem
    FROM pg_catalog.pg_type t JOIN wanted w ON t.oid IN (w.typbasetype, w.typelem)
)
SELECT t.oid::int8, t.typtype = 'c', t.typbasetype::int8,
    CASE WHEN t.typlen = -1 AND t.typtype = 'b' THEN t.typelem::int8 ELSE 0 END,
    coalesce(e.typdelim, ',')::text,
    EXISTS (SELECT FROM pg_catalog.pg_cast c
            WHERE c.castsource = t.oid AND c.casttarget = 114 AND c.castmethod = 'f')
FROM wanted w JOIN pg_catalog.pg_type t USING (oid)
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem
"""


def read_types(connection: psycopg.Connection[Any], oids: Iterable[int]) -> Types:
    """Return the types of these OIDs, built-in ones included; asks the server only about others.

    Raises:
        psycopg.Error: the server cannot be asked; see `translated`.
    """
    types = dict(BUILT_IN)
    unknown = sorted(set(oids) - types.keys())
    if unknown:
        cursor = connection.execute(_QUERY, [unknown])
        _resolve({row[0]: row[1:] for row in cursor}, types)
    return types


def _resolve(rows: Mapping[int, tuple[bool, int, int, str, bool]], types: dict[int, Type]) -> None:
    """Add what `rows` describes: domains are as their base, arrays know their element."""

    def resolve(oid: int) -> Type:
        if oid in types or oid not in rows:
            return types.get(oid) or Type(oid=oid, shape=Shape.TEXT)
        is_composite, base, element, delimiter, has_json_cast = rows[oid]
        if base:
            found = msgspec.structs.replace(resolve(base), oid=oid)
        elif element:
            found = _array(oid, resolve(element), delimiter)
        else:
            other = is_composite or has_json_cast
            found = Type(oid=oid, shape=Shape.TEXT, prints_other=other)
        types[oid] = found
        return found

    for oid in rows:
        resolve(oid)
