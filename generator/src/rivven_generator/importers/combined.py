"""Schemas that hold at once, as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rivven_generator.importers.notes import Notes, Path

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
            found[word] = [*found[word], *(name for name in value if name not in found[word])]
        elif word in _LARGEST | _SMALLEST and _are_numbers(found[word], value):
            found[word] = (max if word in _LARGEST else min)(found[word], value)
        elif word == "additionalProperties":
            found[word] = _undeclared(found[word], value)
        elif word == "enum" and isinstance(value, list) and isinstance(found[word], list):
            found[word] = [item for item in found[word] if item in value]
        elif word == "allOf" and isinstance(value, list) and isinstance(found[word], list):
            found[word] = [*found[word], *value]
        elif found[word] != value:
            notes.add("RVN830", f"two parts that hold at once disagree on `{word}`", at)
    return found


def _note_opened(
    closed: Mapping[str, Any], other: Mapping[str, Any], at: Path, notes: Notes
) -> None:
    """A closed part refuses the properties of the part beside it, which nobody can mean."""
    more = other.get("properties")
    if closed.get("additionalProperties", True) not in (True, {}) and isinstance(more, dict):
        own = closed.get("properties")
        if not isinstance(own, dict) or not more.keys() <= own.keys():
            notes.add("RVN825", "an object was opened for the properties beside it", at)


def _properties(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """A property that both declare must fit both."""
    both = {n: {"allOf": [first[n], second[n]]} for n in first if n in second}
    differs = {n: part for n, part in both.items() if first[n] != second[n]}
    return {**first, **second, **differs}


def _undeclared(first: Any, second: Any) -> Any:
    """Parts that hold at once are open for each other's properties, or they would accept nothing."""
    return second if first is False or first is True else first


def _are_numbers(*values: object) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
