"""A minimal config that a schema accepts, where one can be derived."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

from rivven_connect.documents import split_pointer
from rivven_generator.manifest import JsonObject, Manifest, Rule
from rivven_generator.schema.compiler import compile_config_schema
from rivven_generator.schema.defaults import MISSING, complete
from rivven_generator.schema.pattern_samples import samples
from rivven_generator.schema.tree import object_at, resolve
from rivven_generator.schema.verdict import ConfigVerdict
from rivven_generator.schema.vocabulary import (
    BUILT_IN_VALIDATORS,
    KEYWORDS,
    is_nullable,
    types_of,
)

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
_MOST_VALUES = 10_000
_SCALARS = frozenset({"boolean", "integer", "number", "string"})
_LIMITS = frozenset(word for word, keyword in KEYWORDS.items() if keyword.types) | {"type"}
_CHARACTERS_PER_VALUE = 100
"""A long text counts as this many values: what is derived is written into several files."""


class _CannotDerive(Exception):
    """No value is known that the schema accepts."""


def minimal_config(manifest: Manifest) -> JsonObject | None:
    """Return a small config that the manifest's schema and rules accept; None if none is derived.

    It holds the required properties and what the rules ask for. A value that only an author's
    validator can judge is never invented.
    """
    verdict = ConfigVerdict(compile_config_schema(manifest), manifest.rules)
    for with_examples in (True, False):
        derivation = _Derivation(manifest.config, with_examples=with_examples)
        try:
            config = derivation.value(manifest.config)
            for rule in manifest.rules:
                derivation.satisfy(rule, config)
        except _CannotDerive:
            continue
        if isinstance(config, dict) and verdict.accepts(config):
            return config
    return None


def can_derive(node: JsonObject) -> bool:
    """Return whether a value for a text without references can be derived."""
    return _is_derivable({}, node)


def blocking_property(manifest: Manifest) -> tuple[str, ...]:
    """Return the path, below `config`, of a required property of which no value can be derived.

    It is the innermost one that is written in the object itself; empty where there is none.
    """
    path: tuple[str, ...] = ()
    node: Mapping[str, Any] = manifest.config
    while True:
        properties = node.get("properties", {})
        blocking = next(
            (
                name
                for name in node.get("required", ())
                if name in properties and not _is_derivable(manifest.config, properties[name])
            ),
            None,
        )
        if blocking is None:
            return path
        path, node = (*path, "properties", blocking), properties[blocking]


def _is_derivable(root: Mapping[str, Any], node: Mapping[str, Any]) -> bool:
    try:
        _Derivation(root, with_examples=True).value(node)
    except _CannotDerive:
        return False
    return True


class _Derivation:
    """Derives values for one config schema, within a budget."""

    def __init__(self, root: Mapping[str, Any], *, with_examples: bool) -> None:
        self._root = root
        self._with_examples = with_examples
        self._left = _MOST_VALUES

    def value(self, node: Mapping[str, Any]) -> Any:
        """Return a value that `node` accepts, or raise `_CannotDerive`."""
        self._left -= 1
        if self._left < 0:
            raise _CannotDerive
        schema = resolve(self._root, node)
        given = _given(schema, with_examples=self._with_examples)
        if given is not MISSING:
            return given
        if "oneOf" in schema:
            return self._branch(schema)
        if schema.get("validator", "cron") not in BUILT_IN_VALIDATORS:
            raise _CannotDerive
        try:
            return self._of_type(schema)
        except _CannotDerive:
            if is_nullable(schema):
                return None
            raise

    def satisfy(self, rule: Rule, config: Any) -> None:
        """Add to `config` what `rule` asks for."""
        keys = split_pointer(rule.at)
        target, schema = config, object_at(self._root, keys) or {}
        for key in keys:
            target = target.get(key) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            return
        for name in _wanted(rule, target, complete(self._root, schema, target)):
            if name not in target:
                target[name] = self.value(schema["properties"][name])

    def _of_type(self, schema: Mapping[str, Any]) -> Any:
        match min(types_of(schema), default=None):
            case "integer" | "number" as kind:
                value: Any = _number(schema, whole=kind == "integer")
            case "string":
                value = _string(schema)
                self._left -= len(value) // _CHARACTERS_PER_VALUE
            case "array":
                value = self._array(schema)
            case "object":
                value = self._object(schema)
            case "boolean":
                value = False
            case _:
                value = "example"
        return value

    def _branch(self, schema: Mapping[str, Any]) -> Any:
        tag = schema["discriminator"]["propertyName"]
        for branch in schema["oneOf"]:
            inner = resolve(self._root, branch)
            try:
                return {tag: inner["properties"][tag]["const"], **self._object(inner)}
            except _CannotDerive:
                continue
        raise _CannotDerive

    def _object(self, schema: Mapping[str, Any]) -> JsonObject:
        properties = schema.get("properties", {})
        value = {name: self.value(properties[name]) for name in schema.get("required", ())}
        for name, child in properties.items():
            if len(value) >= schema.get("minProperties", 0):
                break
            if name not in value:
                value[name] = self.value(child)
        extra = schema.get("additionalProperties", False)
        while extra is not False and len(value) < schema.get("minProperties", 0):
            free = next(n for n in map("key{}".format, itertools.count(1)) if n not in value)
            value[free] = self.value(extra if isinstance(extra, Mapping) else {})
        return value

    def _array(self, schema: Mapping[str, Any]) -> list[Any]:
        count = int(schema.get("minItems", 0))
        if count > self._left:
            raise _CannotDerive
        items = schema.get("items", {})
        if schema.get("uniqueItems") and count > 1:
            return self._distinct(resolve(self._root, items), count)
        return [self.value(items) for _ in range(count)]

    def _distinct(self, items: Mapping[str, Any], count: int) -> list[Any]:
        if items.get("enum"):
            return list(items["enum"][:count])
        first = self.value(items)
        if isinstance(first, str) and "pattern" not in items and "format" not in items:
            return [f"{first}{number}" for number in range(count)]
        if isinstance(first, (int, float)) and not isinstance(first, bool):
            step = items.get("multipleOf", 1)
            return [first + number * step for number in range(count)]
        raise _CannotDerive


def _given(schema: Mapping[str, Any], *, with_examples: bool) -> Any:
    """Return a value that the schema itself names, or `MISSING`."""
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    if schema.get("enum"):
        return schema["enum"][0]
    named = schema.get("examples", ()) if with_examples else ()
    # What an object or a list holds is judged with the whole config; here a scalar can be.
    scalars = types_of(schema) <= _SCALARS and bool(types_of(schema))
    verdict = ConfigVerdict(_own_limits(schema)) if named and scalars else None
    return next((v for v in named if verdict is None or verdict.accepts(v)), MISSING)


def _own_limits(schema: Mapping[str, Any]) -> JsonObject:
    return {word: value for word, value in schema.items() if word in _LIMITS}


def _wanted(rule: Rule, target: JsonObject, after_defaults: JsonObject) -> list[str]:
    """Return the names that `rule` wants to be present in `target`."""
    present = any(name in target for name in rule.names)
    if rule.form == "when":
        when = rule.when or {}
        holds = all(after_defaults.get(name, MISSING) == value for name, value in when.items())
        return rule.names if holds else []
    if rule.form == "require_together":
        return rule.names if present else []
    return [] if present else rule.names[:1]


def _string(schema: Mapping[str, Any]) -> str:
    if "pattern" in schema:
        return _matching(schema)
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


def _matching(schema: Mapping[str, Any]) -> str:
    """Return a text that matches the schema's pattern, and its other limits."""
    verdict = ConfigVerdict(_own_limits(schema))
    lengths = [None, *(schema[word] for word in ("minLength", "maxLength") if word in schema)]
    found = [
        text
        for length in lengths
        for text in samples(schema["pattern"], length if length is None else int(length))
    ]
    # A pattern for a part of the text, as in `@example\\.com$`, leaves the rest to the format.
    whole = _BY_FORMAT.get(schema.get("format", ""), "")
    found += [whole, *(f"a{text}" for text in found), *(f"{whole}/{text}" for text in found)]
    found += [f"{text}://example.com" for text in found]
    for text in found:
        if verdict.accepts(text) and not (text == "" and schema.get("secret")):
            return text
    raise _CannotDerive


