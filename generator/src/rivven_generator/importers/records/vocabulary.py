"""The keywords of record schemas (JSON Schema 2020-12), the form of each value, and near-misses."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

from rivven_generator.importers.misspelt import Vocabulary, bound_of, plain
from rivven_generator.schema.verdict import validator_of

Form: TypeAlias = Literal[
    "schema", "schemas", "named schemas", "number", "step", "count", "text", "pattern", "flag",
    "values", "names", "dependent names", "any",
]  # fmt: skip

_WORDS: Final[Mapping[Form, str]] = {
    "schema": "additionalProperties items contains not if then else propertyNames "
    "unevaluatedItems unevaluatedProperties contentSchema",
    "schemas": "allOf anyOf oneOf prefixItems",
    "named schemas": "properties patternProperties dependentSchemas",
    "number": "minimum maximum exclusiveMinimum exclusiveMaximum",
    "step": "multipleOf",
    "count": "minLength maxLength minItems maxItems minProperties maxProperties "
    "minContains maxContains",
    "text": "title description format contentEncoding contentMediaType $comment",
    "pattern": "pattern",
    "flag": "uniqueItems deprecated readOnly writeOnly",
    "values": "enum examples",
    "names": "required",
    "dependent names": "dependentRequired",
    "any": "const default",
}
KEYWORDS: Final[Mapping[str, Form]] = {
    word: form for form, words in _WORDS.items() for word in words.split()
}
"""Every keyword that is kept as it is; `type` and `$ref` are treated by themselves."""

TYPES: Final = ("string", "integer", "number", "boolean", "object", "array", "null")

_ABBREVIATED: Final = {"desc": "description", "regex": "pattern", "regexp": "pattern"}
_VOCABULARY: Final = Vocabulary([*KEYWORDS, "type", "nullable", "example"])
_MEANT_BY: Final[Mapping[str, tuple[str, str]]] = {
    word: (kind, text_format)
    for kind, text_format, words in (
        ("integer", "", "int int32 int64 uint uint32 uint64 long short bigint smallint byteint"),
        ("number", "", "float float32 float64 double decimal numeric real bignumber"),
        ("boolean", "", "bool bit"),
        ("string", "", "str text varchar char byte binary bytes file enum password html markdown"),
        ("string", "date-time", "datetime date-time date_time timestamp timestamptz"),
        ("string", "date", "date"),
        ("string", "uuid", "uuid guid"),
        ("string", "email", "email"),
        ("string", "uri", "uri url"),
        ("object", "", "dict map json jsonb hash dictionary struct record"),
        ("array", "", "list tuple set"),
        ("null", "", "none nil"),
        ("", "", "any mixed variant unknown"),
    )
    for word in words.split()
}


def meant_keyword(word: str, kinds: object) -> str | None:
    """Return the keyword that a misspelt one stands for, on a schema of type `kinds`; or None."""
    if bound := bound_of(word, kinds):
        return bound
    known = _ABBREVIATED.get(plain(word)) or _VOCABULARY.same(word) or _VOCABULARY.near(word)
    return known or None


def meant_type(word: str) -> tuple[str, str] | None:
    """Return the JSON type, and the format, that `word` stands for: `("", "")` for any type."""
    lowered = word.strip().casefold()
    if lowered in TYPES:
        return lowered, ""
    if lowered in _MEANT_BY:
        return _MEANT_BY[lowered]
    near = difflib.get_close_matches(lowered[:32], TYPES, n=1, cutoff=0.75)
    return (near[0], "") if near else None


def repaired(form: Form, value: Any) -> tuple[bool, Any]:
    """Return whether `value` is, or clearly stands for, one of this form; and that one.

    What is inside of a schema is not looked at.
    """
    if _FITS[form](value):
        return True, value
    other = _other_reading(form, value)
    return other is not None, other


def _other_reading(form: Form, value: Any) -> Any:
    found: Any = None
    if form in {"number", "step", "count"} and isinstance(value, str):
        number = _number(value)
        found = number if _FITS[form](number) else None
    elif form == "flag" and isinstance(value, str):
        found = {"true": True, "false": False}.get(value.strip().casefold())
    elif form == "text" and isinstance(value, (int, float)):
        found = json.dumps(value)
    elif form == "schema" and isinstance(value, str) and meant_type(value):
        found = {"type": value}
    elif form == "names" and isinstance(value, str):
        found = [value]
    elif form == "names" and isinstance(value, list):
        found = list(dict.fromkeys(name for name in value if isinstance(name, str))) or None
    return found


def _number(text: str) -> int | float | None:
    try:
        return int(text[:20]) if text.strip().lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return None


def _is_number(value: Any) -> bool:
    finite = isinstance(value, int) or (isinstance(value, float) and abs(value) < float("inf"))
    return finite and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_names(value: Any) -> bool:
    texts = isinstance(value, list) and all(isinstance(name, str) for name in value)
    return texts and len(set(value)) == len(value)


@lru_cache(maxsize=4096)
def is_pattern(text: str) -> bool:
    """Return whether `text` is a regular expression of JSON Schema."""
    try:
        validator_of({"pattern": text})
    except ValueError:
        return False
    return True


_FITS: Final[Mapping[Form, Callable[[Any], bool]]] = {
    "schema": lambda value: isinstance(value, (dict, bool)),
    "schemas": lambda value: isinstance(value, list) and bool(value),
    "named schemas": lambda value: isinstance(value, dict),
    "number": _is_number,
    "step": lambda value: _is_number(value) and value > 0,
    "count": _is_count,
    "text": lambda value: isinstance(value, str),
    "pattern": lambda value: isinstance(value, str) and is_pattern(value),
    "flag": lambda value: isinstance(value, bool),
    "values": lambda value: isinstance(value, list),
    "names": _is_names,
    "dependent names": lambda value: (
        isinstance(value, dict) and all(_is_names(names) for names in value.values())
    ),
    "any": lambda _value: True,
}
