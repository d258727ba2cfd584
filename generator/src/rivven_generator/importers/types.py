"""The type of a foreign schema, as one of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rivven_connect.documents import escape_text
from rivven_generator.importers.notes import Notes, Path
from rivven_generator.schema.vocabulary import KEYWORDS, TYPES

_OTHER_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "int": ("integer", ""), "int32": ("integer", ""), "int64": ("integer", ""), "long": ("integer", ""),
    "float": ("number", ""), "double": ("number", ""), "decimal": ("number", ""), "numeric": ("number", ""),
    "str": ("string", ""), "text": ("string", ""), "varchar": ("string", ""), "file": ("string", ""),
    "options": ("string", ""), "oauth": ("string", ""), "hidden": ("string", ""),
    "bool": ("boolean", ""), "dict": ("object", ""), "map": ("object", ""), "list": ("array", ""),
    "date": ("string", "date"), "datetime": ("string", "date-time"), "date-time": ("string", "date-time"),
    "timestamp": ("string", "date-time"), "time": ("string", "time"), "uri": ("string", "uri"),
    "url": ("string", "uri"), "email": ("string", "email"), "uuid": ("string", "uuid"),
    "password": ("string", "password"), "secret": ("string", "password"),
}  # fmt: skip
"""Type of another language -> ours and the format that it implies."""
_ANY: Final = frozenset({"any", "mixed", "unknown", "json", "variant"})


def settle_type(node: dict[str, Any], at: Path, notes: Notes) -> None:
    """Make `type` one of our types, or one with null; take it away where any value is meant."""
    nullable = node.pop("nullable", None) is True
    named = node.pop("type", None)
    names = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    if named is not None and not names:
        notes.add("RVN839", "`type` is neither a name nor a list of names", (*at, "type"))
    found: list[str] = []
    for name in names:
        found += [ours for ours in [_one(name, node, at, notes)] if ours and ours not in found]
    nullable = nullable or "null" in found
    kinds = [name for name in found if name != "null"]
    if sorted(kinds) == ["integer", "number"]:
        kinds = ["number"]
    if not kinds and not (names and not nullable):
        kinds = _implied(node, at, notes)
    if len(kinds) > 1 and "string" in kinds and node.get("secret"):
        notes.add("RVN832", "only text can be secret; other types were left out", (*at, "type"))
        kinds = ["string"]
    if found == ["null"] and not kinds and node.keys().isdisjoint({"enum", "const"}):
        node["const"] = None
        notes.add("RVN802", "the type of null alone became a constant", (*at, "type"))
    if len(kinds) > 1:
        shown = ", ".join(kinds)
        notes.add("RVN832", f"one of {shown} became any value", (*at, "type"))
    elif kinds:
        # `type` stands first, where a person would write it.
        rest = dict(node)
        node.clear()
        node["type"] = [*kinds, "null"] if nullable else kinds[0]
        node.update(rest)


def _one(name: object, node: dict[str, Any], at: Path, notes: Notes) -> str:
    """Return our name of one type; nothing where it means any value or is not known."""
    word = name.strip().casefold() if isinstance(name, str) else "null" if name is None else ""
    if isinstance(name, str) and name in TYPES:
        return name
    if word in TYPES or word in _OTHER_NAMES:
        ours, implied = (word, "") if word in TYPES else _OTHER_NAMES[word]
        if implied:
            node.setdefault("format", implied)
        notes.add("RVN812", f"the type was read as `{ours}`", (*at, "type"))
        return ours
    if word not in _ANY:
        shown = escape_text(str(name), limit=60)
        notes.add("RVN832", f"`{shown}` is no type; any value is accepted", (*at, "type"))
    return ""


def _implied(node: Mapping[str, Any], at: Path, notes: Notes) -> list[str]:
    """Return the type that the keywords speak of, if it is one; enumerations need none."""
    if not node.keys().isdisjoint({"enum", "const", "oneOf", "anyOf", "allOf", "$ref"}):
        return []
    spoken = [KEYWORDS[word].types for word in node if word in KEYWORDS]
    kinds = {min(types) if len(types) == 1 else "number" for types in spoken if types}
    if node.get("secret"):
        kinds.add("string")
    if not kinds and isinstance(node.get("default"), (str, bool, int, float, list, dict)):
        kinds = {_type_of(node["default"])}
    if len(kinds) != 1:
        return []
    [kind] = kinds
    notes.add("RVN811", f"the type was taken to be `{kind}`", at)
    return [kind]


def _type_of(value: object) -> str:
    names: tuple[tuple[type, str], ...] = (
        (bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"),
    )  # fmt: skip
    return next((name for kind, name in names if isinstance(value, kind)), "object")
