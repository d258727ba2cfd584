"""One value as another type: exactly, or not at all."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

_INTEGER = re.compile(r"[+-]?[0-9]{1,1000}")
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,5})?"
)
_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
_LARGEST_EXACT = 2**53
"""Below it, every integer has a float of its own."""


def to_string(value: Any) -> str:
    """Return the text itself, or the JSON of what is none.

    Raises:
        ValueError: the value has no JSON; NaN and the infinities have none.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        _refuse_infinite(value)
    try:
        return msgspec.json.encode(value).decode()
    except TypeError:
        raise ValueError("it is no JSON value") from None


def to_integer(value: Any) -> int:
    """Return the integer that a text writes out, or that a float is.

    Raises:
        ValueError: there is a fraction, the value is none, or the float is beyond 2^53, where its
            last digits are made up.
    """
    if isinstance(value, float):
        _refuse_infinite(value)
        if not value.is_integer() or abs(value) > _LARGEST_EXACT:
            raise ValueError("the number is no exact integer")
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise ValueError("it is no integer")


def to_float(value: Any) -> float:
    """Return the float nearest to a decimal text, or the one that an integer equals.

    Raises:
        ValueError: the value is no number, is too large or too small, or is an integer that no
            float equals.
    """
    if isinstance(value, float):
        _refuse_infinite(value)
        return value
    if isinstance(value, str):
        if _INTEGER.fullmatch(value):
            return _exact_float(int(value))
        if _NUMBER.fullmatch(value):
            return _nearest_float(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        return _exact_float(value)
    raise ValueError("it is no number")


def _exact_float(value: int) -> float:
    try:
        found = float(value)
    except OverflowError:
        raise ValueError("the number is too large") from None
    if found != value:
        raise ValueError("no float equals the integer")
    return found


def _nearest_float(text: str) -> float:
    found = float(text)
    _refuse_infinite(found)
    mantissa = re.split("[eE]", text)[0]
    if found == 0 and mantissa.strip("+-0."):
        raise ValueError("the number is too small")
    return found


def to_boolean(value: Any) -> bool:
    """Return what 0, 1 or a word such as `yes` says.

    Raises:
        ValueError: the value says neither.
    """
    if isinstance(value, str):
        value = _WORDS.get(value.lower())
    elif isinstance(value, int) and value in (0, 1):
        value = bool(value)
    if isinstance(value, bool):
        return value
    raise ValueError("it is neither true nor false")


def to_json(value: Any) -> Any:
    """Return the value that a text holds as JSON; what is no text is one already.

    Raises:
        ValueError: the text is no JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("the text is no JSON") from None


def _refuse_infinite(value: float) -> None:
    if not math.isfinite(value):
        raise ValueError("the number is not finite")


CASTS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "string": to_string,
        "integer": to_integer,
        "float": to_float,
        "boolean": to_boolean,
        "json": to_json,
    }
)
"""Name of a type -> the function that makes one, or raises ValueError without the value in it."""
