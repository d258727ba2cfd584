"""JSON Schema of `connector.yaml` itself, for editors."""

from __future__ import annotations

from typing import Any

from rivven_generator.manifest import KEYS_OF_KIND, JsonObject, Manifest
from rivven_generator.schema.compiler import DIALECT
from rivven_generator.schema.vocabulary import FORMATS, KEYWORDS


def manifest_schema() -> JsonObject:
    """Return the JSON Schema 2020-12 of a manifest: its keys, and the vocabulary of `config`."""
    schema: JsonObject = {
        "$schema": DIALECT,
        "title": "Rivven connector manifest",
        **_without_titles(Manifest.model_json_schema(by_alias=True)),
    }
    schema["description"] = "What a connector is; see connector.yaml in the documentation."
    schema["$defs"]["ConfigSchema"] = _config_schema()
    schema["properties"]["config"] = {
        "$ref": "#/$defs/ConfigSchema",
        "description": schema["properties"]["config"]["description"],
    }
    schema["allOf"] = [_only_for(kind) for kind in ("source", "sink", "transform")]
    return schema


def _config_schema() -> JsonObject:
    properties: JsonObject = {
        name: {**keyword.value, "description": keyword.description}
        for name, keyword in KEYWORDS.items()
    }
    properties["format"]["enum"] = list(FORMATS)
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _only_for(kind: str) -> JsonObject:
    foreign = {key: False for key, kinds in KEYS_OF_KIND.items() if kind not in kinds}
    return {"if": {"properties": {"kind": {"const": kind}}}, "then": {"properties": foreign}}


def _without_titles(node: Any) -> Any:
    """Drop the titles that pydantic derives from names; a property called `title` stays."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_titles(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
    }
