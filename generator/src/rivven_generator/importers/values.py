"""Values inside a foreign schema, written as their own type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from rivven_generator.schema.vocabulary import is_nullable, types_of

_TRUE: Final = frozenset({"true", "yes", "on"})
_FALSE: Final = frozenset({"false", "no", "off"})
_LONGEST_NUMBER: Final = 40
"""Characters of a number that somebody wrote as text."""


def as_typed(value: Any, node: Mapping[str, Any], source: str) -> Any:
    """Return `value` as the scalar type that `node` names, where it evidently is one.

    Args:
        value: a default, constant or example.
        node: the schema, its `type` settled.
        source: the value as it is written, which keeps `1.10` and `yes` as they are.
    """
    kinds = types_of(node)
    if value is None and is_nullable(node):
        return value
    if kinds == {"string"} and not isinstance(value, (str, dict, list)):
        return _as_text(value, source)
    if kinds <= {"integer", "number"} and kinds and isinstance(value, str):
        return _as_number(value, whole=kinds == {"integer"})
    if kinds == {"boolean"} and isinstance(value, str):
        word = value.strip().casefold()
        return True if word in _TRUE else False if word in _FALSE else value
    return value


def _as_text(value: Any, source: str) -> Any:
    if value is None:
        return None
    return source or (json.dumps(value) if isinstance(value, bool) else str(value))


def _as_number(text: str, *, whole: bool) -> Any:
    if len(text) > _LONGEST_NUMBER:
        return text
    try:
        found = json.loads(text.strip())
    except ValueError:
        return text
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not isfinite(found):
        return text
    return int(found) if whole and float(found).is_integer() else found


def as_count(value: Any) -> int | None:
    """Return a count, also where it is written as text; None where it is none."""
    number = _as_number(value, whole=True) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or number < 0:
        return None
    return int(number) if float(number).is_integer() else None


def as_bound(value: Any) -> int | float | None:
    """Return a number, also where it is written as text; None where it is none."""
    number = _as_number(value, whole=False) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    return number
