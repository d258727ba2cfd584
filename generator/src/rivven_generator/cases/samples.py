"""Values that a schema accepts: known ones first, else derived from its keywords."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rivven_generator.cases import texts
from rivven_generator.cases.numbers import some_numbers
from rivven_generator.cases.sites import Key, Walker
from rivven_generator.cases.views import ABSENT, Json
from rivven_generator.schema.tree import branch_index
from rivven_generator.schema.verdict import validator_of
from rivven_generator.schema.vocabulary import BUILT_IN_VALIDATORS, is_nullable, types_of

_ABOUT_PARTS: Final = frozenset(
    {"$defs", "additionalProperties", "discriminator", "items", "oneOf", "properties"}
)
"""Keywords that say nothing about a scalar, and may refer to definitions."""
_DEEPEST: Final = 12
_MOST_ITEMS: Final = 200
_MOST_CHARACTERS: Final = 1_000_000
"""In all samples together: they make up the bases, which are many."""
_SECRET: Final = "not-a-real-secret"  # noqa: S105 - a placeholder that says so


class Samples:
    """Finds values for the places of a config schema; `known` are the manifest's own, by place."""

    def __init__(self, walker: Walker, known: Mapping[Key, list[Json]]) -> None:
        self._walker = walker
        self._root = walker.root
        self._known = known
        self._found: dict[tuple[Key, bool], list[Json]] = {}
        self._judges: dict[int, Any] = {}
        self._room = _MOST_CHARACTERS

    def known(self, key: Key) -> list[Json]:
        """Return the values that the manifest's valid configs have at a place."""
        return self._known.get(key, [])

    def first(self, key: Key, raw: Mapping[str, Any], *, full: bool = False) -> Json:
        """Return a value for the place, or `ABSENT`; with `full`, as much in it as possible."""
        return next(iter(self.some(key, raw, full=full)), ABSENT)

    def some(self, key: Key, raw: Mapping[str, Any], *, full: bool = False) -> list[Json]:
        """Return a few values for the place, best first."""
        if (key, full) not in self._found:
            self._found[key, full] = []  # a schema that contains itself ends here
            node = self._walker.resolved(raw)
            if len(key) <= 2 * _DEEPEST:
                self._found[key, full] = self._distinct(
                    self._candidates(key, node, full=full), node
                )
        return self._found[key, full]

    def several(self, key: Key, raw: Mapping[str, Any], count: int, *, unique: bool) -> list[Json]:
        """Return `count` values for the place, all different if `unique`; fewer if there are not."""
        if count > _MOST_ITEMS:
            return []
        found = self.some(key, raw)
        if not unique:
            return found[:1] * count
        node = self._walker.resolved(raw)
        if len(found) < count and not self.is_authors(node):
            more = self._variations(found, node, count)
            found = self._distinct(iter([*found, *more]), node, most=count)
        return found[:count]

    def is_authors(self, node: Mapping[str, Any]) -> bool:
        """Return whether only the author's own function can judge a value."""
        return node.get("x-rivven-validator", "cron") not in BUILT_IN_VALIDATORS

    def fits(self, node: Mapping[str, Any], value: Json) -> bool:
        """Return whether a scalar fits its schema, built-in validator included."""
        name = node.get("x-rivven-validator", "")
        if name in BUILT_IN_VALIDATORS and value is not None:
            try:
                _check(name, value)
            except (ValueError, TypeError, AttributeError):
                return False
        if isinstance(value, dict | list):
            return True
        if id(node) not in self._judges:
            own = {k: v for k, v in node.items() if k not in _ABOUT_PARTS}
            self._judges[id(node)] = (validator_of(own), node)  # the node keeps its id taken
        return bool(self._judges[id(node)][0].is_valid(value))

    def _distinct(
        self, values: Iterator[Json], node: Mapping[str, Any], most: int = 8
    ) -> list[Json]:
        found: list[Json] = []
        for value in values:
            if len(found) >= most:
                break
            length = len(value) if isinstance(value, str) else 0
            if length > self._room:
                continue
            if not any(_same(value, other) for other in found) and self.fits(node, value):
                found.append(value)
                self._room -= length
        return found

    def _candidates(self, key: Key, node: Mapping[str, Any], *, full: bool) -> Iterator[Json]:
        if self.is_authors(node):
            yield from self.known(key)
            return
        if not full:
            yield from self.known(key)
        if "const" in node:
            yield node["const"]
        if "default" in node and not (full and isinstance(node["default"], dict | list)):
            yield node["default"]
        yield from node.get("examples", ())
        yield from node.get("enum", ())
        yield from texts.VALID.get(node.get("x-rivven-validator", ""), ())
        yield from self._of_type(key, node, full=full)
        yield from self.known(key)
        if is_nullable(node):
            yield None

    def _of_type(self, key: Key, node: Mapping[str, Any], *, full: bool) -> Iterator[Json]:
        if "oneOf" in node:
            yield from self._branches(key, node, full=full)
            return
        types = types_of(node)
        if not types and "properties" not in node:
            yield from ("anything", 1, {"any": ["thing"]})
        if types & {"integer", "number"}:
            yield from some_numbers(node, whole="number" not in types)
        if "string" in types:
            yield from self._texts(node)
        if "boolean" in types:
            yield from (False, True)
        if "array" in types:
            yield from self._arrays(key, node, full=full)
        if "object" in types or "properties" in node:
            yield from self._objects(key, node, full=full)

    def _texts(self, node: Mapping[str, Any]) -> Iterator[str]:
        yield from texts.FITTING.get(node.get("format", ""), ())
        if "pattern" in node:
            yield from texts.for_pattern(node)
        word = _SECRET if node.get("writeOnly") else "example"
        least, most = node.get("minLength", 0), node.get("maxLength", len(word))
        yield from texts.of_length(node, min(max(least, len(word)), most), [word])
        yield from texts.of_length(node, least, [word])

    def _arrays(self, key: Key, node: Mapping[str, Any], *, full: bool) -> Iterator[Json]:
        items: Mapping[str, Any] = node.get("items", {})
        count = max(node.get("minItems", 0), min(1, node.get("maxItems", 1)) if full else 0)
        inner = self._walker.child(key, "[]", items)
        if count <= 1:
            value = self.first(inner, items, full=full) if count else ABSENT
            if value is not ABSENT:
                yield [value]
        found = self.several(inner, items, count, unique=node.get("uniqueItems", False))
        if len(found) == count <= _MOST_ITEMS:
            yield found

    def _objects(self, key: Key, node: Mapping[str, Any], *, full: bool) -> Iterator[Json]:
        value = self.complete(key, node, {}, optional=full)
        if value is not ABSENT:
            yield value

    def complete(
        self, key: Key, node: Mapping[str, Any], value: Mapping[str, Any], *, optional: bool
    ) -> Json:
        """Return the object with what it must have, or all that it may have; `ABSENT` if unknown."""
        properties, found = node.get("properties", {}), dict(value)
        for name in node.get("required", ()):
            if name not in found and name in properties:
                child = self._walker.child(key, "/" + name, properties[name])
                found[name] = self.first(child, properties[name], full=optional)
                if found[name] is ABSENT:
                    return ABSENT
        least, most = node.get("minProperties", 0), node.get("maxProperties", 10**9)
        for name, raw in properties.items():
            wanted = optional or len(found) < least
            if wanted and name not in found and len(found) < most:
                item = self.first(self._walker.child(key, "/" + name, raw), raw, full=optional)
                if item is not ABSENT:
                    found[name] = item
        return self._with_entries(
            key, node, found, max(least, len(properties) + 1 if optional else 0)
        )

    def _with_entries(
        self, key: Key, node: Mapping[str, Any], found: dict[str, Json], count: int
    ) -> Json:
        """Add entries to an open or typed map until there are `count` properties, at least one more."""
        raw = node.get("additionalProperties", True)
        declared = node.get("properties", {})
        if raw is False or any(name not in declared for name in found):
            return found
        if not isinstance(raw, Mapping):
            return found if len(found) >= node.get("minProperties", 0) else ABSENT
        inner, index = self._walker.child(key, "{}", raw), 0
        most = min(count, node.get("maxProperties", count), _MOST_ITEMS)
        while len(found) < most:
            item = self.first(inner, raw, full=True)
            index += 1
            if item is ABSENT:
                break
            found[f"key{index}"] = item
        return found

    def _branches(self, key: Key, node: Mapping[str, Any], *, full: bool) -> Iterator[Json]:
        for index in range(len(node["oneOf"])):
            value = self.branch(key, node, index, full=full)
            if value is not ABSENT:
                yield value

    def branch(self, key: Key, node: Mapping[str, Any], index: int, *, full: bool) -> Json:
        """Return a value of one branch of a union, or `ABSENT`."""
        raw = node["oneOf"][index]
        inner = self._walker.child(key, f"|{index}", raw)
        branch, tag = self._walker.resolved(raw), node["discriminator"]["propertyName"]
        start = {tag: branch["properties"][tag]["const"]}
        return self.complete(inner, branch, start, optional=full)

    def _variations(
        self, found: Sequence[Json], node: Mapping[str, Any], count: int
    ) -> Iterator[Json]:
        for number in range(1, count + 1):
            for value in found[:2]:
                yield from self._variation(value, number, node)

    def _variation(self, value: Json, number: int, node: Mapping[str, Any]) -> Iterator[Json]:
        """Yield values that differ from `value`, a different one for each number."""
        if isinstance(value, bool) or value is None:
            return
        if isinstance(value, str):
            yield f"{value}{number}"
            yield f"{number}{value}"
        elif isinstance(value, int | float):
            step = node.get("multipleOf", 1)
            yield value + number * step
            yield value - number * step
        elif isinstance(value, list):
            items = self._walker.resolved(node.get("items", {}))
            for index, item in enumerate(value[:1]):
                for other in self._fitting_variation(item, number, items):
                    yield [other, *value[index + 1 :]]
        elif isinstance(value, dict):
            declared = self._declared(value, node)
            for name, item in value.items():
                for other in self._fitting_variation(item, number, declared.get(name, {})):
                    yield {**value, name: other}

    def _fitting_variation(
        self, value: Json, number: int, raw: Mapping[str, Any]
    ) -> Iterator[Json]:
        node = self._walker.resolved(raw)
        yield from (o for o in self._variation(value, number, node) if self.fits(node, o))

    def _declared(self, value: Mapping[str, Json], node: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the schemas of an object's properties, in the branch of a union that it means."""
        if "oneOf" in node:
            index = branch_index(self._root, node, value)
            node = {} if index is None else self._walker.resolved(node["oneOf"][index])
        extra = node.get("additionalProperties")
        others = dict.fromkeys(value, extra if isinstance(extra, Mapping) else {})
        return {**others, **node.get("properties", {})}


def _same(left: Json, right: Json) -> bool:
    """Return whether two values are the same JSON of the same type; 1 and 1.0 are told apart."""
    return type(left) is type(right) and bool(left == right) and repr(left) == repr(right)


def _check(name: str, value: Json) -> None:
    """Run a built-in validator; only manifests that name one pay for its import."""
    from rivven_connect import config  # noqa: PLC0415

    getattr(config, f"check_{name}")(value)
