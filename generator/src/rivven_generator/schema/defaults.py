"""Defaults as the generated class applies them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rivven_generator.schema.tree import resolve, tag_of

MISSING: Any = object()


def default_of(root: Mapping[str, Any], node: Mapping[str, Any]) -> Any:
    """Return the default of a property's schema, through references; `MISSING` without one."""
    return resolve(root, node).get("default", MISSING)


def complete(root: Mapping[str, Any], node: Mapping[str, Any], value: Any) -> Any:
    """Return `value` with the defaults of absent properties filled in, at every depth."""
    schema = resolve(root, node)
    if isinstance(value, list) and isinstance(items := schema.get("items"), Mapping):
        return [complete(root, items, item) for item in value]
    if not isinstance(value, dict) or "enum" in schema or "const" in schema:
        return value
    found = _branch(root, schema, value)
    properties, others = found.get("properties", {}), found.get("additionalProperties")
    others = others if isinstance(others, Mapping) else {}
    completed = {
        key: complete(root, properties.get(key, others), item) for key, item in value.items()
    }
    for key, child in properties.items():
        default = default_of(root, child)
        if key not in completed and default is not MISSING:
            completed[key] = complete(root, child, default)
    return completed


def _branch(
    root: Mapping[str, Any], schema: Mapping[str, Any], value: Mapping[str, Any]
) -> Mapping[str, Any]:
    if "oneOf" not in schema:
        return schema
    tag = schema.get("discriminator", {}).get("propertyName", "")
    branches = (resolve(root, branch) for branch in schema["oneOf"])
    return next((b for b in branches if tag in value and tag_of(b, tag) == value[tag]), {})
