"""A minimal config that a schema accepts, where one can be derived."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rivven_connect.documents import split_pointer

from rivven_generator.manifest import JsonObject, Manifest, Rule
from rivven_generator.schema.compiler import compile_config_schema
from rivven_generator.schema.defaults import MISSING, complete
from rivven_generator.schema.tree import object_at, resolve
from rivven_generator.schema.verdict import ConfigVerdict
from rivven_generator.schema.vocabulary import is_nullable

_BY_FORMAT = {
    "uri": "https://example.com",
    "email": "person@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "date": "2021-01-25",
    "time": "12:30:00Z",
    "date-time": "2021-01-25T12:30:00Z",
    "duration": "P1D",
    "regex": "^a$",
}
_BY_VALIDATOR = {"cron": "0 * * * *", "host": "example.com"}
_SECRET = "not-a-real-secret"  # noqa: S105 - a placeholder that says so
_MOST_ITEMS = 100


class _CannotDerive(Exception):
    """No value is known that the schema accepts."""


def minimal_config(manifest: Manifest) -> JsonObject | None:
    """Return a small config that the manifest's schema and rules accept; None if none is derived.

    It holds the required properties and what the rules ask for. A value that only an author's
    validator can judge is never invented.
    """
    root = manifest.config
    try:
        config = _value(root, root)
        for rule in manifest.rules:
            _satisfy(root, rule, config)
    except _CannotDerive:
        return None
    accepted = ConfigVerdict(compile_config_schema(manifest), manifest.rules).accepts(config)
    return config if accepted and isinstance(config, dict) else None


def _value(root: Mapping[str, Any], node: Mapping[str, Any]) -> Any:
    schema = resolve(root, node)
    given = _given(schema)
    if given is not MISSING:
        return given
    if "oneOf" in schema:
        return _branch(root, schema)
    if schema.get("validator", "cron") not in {"cron", "host", "port"}:
        raise _CannotDerive
    if is_nullable(schema):
        return None
    return _of_type(root, schema)


def _given(schema: Mapping[str, Any]) -> Any:
    """Return a value that the schema itself names, or `MISSING`."""
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    return next((schema[word][0] for word in ("enum", "examples") if schema.get(word)), MISSING)


def _of_type(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "integer" | "number" as kind:
            value: Any = _number(schema, whole=kind == "integer")
        case "string":
            value = _string(schema)
        case "array":
            value = _array(root, schema)
        case "object":
            value = _object(root, schema)
        case "boolean":
            value = False
        case _:
            value = "example"
    return value


def _branch(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    for branch in schema["oneOf"]:
        try:
            tag = schema["discriminator"]["propertyName"]
            inner = resolve(root, branch)
            value = _object(root, inner)
            return {tag: inner["properties"][tag]["const"], **value}
        except _CannotDerive:
            continue
    raise _CannotDerive


def _object(root: Mapping[str, Any], schema: Mapping[str, Any]) -> JsonObject:
    properties = schema.get("properties", {})
    value = {name: _value(root, properties[name]) for name in schema.get("required", ())}
    for name, child in properties.items():
        if len(value) >= schema.get("minProperties", 0):
            break
        if name not in value:
            value[name] = _value(root, child)
    return value


def _array(root: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Any]:
    count = schema.get("minItems", 0)
    if not count:
        return []
    items = schema.get("items", {})
    if count > _MOST_ITEMS:
        raise _CannotDerive
    if not (schema.get("uniqueItems") and count > 1):
        return [_value(root, items) for _ in range(count)]
    choices = resolve(root, items).get("enum")
    if choices:
        return list(choices[:count])
    first = _value(root, items)
    if isinstance(first, str) and "pattern" not in items and "format" not in items:
        return [f"{first}{number}" for number in range(count)]
    if isinstance(first, (int, float)) and not isinstance(first, bool):
        step = items.get("multipleOf", 1)
        return [first + number * step for number in range(count)]
    raise _CannotDerive


def _string(schema: Mapping[str, Any]) -> str:
    if "pattern" in schema:
        raise _CannotDerive
    if schema.get("validator") == "port":
        return "8080"
    if "validator" in schema:
        return _BY_VALIDATOR[schema["validator"]]
    if schema.get("format", "password") != "password":
        return _BY_FORMAT[schema["format"]]
    text = _SECRET if schema.get("secret") else "example"
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    if shortest > 10_000:
        raise _CannotDerive
    return text.ljust(int(shortest), "x")[: int(min(longest, 10_000))]


def _number(schema: Mapping[str, Any], *, whole: bool) -> int | float:
    """Return a number inside the bounds: the smallest multiple at or above the lower one."""
    low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
    high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
    if schema.get("validator") == "port":
        low, high = max(low, 1), min(high, 65_535)
    step = schema.get("multipleOf", 1 if whole else None)
    if step is None:
        return _between(low, high, schema)
    start = low if low > -math.inf else min(0, high)
    number = math.ceil(start / step) * step
    if number == schema.get("exclusiveMinimum"):
        number += step
    if number > high:
        number = math.floor(high / step) * step
    return int(number) if float(number).is_integer() else number


def _between(low: float, high: float, schema: Mapping[str, Any]) -> float:
    if low == -math.inf:
        return min(0, high - 1) if high < math.inf else 0
    if high == math.inf:
        return low + 1 if low == schema.get("exclusiveMinimum") else low
    return (low + high) / 2


def _satisfy(root: Mapping[str, Any], rule: Rule, config: Any) -> None:
    """Add to `config` what `rule` asks for."""
    keys = split_pointer(rule.at)
    target, schema = config, object_at(root, keys) or {}
    for key in keys:
        if not isinstance(target, dict) or key not in target:
            return
        target = target[key]
    if not isinstance(target, dict):
        return
    present = [name for name in rule.names if name in target]
    after_defaults = complete(root, schema, target)
    if rule.form == "when":
        when = rule.when or {}
        holds = all(after_defaults.get(name, MISSING) == value for name, value in when.items())
        wanted = rule.names if holds else []
    elif rule.form == "require_together":
        wanted = rule.names if present else []
    else:
        wanted = [] if present else rule.names[:1]
    for name in wanted:
        if name not in target:
            target[name] = _value(root, schema["properties"][name])
