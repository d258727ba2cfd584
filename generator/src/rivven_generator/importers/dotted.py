"""Settings with dotted names, as objects inside of objects."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from rivven_connect.documents import escape_text
from rivven_generator.importers.notes import Notes, Path

Schema = dict[str, Any]

_DEEPEST: Final = 32
"""A name with more dots is no path."""


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its schema in our vocabulary, and where it was declared."""

    name: str
    schema: Schema
    at: Path
    required: bool = False


def nested(settings: list[Setting], notes: Notes, origins: dict[int, Path]) -> Schema:
    """Return the object that all settings together describe; `a.*.b` is a map of objects.

    A setting whose place is taken by one of another kind is left out, with a note.
    """
    root: Schema = {"type": "object"}
    for setting in settings:
        steps = setting.name.split(".")
        if 1 < len(steps) <= _DEEPEST and all(steps):
            shown = escape_text(setting.name, limit=80)
            notes.add("RVN822", f"`{shown}` became `{steps[-1]}` inside of an object", setting.at)
        elif len(steps) > 1:
            steps = [setting.name]
        if not _put(root, steps, setting):
            shown = escape_text(setting.name, limit=80)
            notes.add("RVN837", f"the place of `{shown}` is taken by another setting", setting.at)
        origins[id(setting.schema)] = setting.at
    _ordered(root)
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


def _put(holder: Schema, steps: list[str], setting: Setting) -> bool:
    for index, step in enumerate(steps[:-1]):
        inner = _entered(holder, step)
        if inner is None:
            return False
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
