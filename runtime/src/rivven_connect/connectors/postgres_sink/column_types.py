"""The type of a new column, from what the stream's schema says of a field.

A schema is foreign text. Of `x-postgres-type` only names from the list below get into a statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rivven_connect import Json

ANY = "jsonb"
"""For what may be anything."""

_PLAIN = frozenset(
    {
        *("boolean", "smallint", "integer", "bigint", "oid", "real", "double precision", "numeric"),
        *(
            "text",
            "character varying",
            "bpchar",
            "name",
            '"char"',
            "bytea",
            "uuid",
            "json",
            "jsonb",
        ),
        *("date", "interval", "time without time zone", "time with time zone"),
        *("timestamp without time zone", "timestamp with time zone"),
        *("inet", "cidr", "macaddr", "macaddr8", "bit varying", "money", "xml", "pg_lsn"),
        *("tsvector", "tsquery", "point", "line", "lseg", "box", "path", "polygon", "circle"),
        *("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"),
        *("int4multirange", "int8multirange", "nummultirange"),
        *("tsmultirange", "tstzmultirange", "datemultirange"),
    }
)
_MEASURED = frozenset(
    {
        *("numeric", "character varying", "character", "bit", "bit varying", "interval"),
        *("time without time zone", "time with time zone"),
        *("timestamp without time zone", "timestamp with time zone"),
    }
)
"""Those that take numbers in parentheses."""

_DECLARED = re.compile(
    r"([a-z0-9\" ]+?)(?:\((\d{1,8})(?:,(-?\d{1,4}))?\))?( with(?:out)? time zone)?(\[\])?"
)
_BY_TYPE = {
    "integer": "bigint",
    "boolean": "boolean",
    "number": "double precision",
    "string": "text",
}


def column_type(schema: Json) -> str:
    """Return the type of the column for a property's JSON Schema, as SQL."""
    if not isinstance(schema, Mapping):
        return ANY
    declared = _known(schema.get("x-postgres-type"))
    if declared is not None:
        return declared
    named = schema.get("type")
    names = [name for name in (named if isinstance(named, list) else [named]) if name != "null"]
    if len(names) != 1 or not isinstance(names[0], str):
        return ANY
    if names[0] == "string" and schema.get("format") == "date":
        return "date"
    return _BY_TYPE.get(names[0], ANY)


def _known(declared: Json) -> str | None:
    """Return a type's SQL, put together of our own words and numbers; None for one that is not known."""
    found = _DECLARED.fullmatch(declared) if isinstance(declared, str) else None
    if found is None:
        return None
    name, length, scale, zone, array = found.groups("")
    whole = f"{name}{zone}"
    if not length:
        return f"{whole}{array}" if whole in _PLAIN else None
    if whole not in _MEASURED:
        return None
    numbers = f"{int(length)},{int(scale)}" if scale else f"{int(length)}"
    return f"{name}({numbers}){zone}{array}"
