"""Values that fit a JSON Schema, each from a number: a higher number gives a later value."""

from __future__ import annotations

import datetime
import ipaddress
import math
import string
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from rivven_connect._errors import ConnectorError
from rivven_connect._json import Json, JsonObject
from rivven_connect._patterns import pattern_search

_START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_DEEPEST = 6
"""Levels below which only what is required is made, so that a recursive schema comes to an end."""

_FORMATS: Mapping[str, Callable[[int], str]] = {
    "date-time": lambda n: (_START + datetime.timedelta(minutes=n)).isoformat(),
    "date": lambda n: (_START + datetime.timedelta(days=n)).date().isoformat(),
    "time": lambda n: f"{n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z",
    "duration": lambda n: f"PT{n}S",
    "email": lambda n: f"person-{n}@example.com",
    "hostname": lambda n: f"host-{n}.example.com",
    "ipv4": lambda n: str(ipaddress.IPv4Address(0x0A000001 + n)),
    "ipv6": lambda n: str(ipaddress.IPv6Address((0x20010DB8 << 96) + 1 + n)),
    "uri": lambda n: f"https://example.com/{n}",
    "uri-reference": lambda n: f"/{n}",
    "uuid": lambda n: str(uuid.UUID(int=(4 << 76) + (8 << 60) + n)),
    "regex": lambda n: f"^{n}$",
    "json-pointer": lambda n: f"/{n}",
}


class NoValue(Exception):
    """Nothing that fits can be made up; the message says where, and of what."""


