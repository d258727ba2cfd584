"""JSON Schema of tables: what the values look like, and the type they came from."""

from __future__ import annotations

from collections.abc import Sequence

from rivven_connect._json import Json, JsonObject
from rivven_connect.postgres._catalog import Column
from rivven_connect.postgres._types import Shape, Types

_UUID = 2950

_TYPE: dict[Shape, str] = {
    Shape.BOOLEAN: "boolean",
    Shape.INTEGER: "integer",
    Shape.FLOAT: "number",
    Shape.ARRAY: "array",
}
_FORMAT: dict[Shape, str] = {Shape.DATE: "date", Shape.TIMESTAMPTZ: "date-time"}


def table_schema(columns: Sequence[Column], types: Types) -> JsonObject:
    """Return the JSON Schema of a table's rows."""
    return {
        "type": "object",
        "properties": {column.name: column_schema(column, types) for column in columns},
        "required": [column.name for column in columns if not column.nullable],
    }


def column_schema(column: Column, types: Types) -> JsonObject:
    """Return the JSON Schema of a column; `x-postgres-type` is its type as PostgreSQL writes it.

    The rare values that PostgreSQL's types have and the formats have not, `infinity`, `NaN` and
    dates before our era, do not fit.
    """
    found = types.get(column.type_oid)
    shape = found.shape if found else Shape.TEXT
    schema: JsonObject = {}
    if shape is not Shape.JSON:
        kind: Json = _TYPE.get(shape, "string")
        schema["type"] = [kind, "null"] if column.nullable else kind
    if shape in _FORMAT:
        schema["format"] = _FORMAT[shape]
    elif column.type_oid == _UUID:
        schema["format"] = "uuid"
    schema["x-postgres-type"] = column.type_name
    return schema
