"""From the JSON Schema of a stream to an Arrow schema.

| JSON Schema                                 | Arrow                         |
|---------------------------------------------|-------------------------------|
| integer, number, boolean, string            | int64, float64, bool, string  |
| string of format date                       | date32                        |
| object with properties                      | struct                        |
| array with items                            | list                          |
| any of the above and null                   | the same: all is nullable     |
| open objects, several types, everything else | string that holds JSON        |

`date-time` and `time` stay text: an Arrow timestamp loses the offset and the digits as written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from rivven_connect._json import Json, JsonObject
from rivven_connect._schema_walk import resolve_reference, types_of

_JSON_TEXT = {b"rivven.text": b"json"}
"""Metadata of a field whose strings are JSON: nothing else tells them from other strings."""

_SCALARS = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
}
_DEEPEST = 32  # levels of objects and lists
_MOST_FIELDS = 10_000  # of one schema: references can name each other 2 ** n times


def arrow_schema(json_schema: JsonObject) -> pa.Schema:
    """Return the Arrow schema of records that `json_schema` describes; empty if it declares no field."""
    root = resolve_reference(json_schema, json_schema)
    return pa.schema(_Types(json_schema).fields(root, ()))


def json_field(name: str) -> pa.Field:
    """Return a field of any values, kept as JSON."""
    return pa.field(name, pa.string(), metadata=_JSON_TEXT)


def is_json_text(field: pa.Field) -> bool:
    """Whether the field's strings are JSON."""
    return bool(field.metadata) and _JSON_TEXT.items() <= field.metadata.items()


def name_given_twice(fields: Iterable[pa.Field]) -> str | None:
    """Return a name that two columns share, or two fields of an object; no record can hold both."""
    known: set[str] = set()
    for field in fields:
        if field.name in known:
            return str(field.name)
        known.add(field.name)
        if pa.types.is_nested(field.type):
            parts = map(field.type.field, range(field.type.num_fields))
            if (found := name_given_twice(parts)) is not None:
                return found
    return None


class _Types:
    """The types of one schema; `above` are the references on the way down, to end a recursion."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._left = _MOST_FIELDS

    def fields(self, schema: Mapping[str, Any], above: tuple[str, ...]) -> list[pa.Field]:
        """Return the fields that an object declares."""
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            return []
        return [self._field(name, found, above) for name, found in properties.items()]

    def _field(self, name: str, schema: Json, above: tuple[str, ...]) -> pa.Field:
        self._left -= 1
        usable = isinstance(schema, Mapping) and self._left > 0 and len(above) < _DEEPEST
        found = self._type(schema, above) if usable else None
        return json_field(name) if found is None else pa.field(name, found)

    def _type(self, schema: Mapping[str, Any], above: tuple[str, ...]) -> pa.DataType | None:
        """Return the type that holds every value described; None if only JSON does."""
        schema = _without_null(schema)
        reference = str(schema.get("$ref", ""))
        if reference and reference in above:
            return None
        schema = _without_null(resolve_reference(self._root, schema))
        if not schema.keys().isdisjoint({"$ref", "oneOf", "anyOf", "allOf"}):
            return None
        above = (*above, reference)
        kind = _kind(schema)
        if kind == "object":
            return self._struct(schema, above)
        if kind == "array":
            items = schema.get("items")
            is_uniform = isinstance(items, Mapping) and "prefixItems" not in schema
            return pa.list_(self._field("element", items, above)) if is_uniform else None
        if kind == "string" and schema.get("format") == "date":
            return pa.date32()
        return _SCALARS.get(kind)

    def _struct(self, schema: Mapping[str, Any], above: tuple[str, ...]) -> pa.DataType | None:
        is_open = schema.get("additionalProperties") not in (None, False)
        if is_open or "patternProperties" in schema:
            return None
        fields = self.fields(schema, above)
        return pa.struct(fields) if fields else None


def _kind(schema: Mapping[str, Any]) -> str:
    """Return the one JSON type of all values, null aside; empty if there are several or none."""
    if "type" not in schema:
        values = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
        if any(isinstance(value, dict | list) for value in values):
            return ""
    kinds = types_of([dict(schema)]) - {"null"}
    if kinds == {"integer", "number"}:
        return "number"
    return next(iter(kinds)) if len(kinds) == 1 else ""


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the one branch of a union with null, merged with what stands beside it."""
    for union in ("oneOf", "anyOf"):
        branches = schema.get(union)
        if isinstance(branches, list):
            others = [one for one in branches if one != {"type": "null"}]
            if len(others) == 1 and isinstance(others[0], Mapping):
                beside = {key: value for key, value in schema.items() if key != union}
                return {**beside, **others[0]}
    return schema
