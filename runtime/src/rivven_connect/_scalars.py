"""What a plain YAML scalar means: JSON and the YAML 1.2 core schema, where YAML 1.1 agrees.

YAML 1.1 reads `no` as false, `017` as 15, `12:30:00` as 45000 and `2021-01-25` as a date; 1.2 reads
them as other things. Where the two differ, a person has to quote.
"""

from __future__ import annotations

import math
import re
from typing import Final

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_WORDS: Final = frozenset({"yes", "no", "on", "off"})
# Texts, which `re` compiles when they are first asked.
_INTEGER: Final = r"[-+]?(0|[1-9][0-9]*)"
_FLOAT: Final = r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?"
_JSON_NUMBER: Final = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?"
_NOT_A_NUMBER: Final = r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
_AMBIGUOUS: Final = (
    r"[-+]?0[0-7_]+|[-+]?0[0-9_]+|[-+]?0[oxb][0-9a-fA-F_]+"  # octal, hexadecimal, binary
    r"|[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?|[-+]?[0-9]+\.[0-9]*_[0-9_]*"  # 1_000
    r"|[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+"  # 1e3
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"  # 12:30:00
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?"  # 2021-01-25
    r"|="
)
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1


class AmbiguousScalarError(ValueError):
    """YAML 1.1 and 1.2 read the scalar differently."""


class UnsafeNumberError(ValueError):
    """The number does not survive JSON: not finite, or beyond 64 bits."""


def resolve_plain(text: str, *, json: bool = False) -> str | int | float | bool | None:
    """Return the value of the plain scalar `text`; `json` allows every number of JSON."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "-+.0123456789=yYnNoO":
        return text
    if text.lower() in _WORDS:
        raise AmbiguousScalarError
    if re.fullmatch(_INTEGER, text):
        return _integer(text)
    if re.fullmatch(_FLOAT, text) or (json and re.fullmatch(_JSON_NUMBER, text)):
        return _float(text)
    if re.fullmatch(_NOT_A_NUMBER, text):
        raise UnsafeNumberError
    if re.fullmatch(_AMBIGUOUS, text):
        raise AmbiguousScalarError
    return text


def is_plain_text(text: str) -> bool:
    """Return whether every YAML version reads the plain scalar `text` as text."""
    try:
        return isinstance(resolve_plain(text), str)
    except (AmbiguousScalarError, UnsafeNumberError):
        return False


def resolve_foreign(text: str, *, json: bool = False) -> str | int | float | bool | None:
    """Return what the plain scalar `text` of somebody else's YAML means to most of its readers.

    `yes` and `no` are booleans; a date, a time or an octal number stays text.
    """
    try:
        return resolve_plain(text, json=json)
    except AmbiguousScalarError:
        word = text.lower()
        return word in ("yes", "on") if word in _WORDS else text


def _integer(text: str) -> int:
    # The length is asked first: Python refuses to convert more than 4,300 digits.
    if len(text) > 21 or not _SMALLEST <= int(text) <= _LARGEST:
        raise UnsafeNumberError
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise UnsafeNumberError
    return number
