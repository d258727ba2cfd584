"""`nullable: true` of OpenAPI 3.0, in JSON Schema."""

from __future__ import annotations

from typing import Any, Final

from rivven_generator.importers.records.all_of import ANNOTATIONS

_IN_PLACE: Final = frozenset("$ref allOf anyOf oneOf not if then else".split())  # noqa: SIM905
_NULL: Final = {"type": "null"}


def with_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that accepts null as well as what `schema` accepts."""
    constraints = schema.keys() - ANNOTATIONS
    if constraints == {"anyOf"}:
        return {**schema, "anyOf": [*schema["anyOf"], _NULL]}
    if not constraints.isdisjoint(_IN_PLACE):
        rest = {word: value for word, value in schema.items() if word not in ANNOTATIONS}
        kept = {word: value for word, value in schema.items() if word in ANNOTATIONS}
        return {**kept, "anyOf": [rest, _NULL]}
    found = dict(schema)
    kinds = found.get("type", [])
    listed = [kinds] if isinstance(kinds, str) else list(kinds)
    if listed and "null" not in listed:
        found["type"] = [*listed, "null"]
    if "const" in found:
        found["enum"] = [found.pop("const")]
    if "enum" in found and None not in found["enum"]:
        found["enum"] = [*found["enum"], None]
    return found