class SchemaValues:
    """Makes values for the places of one schema."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root

    def value(
        self,
        raw: Any,
        number: int,
        where: str,
        *,
        prefers_null: bool = False,
        depth: int = 0,
    ) -> Json:
        """Return a value for the schema `raw`.

        Raises:
            NoValue: there is none that could be made up.
        """
        node = self.merged(raw)
        if prefers_null and "null" in _types(node):
            return None
        for choice in ("oneOf", "anyOf"):
            if branches := node.get(choice):
                branch = self._branch(branches, number, depth)
                rest = {key: value for key, value in node.items() if key != choice}
                return self.value({**rest, "allOf": [branch]}, number, where, depth=depth)
        if (options := _named(node)) is not None:
            return options[number % len(options)]
        return self._typed(node, number, where, depth)

    def _branch(self, branches: Sequence[Any], number: int, depth: int) -> Any:
        usable = [one for one in branches if _types(self.merged(one)) != ["null"]] or branches
        return usable[0 if depth >= _DEEPEST else number % len(usable)]

    def _typed(self, node: Mapping[str, Any], number: int, where: str, depth: int) -> Json:
        found: Json = None
        match next((one for one in _types(node) if one != "null"), "null"):
            case "object":
                found = self._object(node, number, where, depth)
            case "array":
                found = self._array(node, number, where, depth)
            case "string":
                found = _text(node, number, where)
            case "integer" | "number" as kind:
                found = _number(node, number, whole=kind == "integer")
            case "boolean":
                found = number % 2 == 0
        return found

    def merged(self, raw: Any) -> dict[str, Any]:
        """Return a schema with its reference followed and its `allOf` laid into it."""
        node: Any = raw if isinstance(raw, Mapping) else {}
        for _ in range(100):
            if "$ref" not in node:
                break
            rest = {key: value for key, value in node.items() if key != "$ref"}
            node = {**self._target(str(node["$ref"])), **rest}
        found = {key: value for key, value in node.items() if key != "allOf"}
        for part in node.get("allOf", ()):
            for key, value in self.merged(part).items():
                if key == "properties":
                    found[key] = {**found.get(key, {}), **value}
                elif key == "required":
                    found[key] = [*found.get(key, ()), *value]
                else:
                    found[key] = value
        return found

    def _target(self, reference: str) -> Mapping[str, Any]:
        found: Any = self.root
        for part in reference.removeprefix("#").split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            found = found.get(key, {}) if isinstance(found, Mapping) else {}
        return found if isinstance(found, Mapping) else {}

    def _object(self, node: Mapping[str, Any], number: int, where: str, depth: int) -> JsonObject:
        properties: Mapping[str, Any] = node.get("properties", {})
        required = list(node.get("required", ()))
        names = required if depth >= _DEEPEST else [*properties, *required]
        found: JsonObject = {}
        for name in dict.fromkeys(names):
            raw = properties.get(name, {})
            found[name] = self.value(raw, number, f"{where}/{name}", depth=depth + 1)
        extra = node.get("additionalProperties")
        if isinstance(extra, Mapping) and not properties and depth < _DEEPEST:
            found["key"] = self.value(extra, number, f"{where}/key", depth=depth + 1)
        return found

    def _array(self, node: Mapping[str, Any], number: int, where: str, depth: int) -> list[Json]:
        first: Sequence[Any] = node.get("prefixItems", ())
        wanted = 0 if depth >= _DEEPEST else max(2, len(first))
        count = min(max(wanted, node.get("minItems", 0)), node.get("maxItems", wanted))
        shapes = [*first, *[node.get("items", {})] * max(0, count - len(first))][:count]
        return [
            self.value(raw, count * number + index, f"{where}/{index}", depth=depth + 1)
            for index, raw in enumerate(shapes)
        ]


def _types(node: Mapping[str, Any]) -> list[str]:
    given = node.get("type")
    if given is not None:
        return list(given) if isinstance(given, list) else [given]
    if "properties" in node or "required" in node:
        return ["object"]
    return ["array"] if "items" in node or "prefixItems" in node else ["string"]


def _named(node: Mapping[str, Any]) -> list[Json] | None:
    """Return the values that a schema names, if it names any; null only where there is no other."""
    if "const" in node:
        return [node["const"]]
    options: list[Json] = list(node.get("enum", ()))
    return [one for one in options if one is not None] or options or None


def _number(node: Mapping[str, Any], number: int, *, whole: bool) -> int | float:
    step = Fraction(str(node.get("multipleOf", 1 if whole else 0.25)))
    if whole and step.denominator != 1:
        step = Fraction(step.numerator)
    low = _bound(node.get("minimum"), node.get("exclusiveMinimum"), step, max)
    high = _bound(node.get("maximum"), node.get("exclusiveMaximum"), -step, min)
    if low is None:
        low = Fraction(1) if high is None or high >= 1 else high - 1000 * step
    first = math.ceil(low / step) * step
    count = None if high is None else max(1, math.floor((high - first) / step) + 1)
    found = first + (number if count is None else number % count) * step
    return int(found) if found.denominator == 1 else float(found)


def _bound(
    plain: float | None,
    exclusive: float | None,
    inwards: Fraction,
    narrower: Callable[..., Fraction],
) -> Fraction | None:
    """Return the outermost number that is allowed on one side."""
    found = [] if plain is None else [Fraction(str(plain))]
    found += [] if exclusive is None else [Fraction(str(exclusive)) + inwards]
    return narrower(found) if found else None


def _text(node: Mapping[str, Any], number: int, where: str) -> str:
    least, most = node.get("minLength", 0), node.get("maxLength", math.inf)
    search = None
    if pattern := node.get("pattern"):
        try:
            search = pattern_search(pattern)
        except ConnectorError:
            raise NoValue(f"no text can be made up for the pattern of {where!r}") from None
    for text in _texts(node, number, where, least):
        if least <= len(text) <= most and (search is None or search(text)):
            return text
    raise NoValue(f"no text can be made up for {where!r}")


def _texts(node: Mapping[str, Any], number: int, where: str, least: int) -> Iterator[str]:
    if make := _FORMATS.get(node.get("format", "")):
        yield make(number)
        return
    word = where.rpartition("/")[2] or "text"
    yield f"{word}-{number:06d}".ljust(least, "x")
    yield f"{number:06d}".ljust(least, "0")
    for length in range(max(1, least), max(1, least) + 16):
        yield f"{number:0{length}d}"
        for letters in (string.ascii_lowercase, string.ascii_uppercase):
            yield _spelled(number, length, letters)
            yield f"{_spelled(number // 1000, length, letters)}-{number % 1000}"
    examples: Sequence[Any] = node.get("examples", ())
    yield from (one for one in examples if isinstance(one, str))


def _spelled(number: int, length: int, letters: str) -> str:
    """Return the number in letters, as long as asked."""
    text = ""
    for _ in range(length):
        number, digit = divmod(number, len(letters))
        text = letters[digit] + text
    return text
