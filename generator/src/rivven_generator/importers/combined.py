"""Schemas that hold at once, as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rivven_generator.importers.notes import Notes, Path
from rivven_generator.lint.values import value_identity

_LARGEST: Final = frozenset(
    {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
)
_SMALLEST: Final = frozenset(
    {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
)
_FOR_PEOPLE: Final = frozenset(
    {"title", "description", "default", "examples", "deprecated", "order", "group"}
)


def combined(
    first: Mapping[str, Any], second: Mapping[str, Any], at: Path, notes: Notes
) -> dict[str, Any]:
    """Return a schema that accepts what both accept; what `second` says to people wins.

    Where the two say different things that one keyword cannot, the first stays and a note says so.
    """
    found = dict(first)
    _note_opened(first, second, at, notes)
    _note_opened(second, first, at, notes)
    for word, value in second.items():
        if word not in found or word in _FOR_PEOPLE:
            found[word] = value
        elif word == "properties" and isinstance(value, dict) and isinstance(found[word], dict):
            found[word] = _properties(found[word], value)
        elif word == "required" and isinstance(value, list) and isinstance(found[word], list):
            found[word] = _united(found[word], value)
        elif word in _LARGEST | _SMALLEST and _are_numbers(found[word], value):
            found[word] = (max if word in _LARGEST else min)(found[word], value)
        elif word == "additionalProperties":
            found[word] = _undeclared(first, second)
        elif word == "enum" and isinstance(value, list) and isinstance(found[word], list):
            both = {value_identity(item) for item in value}
            found[word] = [item for item in found[word] if value_identity(item) in both]
        elif word == "allOf" and isinstance(value, list) and isinstance(found[word], list):
            found[word] = [*found[word], *value]
        elif found[word] != value:
            notes.add("RVN830", f"two parts that hold at once disagree on `{word}`", at)
    return found


def _note_opened(
    closed: Mapping[str, Any], other: Mapping[str, Any], at: Path, notes: Notes
) -> None:
    """A closed part refuses the properties of the part beside it, which nobody can mean."""
    if closed.get("additionalProperties", True) not in (True, {}) and _more(closed, other):
        notes.add("RVN825", "an object was opened for the properties beside it", at)


def _properties(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """A property that both declare must fit both."""
    both = {n: {"allOf": [first[n], second[n]]} for n in first if n in second}
    differs = {n: part for n, part in both.items() if first[n] != second[n]}
    return {**first, **second, **differs}


def _united(first: list[Any], second: list[Any]) -> list[Any]:
    known = {value_identity(item) for item in first}
    return [*first, *(item for item in second if value_identity(item) not in known)]


def _undeclared(first: Mapping[str, Any], second: Mapping[str, Any]) -> Any:
    """Parts that hold at once are open for each other's properties, or they would accept nothing."""
    word = "additionalProperties"
    parts = [part for part in (first, second) if part[word] not in (True, {})]
    if not parts:
        return True
    if len(parts) == 1 or first[word] == second[word]:
        return parts[0][word]
    if False not in (first[word], second[word]):
        return {"allOf": [first[word], second[word]]}
    closed, other = (first, second) if first[word] is False else (second, first)
    return other[word] if _more(closed, other) else False


def _more(closed: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether `other` declares properties that `closed` does not."""
    own, more = closed.get("properties"), other.get("properties")
    return (
        isinstance(more, dict) and not more.keys() <= (own if isinstance(own, dict) else {}).keys()
    )


def _are_numbers(*values: object) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
