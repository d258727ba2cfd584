"""What the compiled schema says about a config, in the words that the generated class uses."""

from __future__ import annotations

from collections.abc import Sequence

from rivven_connect.documents import split_pointer, to_pointer
from rivven_generator.cases.views import ABSENT, Json
from rivven_generator.manifest import JsonObject, Rule
from rivven_generator.schema.broken import Broken, Reader
from rivven_generator.schema.verdict import validator_of

Failure = tuple[str, str]
"""JSON pointer and rule."""

_COUNTS = frozenset({"minProperties", "maxProperties"})
LATE_RULES = _COUNTS | {"require_any", "require_one", "require_together", "when"}
"""What a class asks only of an object whose properties are right."""

_ORDER = (
    "type", "minLength", "maxLength", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
    "multipleOf", "pattern", "format",
)  # fmt: skip
"""Of several failures of one scalar, a class reports the first in this order."""
_VALUE_RULES = ("enum", "const")


class Judge:
    """Judges configs by a compiled schema and the rules that are in it."""

    def __init__(self, compiled: JsonObject, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._reader = Reader(compiled, rules)
        self._validator = validator_of(compiled)

    def accepts(self, config: Json) -> bool:
        """Return whether the schema accepts `config`."""
        return bool(self._validator.is_valid(config))

    def refuses(self, config: Json, failure: Failure) -> bool:
        """Return whether the class refuses `config` with this failure, and with none before it."""
        found = self.failures(config)
        if failure not in found:
            return False
        rest = {other for other in found if other != failure}
        if failure[1] in _COUNTS:  # a class asks for them before its other rules
            return not {other for other in rest if other[1] not in LATE_RULES - _COUNTS}
        if failure[1] in LATE_RULES:
            return rest <= self._after(failure)
        return not {other for other in rest if other[1] not in LATE_RULES}

    def _after(self, failure: Failure) -> set[Failure]:
        """Return the rules that a class asks for only when this one holds."""
        order = [(to_pointer(split_pointer(rule.at)), rule.form) for rule in self._rules]
        return set(order[order.index(failure) + 1 :])

    def failures(self, config: Json) -> set[Failure]:
        """Return every reason against `config`, as the class reports it."""
        found: dict[str, set[str]] = {}
        for broken in self._reader.read(self._validator.iter_errors(config), config):
            pointer, rule = _as_reported(broken)
            found.setdefault(pointer, set()).add(rule)
        return {(pointer, rule) for pointer in found for rule in _reported(found[pointer])}


def _as_reported(broken: Broken) -> Failure:
    """Return the place that a class names, and the rule."""
    if broken.rule is not None:
        return to_pointer(split_pointer(broken.rule.at)), broken.keyword
    names = () if broken.name is None else (broken.name,)
    return to_pointer((*broken.path, *names)), broken.keyword


def at(config: Json, path: Sequence[str | int]) -> Json:
    """Return what is at `path`, or `ABSENT`."""
    for step in path:
        if isinstance(config, list) and int(step) < len(config):
            config = config[int(step)]
        elif isinstance(config, dict) and step in config:
            config = config[step]
        else:
            return ABSENT
    return config


def changed(config: Json, path: Sequence[str | int], value: Json) -> Json:
    """Return `config` with `value` at `path`; what is not on the path is shared, not copied."""
    if not path:
        return value
    first, *rest = path
    if isinstance(config, list):
        index = int(first)
        inner = changed(config[index], rest, value) if rest else value
        return [*config[:index], inner, *config[index + 1 :]]
    if rest:
        return {**config, first: changed(config[first], rest, value)}
    if value is ABSENT:
        return {key: item for key, item in config.items() if key != first}
    return {**config, first: value}


def _reported(rules: set[str]) -> set[str]:
    """Return which of the rules that one value breaks a class reports."""
    if "oneOf" in rules:
        return {"oneOf"}
    values = [rule for rule in _VALUE_RULES if rule in rules]
    if values:
        return {values[0]}
    ordered = [rule for rule in _ORDER if rule in rules]
    return (rules - set(_ORDER)) | set(ordered[:1])
