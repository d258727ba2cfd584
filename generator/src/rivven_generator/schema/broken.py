"""What the validator's errors say, in terms of the config schema: one reading for all who judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from rivven_generator.manifest import JsonObject, Rule
from rivven_generator.schema.located import located
from rivven_generator.schema.tree import branch_index


class Broken(msgspec.Struct, frozen=True):
    """One keyword that a config breaks."""

    path: tuple[str | int, ...]
    """Where in the config the value is that breaks it."""
    keyword: str
    name: str | None = None
    """The property that is missing there, or that should not be there."""
    rule: Rule | None = None
    """The manifest's rule that the keyword was compiled from."""
    tag: str = ""
    """Of a union that no branch is chosen of: its tag property."""


class Reader:
    """Reads errors of a compiled schema; rule `n` is `allOf[n]` of it."""

    def __init__(self, compiled: JsonObject, rules: Sequence[Rule]) -> None:
        self._compiled = compiled
        self._rules = rules

    def read(self, errors: Iterable[Any], config: object) -> Iterator[Broken]:
        """Yield what is broken; of a union, what is in the branch that the config means."""
        for error in errors:
            yield from self._one(error, config)

    def _one(self, error: Any, config: object) -> Iterator[Broken]:
        path, place = tuple(located(config, error.instance_path)), list(error.schema_path)
        kind = error.kind.name
        name = error.kind.property if kind == "required" else None
        if (rule := self._rule_at(place)) is not None:
            yield Broken(path, rule.form, name, rule)
        elif kind == "required":
            yield Broken(path, kind, name)
        elif kind == "additionalProperties":
            yield from (Broken(path, kind, extra) for extra in error.kind.unexpected)
        elif kind == "falseSchema":  # of an object that declares nothing; it names no property
            yield from (Broken(path, "additionalProperties", n) for n in value_at(config, path))
        elif kind == "oneOf":
            yield from self._union(error, path, config)
        else:
            yield Broken(path, str(place[-1]) if place else kind)

    def _union(self, error: Any, path: tuple[str | int, ...], config: object) -> Iterator[Broken]:
        node: Any = self._compiled
        for step in located(node, error.schema_path)[:-1]:
            node = node[step]
        index = branch_index(self._compiled, node, error.instance)
        if index is None:
            yield Broken(path, "oneOf", tag=node["discriminator"]["propertyName"])
        else:
            yield from self.read(error.kind.context[index], config)

    def _rule_at(self, place: list[Any]) -> Rule | None:
        match place:
            case ["allOf", int(index), *_] if index < len(self._rules):
                return self._rules[index]
        return None


def value_at(config: object, path: Sequence[str | int]) -> Any:
    """Return what is at a path that exists."""
    value: Any = config
    for step in path:
        value = value[step]
    return value