def _number(schema: Mapping[str, Any], *, whole: bool) -> int | float:
    """Return a number inside the bounds: the smallest multiple at or above the lower one."""
    low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
    high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
    if schema.get("validator") == "port":
        low, high = max(low, 1), min(high, 65_535)
    step = schema.get("multipleOf", 1 if whole else None)
    if step is None:
        return _between(low, high, schema)
    if low > -math.inf:
        number = math.ceil(low / step) * step
        number += step if number == schema.get("exclusiveMinimum") else 0
    else:
        number = math.floor(min(0, high) / step) * step
        number -= step if number == schema.get("exclusiveMaximum") else 0
    if whole and not float(number).is_integer():
        number = _whole_multiple(number, step, upwards=low > -math.inf)
    return int(number) if float(number).is_integer() else number


def _whole_multiple(number: float, step: float, *, upwards: bool) -> float:
    """Return the next whole number that is a multiple of a broken step, if one is near."""
    for _ in range(100):
        if float(number).is_integer():
            break
        number += step if upwards else -step
    return number


def _between(low: float, high: float, schema: Mapping[str, Any]) -> float:
    if low == -math.inf:
        return min(0, high - 1) if high < math.inf else 0
    if high == math.inf:
        return low + 1 if low == schema.get("exclusiveMinimum") else low
    return (low + high) / 2
