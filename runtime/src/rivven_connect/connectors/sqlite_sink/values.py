"""JSON values as SQLite's: faithfully, or not at all.

SQLite stores NaN as NULL, and a column's affinity turns text into numbers and numbers into text
(sqlite.org/datatype3.html, section 3). What would change on the way in is refused instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType

from rivven_connect import Json
from rivven_connect._sqlite import ANY, INTEGER, NUMERIC, REAL, TEXT
from rivven_connect._tables.json_text import is_exact, json_text, plain
from rivven_connect._tables.records import Unfit

_COLUMN_TYPES = {
    "integer": INTEGER,
    "boolean": INTEGER,
    "number": REAL,
    "string": TEXT,
    "object": TEXT,
    "array": TEXT,
}
_NUMBERS = frozenset({int, float, bool})
_SCALARS = _NUMBERS | {str}
_FITTING = {
    INTEGER: _NUMBERS,
    REAL: _NUMBERS,
    NUMERIC: _NUMBERS,
    TEXT: frozenset({str}),
    ANY: _SCALARS,
}


def column_type(schema: Json) -> str:
    """Return the column type for a property's JSON Schema; none where it allows several types."""
    named = schema.get("type") if isinstance(schema, Mapping) else None
    names = [name for name in (named if isinstance(named, list) else [named]) if name != "null"]
    return (
        _COLUMN_TYPES.get(names[0], ANY) if len(names) == 1 and isinstance(names[0], str) else ANY
    )


def column_values(values: list[Json], kind: str, field: str) -> list[Json]:
    """Return one field's values as what SQLite will store unchanged.

    Args:
        values: of the field, one a record.
        kind: the column's affinity.
        field: for the error.

    Raises:
        Unfit: a value would be changed; one of `UNFIT` may also come, here or from SQLite.
    """
    kinds = set(map(type, values)) - {NoneType}
    if not kinds <= _FITTING[kind]:
        values = [_stored(value, kind, field) for value in values]
        kinds = set(map(type, values)) - {NoneType}
    if float in kinds and any(value != value for value in values):  # noqa: PLR0124  # NaN
        raise Unfit(f"{field} is NaN, which SQLite would store as NULL")
    if kind == REAL and int in kinds and not all(map(is_exact, values)):
        raise Unfit(f"{field} is an integer too large for a column of type REAL")
    return values


def key_value(value: Json, kind: str, field: str) -> Json:
    """Return one part of a primary key as SQLite will store it.

    Raises:
        Unfit: there is none, or it cannot be a key.
    """
    if value is None:
        raise Unfit(f"the primary key {field} is missing or null")
    if isinstance(value, dict | list):
        raise Unfit(f"the primary key {field} is a list or an object")
    return column_values([value], kind, field)[0]


def _stored(value: Json, kind: str, field: str) -> Json:
    """Return one value in the form that its column takes."""
    if value is None:
        return None
    if type(value) not in _SCALARS and not isinstance(value, list | dict):
        value = plain(value, field)
    if isinstance(value, list | dict):
        if kind in (TEXT, ANY):
            return json_text(value)
        raise Unfit(f"{field} is a list or an object, and its column is of type {kind}")
    if type(value) in _FITTING[kind]:
        return value
    found, wanted = ("text", kind) if isinstance(value, str) else ("a number or boolean", TEXT)
    raise Unfit(f"{field} is {found}, and its column is of type {wanted}")
