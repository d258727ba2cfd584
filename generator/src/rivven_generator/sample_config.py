"""The sample config of a connector: the example, and everything else that can be set as comments.

`## ` begins an explanation, `# ` a setting that is left out: without it, the line stands where it
belongs. Lines are made without the indentation of what they stand in, which is added around them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rivven_connect.documents import yaml_text
from rivven_connect.forms import arrange
from rivven_generator.cases.derive import known_values
from rivven_generator.cases.sites import Walker, free_name
from rivven_generator.cases.views import ABSENT, Json
from rivven_generator.load import LoadedManifest
from rivven_generator.places import Place, Places
from rivven_generator.render import line_text
from rivven_generator.schema.defaults import complete
from rivven_generator.shapes import values_of
from rivven_generator.views import example_config
from rivven_generator.wording import json_text, limits, rule_texts, text_of, type_text

_WIDTH: Final = 96
_LONGEST_DEFAULT: Final = 40
_NOTHING: Final = "Nothing has to be set. Remove this line once you set something:"


def config_example(
    loaded: LoadedManifest, schema: Mapping[str, Any], variables: Mapping[str, str]
) -> str:
    """Return a sample config as YAML, without the note that it is generated.

    Args:
        loaded: the manifest.
        schema: its config, compiled.
        variables: the environment variable of each secret, by its path in the option table.
    """
    valid = loaded.manifest.tests.valid
    places = Places(schema, known_values(Walker(schema), valid))
    lines = _Sheet(places, variables).document(example_config(loaded))
    if not lines:
        return "{}\n"
    rules = [_explained(text) for text in rule_texts(loaded.manifest.rules)]
    return "\n".join([*(line for text in rules for line in text), *lines]).strip("\n") + "\n"


class _Sheet:
    def __init__(self, places: Places, variables: Mapping[str, str]) -> None:
        self._places = places
        self._variables = variables

    def document(self, example: dict[str, Any]) -> list[str]:
        """Return the lines of the whole config, a blank one before each property."""
        top = self._places.top()
        groups = arrange(top.node, top.node)
        value = example or self._a_default(top, [name for one in groups for name in one.names])
        lines: list[str] = []
        for group in groups:
            lines += ["", *_explained(f"{group.title}:")] if group.title else []
            for name in group.names:
                lines += ["", *self._field(top, name, value)]
        surplus = self._surplus(top, value)
        lines += ["", *surplus] if surplus else []
        return lines if value or not lines else [*lines, "", *_explained(_NOTHING), "{}"]

    def _a_default(self, top: Place, names: list[str]) -> dict[str, Any]:
        """Return a config that says what is so anyhow, for YAML cannot be all comments."""
        for name in names:
            place = self._places.property_of(top, name)
            if "default" in place.node:
                return {name: complete(self._places.root, place.raw, place.node["default"])}
        return {}

    def _field(self, parent: Place, name: str, value: Mapping[str, Any]) -> list[str]:
        """Return a property of an object: what it is, and its value, commented out if it is absent."""
        place = self._places.property_of(parent, name)
        if name == parent.tag:
            return self._entry(name, place, value[name])
        required = name in parent.node.get("required", ())
        lines = self._about(place.node, required=required)
        if name not in value:
            sample = self._places.sample(place)
            return [
                *lines,
                *_commented(self._entry(name, place, sample)),
                *self._alternatives(name, place, sample),
            ]
        return [
            *lines,
            *self._entry(name, place, value[name]),
            *self._alternatives(name, place, value[name]),
        ]

    def _about(self, node: Mapping[str, Any], *, required: bool) -> list[str]:
        """Return description, type, default and limits as explanations."""
        facts = [type_text(self._places.root, node)]
        if required:
            facts.append("required")
        elif "default" in node:
            default = json_text(node["default"])
            short = len(default) <= _LONGEST_DEFAULT
            facts.append(f"default {default}" if short else "with a default")
        else:
            facts.append("optional")
        facts += limits(node)
        facts += [f"pattern {node['pattern']}"] if "pattern" in node else []
        facts += ["deprecated"] if node.get("deprecated") else []
        return [*_explained(text_of(node)), *_explained("; ".join(facts))]

    def _entry(self, name: str, place: Place, value: Json) -> list[str]:
        """Return `name: value`, with explanations inside it."""
        inner = self._inside(place, value)
        head = yaml_text({name: None}) if inner else ""
        if head.endswith(": null\n") and head.count("\n") == 1:
            return [head.removesuffix(" null\n"), *_indented(inner)]
        return yaml_text({name: self._written(place, value)}).splitlines()

    def _inside(self, place: Place, value: Json) -> list[str]:
        """Return the lines of a value that has parts to explain; none of any other."""
        if isinstance(value, list) and value and "items" in place.node:
            return self._items(place, value)
        if not isinstance(value, dict) or not value:
            return []
        branches = self._places.branches_of(place)
        if branches:
            return self._object(_chosen(branches, value), value)
        if place.node.get("properties"):
            return self._object(place, value)
        return self._entries(place, value) if values_of(place.node) else []

    def _object(self, place: Place, value: Mapping[str, Any]) -> list[str]:
        names = [name for group in arrange(self._places.root, place.node) for name in group.names]
        names.sort(key=lambda name: name != place.tag)
        lines = _explained(text_of(place.node)) if place.tag else []
        for name in names:
            lines += self._field(place, name, value)
        return [*lines, *self._surplus(place, value)]

    def _surplus(self, place: Place, value: Mapping[str, Any]) -> list[str]:
        """Return what an open object holds beyond its properties; a sample of it if it is nothing."""
        names = [name for name in value if name not in place.node.get("properties", {})]
        lines: list[str] = []
        for name in names:
            lines += self._entry(name, self._places.property_of(place, name), value[name])
        if values_of(place.node) and not names:
            name = free_name(place.node, "key1")
            inner = self._places.property_of(place, name)
            lines += _explained(f"Any other name: {type_text(self._places.root, inner.node)}.")
            lines += _commented(self._entry(name, inner, self._places.sample(inner)))
        return lines

    def _entries(self, place: Place, value: Mapping[str, Any]) -> list[str]:
        """Return the entries of a map; only the first is explained."""
        first, *rest = value
        inner = self._places.property_of(place, first)
        lines = self._entry(first, inner, value[first])
        lines += self._alternatives(first, inner, value[first])
        for name in rest:
            lines += yaml_text({name: self._written(inner, value[name])}).splitlines()
        return lines

    def _items(self, place: Place, value: list[Any]) -> list[str]:
        """Return the items of a list; only the first is explained."""
        inner = self._places.item_of(place)
        first = self._inside(inner, value[0])
        if not first:
            return []
        lines = _item(first)
        for text, sample in self._others(inner, value[0]):
            lines += [
                *_explained(f"Also possible, {text}"),
                *_commented(_item(self._inside(inner, sample))),
            ]
        for item in value[1:]:
            lines += yaml_text([self._written(inner, item)]).splitlines()
        return lines

    def _alternatives(self, name: str, place: Place, value: Json) -> list[str]:
        """Return, as comments, what may stand instead of `value`."""
        lines: list[str] = []
        for text, sample in self._others(place, value):
            lines += [
                *_explained(f"Instead, {text}"),
                *_commented(self._entry(name, place, sample)),
            ]
        return lines

    def _others(self, place: Place, value: Json) -> Iterator[tuple[str, Json]]:
        """Yield a title and a value for each other branch; for an empty value, one with a part in it."""
        for constant, branch in self._places.branches_of(place).items():
            chosen = isinstance(value, dict) and value.get(branch.tag) == constant
            sample = ABSENT if chosen else self._places.branch_sample(place, branch)
            if sample is not ABSENT:
                yield f"with {branch.tag} {json_text(constant)}:", sample
        if isinstance(value, dict | list) and not value:
            filled = self._places.filled(place, value)
            if filled:
                yield "with something in it:", filled

    def _written(self, place: Place, value: Json) -> Json:
        """Return a value as a config file has it: secrets by reference, any other `${` escaped."""
        if place.node.get("writeOnly"):
            return f"${{env:{self._variables[place.path]}}}"
        branches = self._places.branches_of(place)
        if isinstance(value, dict):
            if branches:
                place = _chosen(branches, value)
            return {
                name: self._written(self._places.property_of(place, name), item)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self._written(self._places.item_of(place), item) for item in value]
        return value.replace("${", "$${") if isinstance(value, str) else value


def _chosen(branches: Mapping[Any, Place], value: Mapping[str, Any]) -> Place:
    """Return the branch that the value's tag names."""
    return next(place for tag, place in branches.items() if value.get(place.tag) == tag)


def _explained(text: str) -> list[str]:
    """Return a text as comment lines; nothing in it can end them."""
    wrapped = textwrap.wrap(line_text(text), _WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f"## {part}" for part in wrapped]


def _commented(lines: list[str]) -> list[str]:
    return [f"# {line}".rstrip() for line in lines]


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}".rstrip() for line in lines]


def _item(lines: list[str]) -> list[str]:
    """Return the lines of a value as an item of a list."""
    first, *rest = lines
    return [f"- {first}", *_indented(rest)]
