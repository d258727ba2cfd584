"""The shape of records as a record schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rivven_generator.importers.notes import Path
from rivven_generator.importers.samples.findings import Findings
from rivven_generator.importers.samples.shapes import Shape

_KINDS: Final = ("object", "array", "string", "integer", "number", "boolean", "null")
_ENOUGH: Final = 3
"""Texts that have to agree before a format is more than chance."""
_DEEPEST: Final = 22
"""Levels of records; each becomes two of a manifest, which may be 64 levels deep."""


def schema_of(root: Shape, findings: Findings) -> dict[str, Any]:
    """Return a schema that every record of the sample is valid under."""
    return _schema(root, (), findings)


def _schema(shape: Shape, at: Path, findings: Findings) -> dict[str, Any]:
    if len(at) >= _DEEPEST:
        findings.add("RVN868", "nested too deeply; any value is accepted here", at)
        return {}
    kinds = _kinds(shape)
    if kinds == ["null"]:
        findings.add("RVN868", "nothing but null was seen; any value is accepted here", at)
        return {}
    if len(set(kinds) - {"null"}) > 1:
        shown = ", ".join(kind for kind in kinds if kind != "null")
        findings.add("RVN866", f"values of several types: {shown}", at)
    schema: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds} if kinds else {}
    if shape.texts >= _ENOUGH and shape.formats:
        schema["format"] = shape.formats[0]
    if shape.items is not None:
        schema["items"] = _schema(shape.items, (*at, 0), findings)
    if shape.objects:
        schema |= _object(shape, at, findings)
    return schema


def _kinds(shape: Shape) -> list[str]:
    kinds = set(shape.kinds)
    if "number" in kinds:
        kinds.discard("integer")
    return [kind for kind in _KINDS if kind in kinds]


def _object(shape: Shape, at: Path, findings: Findings) -> Mapping[str, Any]:
    if shape.is_open:
        findings.add("RVN868", "some of the fields here are not described", at)
    if shape.entries is not None:
        findings.add("RVN867", "more than 50 different keys that look like ids, read as a map", at)
        values = _schema(shape.entries, (*at, "*"), findings)
        return {} if shape.is_open else {"additionalProperties": values}
    required = [key for key, field in shape.fields.items() if field.values == shape.objects]
    properties = {key: _schema(field, (*at, key), findings) for key, field in shape.fields.items()}
    found: dict[str, Any] = {"required": required} if required else {}
    return found | ({"properties": properties} if properties else {})
