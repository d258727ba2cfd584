"""JSON Schema of `connector.yaml` itself, for editors."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import sys
from collections.abc import Iterator
from typing import Any

from rivven_generator import manifest_sections
from rivven_generator.manifest import KEYS_OF_KIND, JsonObject, Manifest
from rivven_generator.schema.compiler import DIALECT
from rivven_generator.schema.manifest_file import SCHEMA_FILE
from rivven_generator.schema.vocabulary import FORMATS, KEYWORDS


def manifest_schema() -> JsonObject:
    """Return the JSON Schema 2020-12 of a manifest: its keys, and the vocabulary of `config`."""
    schema: JsonObject = {
        "$schema": DIALECT,
        "title": "Rivven connector manifest",
        **_without_titles(_described(Manifest.model_json_schema(by_alias=True))),
    }
    schema["description"] = "What a connector is; see connector.yaml in the documentation."
    schema["$defs"]["ConfigSchema"] = _config_schema()
    schema["properties"]["config"] = {
        "$ref": "#/$defs/ConfigSchema",
        "description": schema["properties"]["config"]["description"],
    }
    schema["allOf"] = [_only_for(kind) for kind in ("source", "sink", "transform")]
    return schema


def _described(schema: JsonObject) -> JsonObject:
    """Add the docstring of each attribute to its property.

    pydantic can do this when it makes the classes, which every command would pay for.
    """
    docs = dict(_attribute_docs(Manifest.__module__, manifest_sections.__name__))
    for name, node in {**schema["$defs"], Manifest.__name__: schema}.items():
        for key, declared in node.get("properties", {}).items():
            if (name, key) in docs:
                described = {**declared, "description": docs[name, key]}
                node["properties"][key] = dict(sorted(described.items()))
    return schema


def _attribute_docs(*modules: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield (class, key) and docstring of the attributes of every class in the modules."""
    for module in modules:
        for cls in ast.parse(inspect.getsource(sys.modules[module])).body:
            if not isinstance(cls, ast.ClassDef):
                continue
            for attribute, below in itertools.pairwise(cls.body):
                match attribute, below:
                    case (
                        ast.AnnAssign(target=ast.Name(id=name)),
                        ast.Expr(value=ast.Constant(value=str(text))),
                    ):
                        yield (cls.name, name.removesuffix("_")), inspect.cleandoc(text)


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


if __name__ == "__main__":
    SCHEMA_FILE.write_text(f"{json.dumps(manifest_schema(), indent=2)}\n", encoding="utf-8")
