"""The keywords of a foreign schema: ours, others' names for ours, hints, typing errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rivven_connect.documents import escape_text
from rivven_generator.importers.misspelt import Vocabulary, bound_of, plain
from rivven_generator.importers.notes import Notes, Path
from rivven_generator.schema.vocabulary import BUILT_IN_VALIDATORS, KEYWORDS

_RENAMED: Final = {
    "example": "examples",
    "enums": "enum",
    "nullable": "nullable",
    "airbyte_secret": "secret",
    "writeOnly": "secret",
    "sensitive": "secret",
    "x-secret": "secret",
    "tittle": "title",
    "min_length": "minLength",
    "max_length": "maxLength",
    "x-order": "order",
    "x-group": "group",
    "x-rivven-order": "order",
    "x-rivven-group": "group",
    "x-rivven-identity": "identity",
    "x-rivven-validator": "validator",
    "displayName": "title",
    "helpText": "description",
    "desc": "description",
    "help": "description",
    "label": "title",
}
"""Another name -> ours; notes tell those that a standard or a platform defines from errors."""
_NOT_THEIRS: Final = frozenset({"definitions", "$defs", "validator", "identity"})
"""Words that mean something else in a foreign file, or stand where they are looked up."""
_STANDARD: Final = frozenset(
    {"example", "nullable", "airbyte_secret", "writeOnly", "sensitive", "x-secret",
     "x-order", "x-group", "x-rivven-order", "x-rivven-group", "x-rivven-identity",
     "x-rivven-validator", "displayName", "helpText", "label"}
)  # fmt: skip
_STRUCTURE: Final = frozenset({"anyOf", "allOf", "nullable", "required"})
_SILENT: Final = frozenset(
    {"definitions", "$defs", "$schema", "$id", "id", "$comment", "$anchor", "$vocabulary"}
)
_HINTS: Final = frozenset(
    """
    airbyte_hidden always_show multiline advanced pattern_descriptor display_type name hidden
    placeholder widget ui readOnly contentEncoding contentMediaType xml externalDocs label env
    documentation option_set
    """.split()  # noqa: SIM905
)
_CONSTRAINTS: Final = frozenset(
    """
    if then else not contains minContains maxContains patternProperties propertyNames prefixItems
    additionalItems unevaluatedItems unevaluatedProperties dependencies dependentRequired
    dependentSchemas contentSchema $dynamicRef $recursiveRef
    """.split()  # noqa: SIM905
)
_VOCABULARY: Final = Vocabulary([*(w for w in KEYWORDS if w[0] != "$"), "anyOf", "allOf"])
_SENSITIVE: Final = frozenset({"sensitive", "issensitive", "xsensitive"})


def known_keywords(raw: Mapping[str, Any], at: Path, notes: Notes) -> dict[str, Any]:
    """Return the keywords of `raw` under our names; what else stands there is noted.

    Besides ours, `anyOf`, `allOf` and `nullable` stay: who reads the structure takes them.
    """
    found: dict[str, Any] = {
        w: v for w, v in raw.items() if (w in KEYWORDS or w in _STRUCTURE) and w not in _NOT_THEIRS
    }
    for word, value in raw.items():
        if word in found or word in _SILENT:
            continue
        ours = _ours(word, value, raw.get("type"))
        if ours == "secret":
            _take_secret(found, word, value, at, notes)
        elif ours and ours not in found and _may_be(ours, value):
            found[ours] = [value] if word == "example" else value
            shown = escape_text(word, limit=60)
            code = "RVN805" if word in _STANDARD else "RVN810"
            notes.add(code, f"`{shown}` was read as `{ours}`", (*at, word), key=True)
        else:
            _note_foreign(word, value, at, notes)
    if is_true(found.get("secret")):
        found["secret"] = True
    return found


def _take_secret(found: dict[str, Any], word: str, value: object, at: Path, notes: Notes) -> None:
    """One mark of a secret is enough, whatever others say."""
    if is_true(value):
        found["secret"] = True
        code = "RVN805" if word in _STANDARD else "RVN810"
        shown = escape_text(word, limit=60)
        notes.add(code, f"`{shown}` was read as `secret`", (*at, word), key=True)


def is_true(value: object) -> bool:
    """Return whether a flag is set, also where it is written as text or as 1."""
    word = value.strip().casefold() if isinstance(value, str) else value
    return word in ("true", "yes", "1", 1)


def _ours(word: str, value: object, kind: object) -> str:
    """Return our name for a keyword of a schema of type `kind`, or nothing."""
    authors = word == "x-rivven-validator" and value not in BUILT_IN_VALIDATORS
    if bound := bound_of(word, kind):
        return bound
    if word in _RENAMED:
        return "" if authors else _RENAMED[word]
    letters = plain(word)
    if is_true(value) and ("secret" in letters or letters in _SENSITIVE):
        return "secret"
    if word in _NOT_THEIRS or word in _HINTS or word in _CONSTRAINTS or word.startswith("x-"):
        return ""
    # Of a schema below an unknown word we cannot tell a typing error from a misplaced property.
    may_err = not isinstance(value, dict) or letters[:1] in {*"piad"}
    return _VOCABULARY.same(word) or (_VOCABULARY.near(word) if may_err else "")


def _may_be(keyword: str, value: object) -> bool:
    """Return whether the value has roughly the shape that the keyword takes."""
    wanted = KEYWORDS[keyword].value.get("type") if keyword in KEYWORDS else None
    shapes: dict[object, tuple[type, ...]] = {
        "string": (str, int, float),
        "boolean": (bool, str),
        "integer": (int, float, str),
        "number": (int, float, str),
        "array": (list,),
        "object": (dict,),
    }
    if keyword == "examples":
        return True
    return wanted is None or isinstance(value, shapes[wanted])


def _note_foreign(word: str, value: object, at: Path, notes: Notes) -> None:
    shown = escape_text(word, limit=60)
    place = (*at, word)
    if word in _CONSTRAINTS or word == "x-rivven-validator":
        notes.add("RVN830", f"`{shown}` has no counterpart", place, key=True)
    elif word in _HINTS or word.startswith(("x-", "ui:")) or word in _RENAMED:
        notes.add("RVN800", f"the hint `{shown}` has no place in a manifest", place, key=True)
    else:
        kind = "a mapping" if isinstance(value, dict) else "a value"
        notes.add("RVN830", f"`{shown}` is no keyword; {kind} was left out", place, key=True)
