"""`config` -> `config.schema.json`, the contract: plain JSON Schema 2020-12."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rivven_connect.documents import split_pointer
from rivven_generator.manifest import JsonObject, Manifest, Rule
from rivven_generator.schema.defaults import default_of
from rivven_generator.schema.tree import final_definition, object_at, walk
from rivven_generator.schema.vocabulary import COUNTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_ANNOTATIONS = {
    "validator": "x-rivven-validator",
    "identity": "x-rivven-identity",
    "order": "x-rivven-order",
    "group": "x-rivven-group",
}


def compile_config_schema(manifest: Manifest) -> JsonObject:
    """Return the JSON Schema that says which configs the connector accepts.

    Exactly what it accepts the generated class accepts, minus what a named validator refuses.
    Rule `n` of the manifest is `allOf[n]` of the root. The manifest must have passed lint.
    """
    schema = {"$schema": DIALECT, **compile_schema(manifest.config)}
    if manifest.rules:
        schema["allOf"] = [compile_rule(manifest.config, rule) for rule in manifest.rules]
    return schema


def compile_schema(root: Mapping[str, Any]) -> JsonObject:
    """Return a config schema as plain JSON Schema: objects closed, tags required, ours annotated."""
    return _compile(root, (), _tags_of_definitions(root))


def _compile(
    node: Mapping[str, Any], own: Sequence[str], tags: Mapping[str, Sequence[str]]
) -> JsonObject:
    """Compile one schema; `own` are the properties by which the unions around it tell branches."""
    compiled: JsonObject = {}
    for keyword, value in node.items():
        if keyword in {"properties", "$defs"}:
            compiled[keyword] = {
                name: _compile(child, tags.get(name, ()) if keyword == "$defs" else (), tags)
                for name, child in value.items()
            }
        elif keyword in {"items", "additionalProperties"} and isinstance(value, Mapping):
            compiled[keyword] = _compile(value, (), tags)
        elif keyword == "oneOf":
            inner = node["discriminator"]["propertyName"]
            compiled[keyword] = [_compile(branch, (inner,), tags) for branch in value]
        elif keyword == "secret":
            compiled.update(
                {"writeOnly": True, "format": node.get("format", "password")} if value else {}
            )
        else:
            name = _ANNOTATIONS.get(keyword, keyword)
            compiled[name] = int(value) if keyword in COUNTS else value
    if "properties" in node or _is_plain_object(node):
        compiled.setdefault("additionalProperties", False)
    if own and "$ref" not in node:
        compiled["required"] = list(dict.fromkeys([*own, *node.get("required", [])]))
    return compiled


def _is_plain_object(node: Mapping[str, Any]) -> bool:
    return (
        node.get("type") in ("object", ["object", "null"], ["null", "object"])
        and "oneOf" not in node
    )


def _tags_of_definitions(root: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the tags of each definition that is a branch of a union."""
    tags: dict[str, list[str]] = {}
    for _, node in walk(root):
        for branch in node.get("oneOf", ()):
            name = final_definition(root, branch)
            if name is not None:
                tags.setdefault(name, []).append(node["discriminator"]["propertyName"])
    return tags


def compile_rule(root: Mapping[str, Any], rule: Rule) -> JsonObject:
    """Return a rule as the JSON Schema of a whole config."""
    keys = split_pointer(rule.at)
    # Where the place may hold null, a rule says nothing about it.
    compiled: JsonObject = {"if": {"type": "object"}, "then": _rule_body(root, rule, keys)}
    compiled = compiled if keys else compiled["then"]
    for key in reversed(keys):
        compiled = {"properties": {key: compiled}}
    return compiled


def _rule_body(root: Mapping[str, Any], rule: Rule, keys: list[str]) -> JsonObject:
    names = rule.names
    match rule.form:
        case "require_any":
            return {"anyOf": [{"required": [name]} for name in names]}
        case "require_one":
            return {"oneOf": [{"required": [name]} for name in names]}
        case "require_together":
            return {
                "dependentRequired": {
                    name: [other for other in names if other != name] for name in names
                }
            }
        case _:
            return {"if": _condition(root, rule, keys), "then": {"required": names}}


def _condition(root: Mapping[str, Any], rule: Rule, keys: list[str]) -> JsonObject:
    """A condition is tested after defaults: absent counts where the default is the value."""
    when = rule.when or {}
    declared = (object_at(root, keys) or {}).get("properties", {})
    absent_fails = [
        name for name, value in when.items() if not _same(default_of(root, declared[name]), value)
    ]
    condition: JsonObject = {
        "type": "object",
        "properties": {name: {"const": value} for name, value in when.items()},
    }
    return {**condition, "required": absent_fails} if absent_fails else condition


def _same(left: object, right: object) -> bool:
    """JSON equality: `True` is not 1, `1.0` is."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right
