"""Settings with dotted names, as objects inside of objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

from rivven_connect.documents import escape_text
from rivven_generator.importers.notes import Notes, Path

Schema = dict[str, Any]

_MOST_STEPS: Final = 24
"""A manifest nests 64 levels deep, and an object inside of an object takes two."""


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its schema in our vocabulary, and where it was declared."""

    name: str
    schema: Schema
    at: Path
    required: bool = False


def steps_of(name: str) -> list[str]:
    """Return the keys that a name leads through; `a..b` is a name and no way."""
    steps = name.split(".")
    return steps if all(steps) else [name]


def nested(
    settings: Sequence[Setting], notes: Notes, origins: dict[int, Path], *, is_open: bool
) -> Schema:
    """Return the object that all settings together describe; `a.*.b` is a map of objects.

    A setting whose place is taken by one of another kind is left out, with a note. With `is_open`,
    objects accept what is not declared as well.
    """
    root: Schema = {"type": "object"}
    for setting in settings:
        steps = steps_of(setting.name)
        if len(steps) > _MOST_STEPS:
            shown = escape_text(setting.name, limit=80)
            notes.add("RVN837", f"`{shown}` is nested too deep for a manifest", setting.at)
            continue
        if len(steps) > 1:
            shown = escape_text(setting.name, limit=80)
            notes.add("RVN822", f"`{shown}` became `{steps[-1]}` inside of an object", setting.at)
        if not _put(root, steps, setting, origins):
            shown = escape_text(setting.name, limit=80)
            notes.add("RVN837", f"the place of `{shown}` is taken by another setting", setting.at)
        origins[id(setting.schema)] = setting.at
    _ordered(root)
    if is_open:
        _open(root)
    for declared in root.get("properties", {}).values():
        _complete(declared)
    return root


def _complete(node: Schema) -> bool:
    """Let an object that needs nothing be there by itself, so that the defaults in it apply."""
    declared = node.get("properties", {})
    inner = [_complete(child) for child in declared.values()]
    has_defaults = "default" in node or any(inner)
    if any(inner) and "required" not in node:
        node.setdefault("default", {})
    return has_defaults and "required" not in node


def _put(holder: Schema, steps: list[str], setting: Setting, origins: dict[int, Path]) -> bool:
    for index, step in enumerate(steps[:-1]):
        inner = _entered(holder, step)
        if inner is None:
            return False
        origins.setdefault(id(inner), setting.at)
        # A map may be empty, so nothing in front of `*` has to be there.
        if setting.required and step != "*" and "*" not in steps[index:]:
            _require(holder, step)
        holder = inner
    last = steps[-1]
    if last == "*":
        if "additionalProperties" in holder:
            return False
        holder["additionalProperties"] = setting.schema
        return True
    declared = holder.setdefault("properties", {})
    if last in declared:
        return False
    declared[last] = setting.schema
    if setting.required:
        _require(holder, last)
    return True


def _entered(holder: Schema, step: str) -> Schema | None:
    """Return the object at `step`, made if it is not there; None where something else is."""
    if step == "*":
        inner = holder.setdefault("additionalProperties", {"type": "object"})
    else:
        inner = holder.setdefault("properties", {}).setdefault(step, {"type": "object"})
    return inner if isinstance(inner, dict) and inner.get("type") == "object" else None


def _require(holder: Schema, name: str) -> None:
    names = holder.setdefault("required", [])
    if name not in names:
        names.append(name)


def _ordered(node: Schema) -> None:
    """Put `required` in front of `properties`, at every depth; the objects stay the same ones."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        for word in ("properties", "additionalProperties"):
            if "required" in found and word in found:
                found[word] = found.pop(word)
        inner = [*found.get("properties", {}).values(), found.get("additionalProperties")]
        waiting += [one for one in inner if isinstance(one, dict)]


def _open(node: Schema) -> None:
    """Let each object that is no map accept properties that are not declared."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if found.get("type") == "object":
            waiting += found.get("properties", {}).values()
            extra = found.setdefault("additionalProperties", True)
            waiting += [extra] if isinstance(extra, dict) else []
