"""What the compiled schema says about a config, in the words of the manifest."""

from __future__ import annotations

from collections.abc import Sequence

import jsonschema_rs
import msgspec

from rivven_connect.documents import to_pointer
from rivven_generator.manifest import JsonObject, Rule
from rivven_generator.schema.broken import Broken, Reader, value_at

_PATTERN_BYTES = 10 * 1024 * 1024
_TAG_RULES = ("discriminator", "oneOf", "enum", "const")


class Failure(msgspec.Struct, frozen=True):
    """One reason why a config is refused: its places and the names of its rule, best first."""

    places: tuple[str, ...]
    rules: tuple[str, ...]

    def is_described_by(self, at: str, rule: str) -> bool:
        """Return whether `at` and `rule` of an invalid case mean this failure."""
        return at in self.places and rule in self.rules


class ConfigVerdict:
    """Judges configs by a compiled schema; a union reports what is wrong in the branch it means."""

    def __init__(self, compiled: JsonObject, rules: Sequence[Rule] = ()) -> None:
        self._reader = Reader(compiled, rules)
        self._validator = validator_of(compiled)

    def accepts(self, config: object) -> bool:
        """Return whether the schema accepts `config`."""
        return bool(self._validator.is_valid(config))

    def failures(self, config: object) -> list[Failure]:
        """Return every reason against `config`, ordered by place; never a value of it."""
        errors = self._validator.iter_errors(config)
        found = {_failure(broken, config) for broken in self._reader.read(errors, config)}
        return sorted(found, key=lambda failure: (failure.places, failure.rules))


def _failure(broken: Broken, config: object) -> Failure:
    """Return the failure with every name that an author may have for its place and its rule."""
    path = to_pointer(broken.path)
    named = path if broken.name is None else to_pointer((*broken.path, broken.name))
    if broken.rule is not None:
        rules = (broken.keyword, "require") if broken.keyword == "when" else (broken.keyword,)
        return Failure(tuple(dict.fromkeys((named, path))), rules)
    if not broken.tag:
        return Failure((named,), (broken.keyword,))
    value = value_at(config, broken.path)
    if not isinstance(value, dict):
        return Failure((path,), ("type", "oneOf"))
    tag = to_pointer((*broken.path, broken.tag))
    if broken.tag not in value:
        return Failure((tag,), ("required",))
    return Failure((tag, path), _TAG_RULES)


def validator_of(schema: JsonObject) -> jsonschema_rs.Draft202012Validator:
    """Return a validator that asserts formats and matches patterns in linear time."""
    return jsonschema_rs.Draft202012Validator(
        schema,
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES),
    )
