"""What the compiled schema says about a config, in the words of the manifest."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jsonschema_rs

from rivven_connect.documents import to_pointer
from rivven_generator.manifest import JsonObject, Rule


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """One reason why a config is refused: the places and rule names that describe it."""

    places: frozenset[str]
    rules: frozenset[str]
    place: str
    rule: str

    def is_described_by(self, at: str, rule: str) -> bool:
        """Return whether `at` and `rule` of an invalid case mean this failure."""
        return at in self.places and rule in self.rules


class ConfigVerdict:
    """Judges configs by a compiled schema; a union reports what is wrong in the branch it means."""

    def __init__(self, compiled: JsonObject, rules: Sequence[Rule] = ()) -> None:
        self._rules = rules
        self._validator = validator_of(_with_located_unions(compiled))

    def accepts(self, config: object) -> bool:
        """Return whether the schema accepts `config`."""
        return self._validator.is_valid(config)

    def failures(self, config: object) -> list[Failure]:
        """Return every reason against `config`, ordered by place; never a value of it."""
        found = {
            failure for error in self._validator.iter_errors(config) for failure in self._read(error)
        }
        return sorted(found, key=lambda failure: (failure.place, failure.rule))

    def _read(self, error: Any) -> Iterator[Failure]:
        path = list(error.instance_path)
        keyword = str(error.schema_path[-1]) if error.schema_path else "false"
        if error.kind.name == "required":
            path, keyword = [*path, error.kind.property], "required"
        rule = self._rule_of(error)
        if rule is not None:
            inside = to_pointer(list(error.instance_path))
            names = frozenset({rule.form, "require", keyword})
            yield Failure(frozenset({inside, to_pointer(path)}), names, inside, rule.form)
        elif keyword == "additionalProperties" and hasattr(error.kind, "unexpected"):
            for name in error.kind.unexpected:
                yield _failure([*path, name], keyword)
        elif "x-union" in map(str, error.schema_path) or _is_tag(error):
            yield _failure(path, "discriminator", "oneOf", "enum", "const")
        else:
            yield _failure(path, keyword)

    def _rule_of(self, error: Any) -> Rule | None:
        match list(error.schema_path):
            case ["allOf", int(index), *_] if index < len(self._rules):
                return self._rules[index]
        return None


def validator_of(schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Return a validator that asserts formats and matches patterns in linear time."""
    return jsonschema_rs.Draft202012Validator(
        schema, validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
    )


def _failure(path: Sequence[str | int], *rules: str) -> Failure:
    place = to_pointer(path)
    return Failure(frozenset({place}), frozenset(rules), place, rules[0])


def _is_tag(error: Any) -> bool:
    return bool(error.kind.name == "enum" and "allOf" in error.schema_path)


def _with_located_unions(node: Any) -> Any:
    """Return the schema with each `oneOf` of tagged branches as one `if` per tag.

    It accepts the same values, and its errors lie in the one branch that the tag names.
    """
    if isinstance(node, list):
        return [_with_located_unions(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _with_located_unions(value) for key, value in node.items()}
