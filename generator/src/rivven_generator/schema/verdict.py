"""What the compiled schema says about a config, in the words of the manifest."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import jsonschema_rs

from rivven_connect.documents import to_pointer
from rivven_generator.manifest import JsonObject, Rule
from rivven_generator.schema.located import located
from rivven_generator.schema.tree import resolve, tag_of

_PATTERN_BYTES = 10 * 1024 * 1024
_TAG_RULES = ("discriminator", "oneOf", "enum", "const")


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """One reason why a config is refused: its places and the names of its rule, best first."""

    places: tuple[str, ...]
    rules: tuple[str, ...]

    def is_described_by(self, at: str, rule: str) -> bool:
        """Return whether `at` and `rule` of an invalid case mean this failure."""
        return at in self.places and rule in self.rules


class ConfigVerdict:
    """Judges configs by a compiled schema; a union reports what is wrong in the branch it means."""

    def __init__(self, compiled: JsonObject, rules: Sequence[Rule] = ()) -> None:
        self._compiled = compiled
        self._rules = rules
        self._validator = validator_of(compiled)

    def accepts(self, config: object) -> bool:
        """Return whether the schema accepts `config`."""
        return bool(self._validator.is_valid(config))

    def failures(self, config: object) -> list[Failure]:
        """Return every reason against `config`, ordered by place; never a value of it."""
        found: dict[Failure, None] = {}
        for error in self._validator.iter_errors(config):
            found.update(dict.fromkeys(self._read(error, config)))
        return sorted(found, key=lambda failure: (failure.places, failure.rules))

    def _read(self, error: Any, config: object) -> Iterator[Failure]:
        path = located(config, error.instance_path)
        kind = error.kind.name
        if (rule := self._rule_of(error)) is not None:
            named = [*path, error.kind.property] if kind == "required" else path
            names = (rule.form, "require") if rule.form == "when" else (rule.form,)
            yield Failure(tuple(dict.fromkeys(map(to_pointer, (named, path)))), names)
        elif kind == "required":
            yield Failure((to_pointer([*path, error.kind.property]),), ("required",))
        elif kind == "additionalProperties":
            for name in error.kind.unexpected:
                yield Failure((to_pointer([*path, name]),), ("additionalProperties",))
        elif kind == "oneOf":
            yield from self._read_union(error, path, config)
        else:
            keyword = str(error.schema_path[-1]) if error.schema_path else kind
            yield Failure((to_pointer(path),), (keyword,))

    def _read_union(self, error: Any, path: list[str | int], config: object) -> Iterator[Failure]:
        node: Any = self._compiled
        for step in located(node, error.schema_path)[:-1]:
            node = node[step]
        tag = node["discriminator"]["propertyName"]
        if not isinstance(error.instance, dict):
            yield Failure((to_pointer(path),), ("type", "oneOf"))
        elif tag not in error.instance:
            yield Failure((to_pointer([*path, tag]),), ("required",))
        else:
            tags = [tag_of(resolve(self._compiled, branch), tag) for branch in node["oneOf"]]
            if error.instance[tag] not in tags:
                yield Failure((to_pointer([*path, tag]), to_pointer(path)), _TAG_RULES)
                return
            for inner in error.kind.context[tags.index(error.instance[tag])]:
                yield from self._read(inner, config)

    def _rule_of(self, error: Any) -> Rule | None:
        match list(error.schema_path):
            case ["allOf", int(index), *_] if index < len(self._rules):
                return self._rules[index]
        return None


def validator_of(schema: JsonObject) -> jsonschema_rs.Draft202012Validator:
    """Return a validator that asserts formats and matches patterns in linear time."""
    return jsonschema_rs.Draft202012Validator(
        schema,
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES),
    )
