"""Compares a generated config class with an independent JSON Schema validator, config by config."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
from instances import places

from rivven_connect import InputError
from rivven_connect._rules import json_key
from rivven_connect.config import ConfigModel
from rivven_connect.documents import split_pointer, to_pointer
from rivven_generator.cases.judge import at, changed
from rivven_generator.load import LoadedManifest
from rivven_generator.schema import compile_config_schema, complete

_SAME = {"const": "enum"}


@dataclasses.dataclass
class Tally:
    """What was compared, and what differed: each with its config."""

    accepted: int = 0
    refused: int = 0
    left_to_the_author: int = 0
    """Refused by a named validator, about which the schema says nothing."""
    explained: int = 0
    """Differ, and would not without a regular expression or a large float in the config."""
    differences: list[str] = dataclasses.field(default_factory=list)
    """Verdicts that differ, or a class whose first problem is none of the validator's."""
    changed: list[str] = dataclasses.field(default_factory=list)
    """Accepted configs that did not survive."""


class Comparison:
    """One config class beside the validator of its schema."""

    def __init__(self, found: LoadedManifest, config_class: type[ConfigModel]) -> None:
        self._manifest = found.manifest
        self._class = config_class
        self._schema = compile_config_schema(found.manifest)
        self._validator = jsonschema_rs.Draft202012Validator(
            self._schema, validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
        )

    def compare(self, config: Any, tally: Tally) -> None:
        """Try one config on both."""
        difference, parsed, is_authors = self._difference(config)
        if is_authors:
            tally.left_to_the_author += 1
            return
        tally.accepted += parsed is not None
        tally.refused += parsed is None
        label = f"{self._manifest.name}: {config!r}"[:1000]
        if difference and self._difference(self._calmed(config))[0]:
            tally.differences.append(f"{difference}: {label}")
        elif difference:
            tally.explained += 1
        elif parsed is not None and (reason := self._change(config, parsed)):
            tally.changed.append(f"{reason}: {label}")

    def _difference(self, config: Any) -> tuple[str, ConfigModel | None, bool]:
        """Return how the two differ, the config if the class accepts it, and if an author refused it."""
        valid = self._validator.is_valid(config)
        try:
            parsed = self._class.parse(config)
        except InputError as error:
            problems = [(_normal(problem.pointer), problem.rule) for problem in error.problems]
            if any(rule == "validator" for _, rule in problems):
                return "", None, True
            if valid:
                return f"the class refuses {problems[:3]}", None, False
            reasons = set(self._reasons(config))
            shown = f"{problems[0]} is none of {sorted(reasons)[:6]}"
            return "" if problems[0] in reasons else shown, None, False
        reasons = set() if valid else set(self._reasons(config))
        shown = f"the class accepts, against {sorted(reasons)[:3]}"
        return "" if valid else shown, parsed, False

    def _calmed(self, config: Any) -> Any:
        """Return the config without what readers of JSON Schema do not agree on.

        A text of `format: regex` is judged by the engine that a connector has, others have their own
        dialect. A float of 2^53 or more is one number in binary, and another as it is written.
        """
        calm = copy.deepcopy(config)
        for path, node in places(config, self._schema, self._schema):
            value = at(config, path)
            is_regex = isinstance(value, str) and node.get("format") == "regex"
            is_large = isinstance(value, float) and abs(value) >= 2**53
            if path and (is_regex or is_large):
                calm = changed(calm, path, "a" if is_regex else 2**53)
        return calm

    def _change(self, config: Any, parsed: ConfigModel) -> str:
        dumped = parsed.dump(reveal=True)
        wanted = complete(self._manifest.config, self._manifest.config, config)
        if not self._validator.is_valid(wanted):  # more than `maxProperties` with the defaults
            wanted = config
        if json_key(dumped) != json_key(wanted):
            return f"dumped as {dumped!r}, not {wanted!r}"
        again = self._class.parse(dumped)
        return "" if again == parsed and again.dump(reveal=True) == dumped else "changes again"

    def _reasons(self, config: Any) -> Iterator[tuple[str, str]]:
        for error in self._validator.iter_errors(config):
            for pointer, rule in self._read(error, config):
                yield _normal(pointer), rule

    def _read(self, error: Any, config: Any) -> Iterator[tuple[str, str]]:
        path, place = list(error.instance_path), list(error.schema_path)
        if place[:1] == ["allOf"]:
            rule = self._manifest.rules[place[1]]
            yield to_pointer(split_pointer(rule.at)), rule.form
            return
        match error.kind.name:
            case "required":
                yield to_pointer([*path, error.kind.property]), "required"
            case "additionalProperties":
                for name in error.kind.unexpected:
                    yield to_pointer([*path, name]), "additionalProperties"
            case "falseSchema":
                for name in _names_at(config, path):
                    yield to_pointer([*path, name]), "additionalProperties"
            case "oneOf":
                yield to_pointer(path), "oneOf"
                for branch in error.kind.context:
                    for inner in branch:
                        yield from self._read(inner, config)
            case _:
                rule = str(place[-1])
                yield to_pointer(path), _SAME.get(rule, rule)


def _normal(pointer: str) -> str:
    """Return a pointer as the validator can say it: it reads `02` as a number and skips empty names."""
    steps = (step for step in pointer.split("/") if step)
    return "".join(
        f"/{int(step) if step.isdecimal() and step.isascii() else step}" for step in steps
    )


def _names_at(config: Any, path: list[str | int]) -> list[str]:
    for step in path:
        names = (
            {_normal(f"/{name}"): name for name in config} if isinstance(config, Mapping) else {}
        )
        config = config[names.get(_normal(f"/{step}"), step)]
    return list(config) if isinstance(config, Mapping) else []
