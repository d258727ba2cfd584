"""The fields of a record schema, as far as keys and cursors need them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rivven_generator.lint.records import follow

_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})


def is_record(schema: Mapping[str, Any]) -> bool:
    """Return whether a manifest takes the schema as that of a record: an object, as far as it says."""
    described = follow(schema, schema)
    kinds = described.get("type", "object") if isinstance(described, Mapping) else None
    return kinds == "object" or (isinstance(kinds, list) and "object" in kinds)


def field_at(schema: Mapping[str, Any], path: list[str]) -> Mapping[str, Any] | None:
    """Return the schema of a field, or of one inside of others; None where it is not declared."""
    node: Any = schema
    for name in path:
        node = follow(schema, node)
        declared = node.get("properties") if isinstance(node, Mapping) else None
        if not isinstance(declared, Mapping) or name not in declared:
            return None
        node = declared[name]
    found = follow(schema, node)
    return found if isinstance(found, Mapping) else {}


def fields_of(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the declared fields of a record by name."""
    described = follow(schema, schema)
    names = described.get("properties", {}) if isinstance(described, Mapping) else {}
    return {name: field for name in names if (field := field_at(schema, [name])) is not None}


def required_of(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the fields that each record has."""
    described = follow(schema, schema)
    return frozenset(described.get("required", ()) if isinstance(described, Mapping) else ())


def scalar_type(field: Mapping[str, Any]) -> str | None:
    """Return the one scalar type of a field that is never null; None where it has no such type."""
    kind = field.get("type")
    if isinstance(kind, list) and len(kind) == 1:
        kind = kind[0]
    return kind if isinstance(kind, str) and kind in _SCALARS else None
