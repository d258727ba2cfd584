"""The keywords of one foreign schema, brought into form; its type is settled."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from rivven_connect.documents import Document, escape_text
from rivven_generator.importers.notes import Notes, Path
from rivven_generator.importers.patterns import written_out
from rivven_generator.importers.texts import clean_text
from rivven_generator.importers.values import as_bound, as_count, as_typed
from rivven_generator.schema import validator_of
from rivven_generator.schema.vocabulary import COUNTS, FORMATS, KEYWORDS, is_nullable, types_of

_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_FLAGS: Final = ("uniqueItems", "deprecated", "secret", "identity")
_MOST_CHARACTERS: Final = 1_000
"""Of a pattern that is only asked whether it says anything."""
_PARTS: Final = frozenset(
    {"properties", "required", "additionalProperties", "items", "oneOf", "$defs"}
)


def settle_scalar(node: dict[str, Any], at: Path, notes: Notes, document: Document) -> None:
    """Give each keyword that is no schema itself a value of the right form, or take it away."""
    _exclusive_bounds(node)
    _applicable(node, at, notes)
    for word in [word for word in node if word not in _PARTS]:
        form = _FORMS.get(word)
        if form is not None:
            value = form(node[word])
            if value is None:
                _unfit(word, node[word], at, notes)
                del node[word]
            else:
                node[word] = value
    for word in ("title", "description", "group"):
        if word in node:
            node[word] = clean_text(node[word], (*at, word), notes)
            if not node[word]:
                del node[word]
    _values(node, at, notes, document)


def _exclusive_bounds(node: dict[str, Any]) -> None:
    """Read draft 4's `exclusiveMinimum: true` beside a minimum."""
    for flag, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(node.get(flag), bool):
            exclusive = node.pop(flag)
            if exclusive and bound in node:
                node[flag] = node.pop(bound)


def _applicable(node: dict[str, Any], at: Path, notes: Notes) -> None:
    """Take away keywords that say nothing about values of this type."""
    types = types_of(node)
    for word in list(node):
        applies_to = KEYWORDS[word].types if word in KEYWORDS else None
        if applies_to is not None and types.isdisjoint(applies_to):
            value = node.pop(word)
            if types or _says_nothing(word, value, node):
                notes.add(
                    "RVN801", f"`{word}` says nothing about such values", (*at, word), key=True
                )
            else:
                notes.add(
                    "RVN830", f"`{word}` cannot stand without one type", (*at, word), key=True
                )


def _says_nothing(word: str, value: object, node: dict[str, Any]) -> bool:
    """Whether the values that are listed fulfil the keyword anyhow."""
    listed = [node["const"]] if "const" in node else node.get("enum")
    if not isinstance(listed, list) or not listed or written_out(str(value)) > _MOST_CHARACTERS:
        return False
    try:
        holds = validator_of({word: value})
    except ValueError:
        return False
    return all(holds.is_valid(item) for item in listed)


def _flag(value: object) -> bool | None:
    word = value.strip().casefold() if isinstance(value, str) else value
    return {"true": True, "false": False}.get(word) if isinstance(word, str) else (
        word if isinstance(word, bool) else None
    )  # fmt: skip


def _format(value: object) -> str | None:
    return value if isinstance(value, str) and value in FORMATS else None


def _order(value: object) -> int | None:
    number = as_bound(value)
    return int(number) if number is not None and abs(number) < 2**31 else None


def _step(value: object) -> int | float | None:
    number = as_bound(value)
    return number if number is not None and number > 0 else None


def _pattern(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


_FORMS: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(COUNTS, as_count),
    **dict.fromkeys(_BOUNDS, as_bound),
    **dict.fromkeys(_FLAGS, _flag),
    "multipleOf": _step,
    "format": _format,
    "order": _order,
    "pattern": _pattern,
}


def _unfit(word: str, value: object, at: Path, notes: Notes) -> None:
    place = (*at, word)
    if word == "format" and isinstance(value, str):
        shown = escape_text(value, limit=60)
        notes.add("RVN801", f"the format `{shown}` is not one that anything asserts", place)
    elif word == "order":
        notes.add("RVN800", "`order` is no number", place)
    elif value not in (None, ""):
        notes.add("RVN839", f"`{word}` has a value that it does not take", place)


def _values(node: dict[str, Any], at: Path, notes: Notes, document: Document) -> None:
    def typed(value: Any, *steps: str | int) -> Any:
        place = (*at, *steps)
        found = as_typed(value, node, _source(document, place, value))
        if type(found) is not type(value):
            notes.add("RVN813", f"the value was read as {_kind(found)}", place)
        return found

    if "examples" in node:
        _examples(node, typed)
    if "const" in node:
        node["const"] = typed(node["const"], "const")
        if node.pop("enum", None) is not None:
            notes.add("RVN802", "`enum` beside `const` says nothing more", (*at, "enum"), key=True)
    if "enum" in node:
        _enum(node, typed, at, notes)
    if "default" in node:
        node["default"] = typed(node["default"], "default")
        if node["default"] is None and not is_nullable(node) and types_of(node):
            del node["default"]
            notes.add("RVN802", "a default of null means: none", (*at, "default"))


def _source(document: Document, place: Path, value: object) -> str:
    """Return how the value is written; nothing where another one stands at that place."""
    found: Any = document.value
    for step in place:
        if isinstance(found, dict):
            found = found.get(str(step))
        else:
            is_item = isinstance(found, list) and isinstance(step, int) and step < len(found)
            found = found[step] if is_item else None
    return document.source(place) if found is value else ""


def _kind(value: object) -> str:
    return {bool: "true or false", int: "a number", float: "a number"}.get(type(value), "text")


def _examples(node: dict[str, Any], typed: Callable[..., Any]) -> None:
    found = node["examples"]
    if isinstance(found, dict) and types_of(node) != {"object"}:
        found = [item.get("value") if isinstance(item, dict) else item for item in found.values()]
    found = found if isinstance(found, list) else [found]
    if types_of(node) == {"array"} and found and not any(isinstance(i, list) for i in found):
        found = [found]
    found = [typed(item, "examples", index) for index, item in enumerate(found)]
    node["examples"] = [item for item in found if item not in (None, "")]
    if not node["examples"]:
        del node["examples"]


def _enum(node: dict[str, Any], typed: Callable[..., Any], at: Path, notes: Notes) -> None:
    given = node["enum"]
    if not isinstance(given, list) or not given:
        del node["enum"]
        notes.add("RVN839", "`enum` is no list of values", (*at, "enum"))
        return
    found = [typed(value, "enum", index) for index, value in enumerate(given)]
    unique = {json.dumps(value, sort_keys=True): value for value in reversed(found)}
    if len(unique) < len(found):
        notes.add("RVN823", "`enum` names a value twice", (*at, "enum"))
    node["enum"] = list(reversed(unique.values()))
