"""Rules across the fields of a config: which must be there together, instead, or given another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from pydantic import BaseModel

from rivven_connect._json import JsonObject


def json_key(value: object) -> object:
    """Return a hashable stand-in that is equal where JSON values are equal.

    `1` and `1.0` are one JSON number; `true` is no number.
    """
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list | tuple):
        return ("array", tuple(json_key(item) for item in value))
    if isinstance(value, Mapping):
        return ("object", frozenset((key, json_key(item)) for key, item in value.items()))
    return value


ABSENT = object()
"""What a property is that was not given and has no default; no JSON value equals it."""


class Node(msgspec.Struct, frozen=True):
    """One object of a config: what was given, and each property's value after defaults."""

    present: frozenset[str]
    value: Callable[[str], object]
    """The value by wire name; `ABSENT` where there is none."""


def node_at(model: BaseModel, path: tuple[str, ...]) -> Node | None:
    """Return the object at a path of wire names, or None where the input has none there.

    An object that only a default made does not count.
    """
    found: Any = model
    for name in path:
        if isinstance(found, BaseModel):
            if name not in given_names(found):
                return None
            found = _field(found, name)
        elif isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    if isinstance(found, BaseModel):
        model_found = found
        return Node(given_names(found), lambda name: _field(model_found, name))
    if isinstance(found, Mapping):
        mapping = found
        return Node(frozenset(mapping), lambda name: mapping.get(name, ABSENT))
    return None


def given_names(model: BaseModel) -> frozenset[str]:
    """Return the wire names of what the input had; defaults do not count."""
    fields = type(model).model_fields.items()
    given = {field.alias or name for name, field in fields if name in model.model_fields_set}
    return frozenset(given | set(model.model_extra or ()))


def has_value(model: BaseModel, name: str) -> bool:
    """Return whether a field was given or has a default; one that is just absent is None."""
    if name in model.model_fields_set:
        return True
    return (
        getattr(model, name) is not None
        or type(model).model_fields[name].default_factory is not None
    )


def _field(model: BaseModel, wire_name: str) -> object:
    for name, field in type(model).model_fields.items():
        if (field.alias or name) == wire_name:
            return getattr(model, name) if has_value(model, name) else ABSENT
    return (model.model_extra or {}).get(wire_name, ABSENT)


class Rule(msgspec.Struct, frozen=True):
    """One rule; `at` is the path of the object that it speaks of, the root by default."""

    name: str
    fields: tuple[str, ...] = ()
    at: tuple[str, ...] = ()
    when: JsonObject | None = None
    least: int = 0
    most: int | None = None

    def broken_by(self, model: BaseModel) -> str:
        """Return why the model breaks the rule, or nothing where it does not."""
        node = node_at(model, self.at)
        if node is None:
            return ""
        given = [field for field in self.fields if field in node.present]
        names = ", ".join(self.fields)
        match self.name:
            case "require_any":
                return "" if given else f"needs at least one of: {names}"
            case "require_one":
                return "" if len(given) == 1 else f"needs exactly one of: {names}"
            case "require_together":
                absent = [field for field in self.fields if field not in given]
                what = f"needs all of, or none of: {names}; missing: {', '.join(absent)}"
                return what if given and absent else ""
            case "when":
                return self._broken_condition(node, given)
            case _:
                return self._broken_count(len(node.present))

    def _broken_condition(self, node: Node, given: list[str]) -> str:
        conditions = self.when or {}
        if any(json_key(node.value(k)) != json_key(v) for k, v in conditions.items()):
            return ""
        absent = ", ".join(field for field in self.fields if field not in given)
        return f"needs {absent} when {', '.join(conditions)} has this value" if absent else ""

    def _broken_count(self, count: int) -> str:
        if count < self.least:
            return f"needs at least {self.least} properties"
        if self.most is not None and count > self.most:
            return f"takes at most {self.most} properties"
        return ""


def require_any(*fields: str, at: tuple[str, ...] = ()) -> Rule:
    """One or more of the fields must be given."""
    return Rule("require_any", fields, at)


def require_one(*fields: str, at: tuple[str, ...] = ()) -> Rule:
    """Exactly one of the fields must be given."""
    return Rule("require_one", fields, at)


def require_together(*fields: str, at: tuple[str, ...] = ()) -> Rule:
    """All of the fields must be given, or none."""
    return Rule("require_together", fields, at)


def when(conditions: JsonObject, *, require: tuple[str, ...], at: tuple[str, ...] = ()) -> Rule:
    """Where all conditions hold, defaults included, the fields must be given."""
    return Rule("when", require, at, conditions)


def min_properties(least: int) -> Rule:
    """An open object needs this many properties."""
    return Rule("minProperties", least=least)


def max_properties(most: int) -> Rule:
    """An open object takes this many properties."""
    return Rule("maxProperties", most=most)
