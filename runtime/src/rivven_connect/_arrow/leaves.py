"""Values without parts to one Arrow array, exactly or not at all."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
import pyarrow as pa

from rivven_connect._json import encode_json
from rivven_connect._tables.json_text import lost_number

JSON_KINDS = frozenset({type(None), bool, int, float, str, list, dict})

_WORDS = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}
_TAKES: dict[pa.DataType, set[type]] = {
    pa.bool_(): {bool},
    pa.int64(): {int},
    pa.float64(): {int, float},
    pa.string(): {str},
    pa.date32(): {str},
}
"""What pyarrow itself would take besides, it would change: 1.5 to 1, true to 1.0."""

_REFUSALS = (pa.ArrowException, ArithmeticError, TypeError, ValueError)
_LARGEST_EXACT = 2**53  # integers beyond have no float of their own


class Unfit(Exception):
    """Values that cannot be stored: position -> reason."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__(reasons)
        self.reasons = reasons


def plain(values: list[Any], path: str) -> list[Any]:
    """Return the values with the JSON form of dates, decimals, bytes and the like.

    Raises:
        Unfit: some have none.
    """
    found: list[Any] = []
    unfit: dict[int, str] = {}
    for at, value in enumerate(values):
        if type(value) in JSON_KINDS:
            found.append(value)
            continue
        try:
            made = msgspec.to_builtins(value)
        except (TypeError, ValueError, RecursionError):
            unfit[at] = f"{path} is a {type(value).__name__}, which has no JSON form"
        else:
            found.append(list(made) if isinstance(made, tuple) else made)
    if unfit:
        raise Unfit(unfit)
    return found


def json_texts(values: list[Any], path: str) -> pa.Array:
    """Return each value as JSON; null stays null.

    Raises:
        Unfit: some have no JSON form.
    """
    texts: list[str | None] = []
    unfit: dict[int, str] = {}
    for at, value in enumerate(values):
        try:
            raw = b"" if value is None else encode_json(value)
            texts.append(raw.decode() or None)
            if lost_number(raw, value):
                unfit[at] = f"{path} holds a number that is not finite, which JSON lacks"
        except (TypeError, ValueError, RecursionError):
            unfit[at] = f"{path} holds something that has no JSON form"
    if unfit:
        raise Unfit(unfit)
    return pa.array(texts, pa.string())


def scalar_type(values: list[Any], kinds: set[type]) -> pa.DataType | None:
    """Return the type that holds all the values as they are, or None."""
    if not kinds:
        return pa.null()
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {str}:
        return pa.string()
    if kinds == {int}:
        fits = all(value is None or -(2**63) <= value < 2**63 for value in values)
        return pa.int64() if fits else None
    if kinds <= {int, float}:
        return pa.float64() if all(map(_is_exact, values)) else None
    return None


def leaf(values: list[Any], dtype: pa.DataType, path: str) -> pa.Array:
    """Return the values as an array of `dtype`.

    Raises:
        Unfit: some do not fit it.
    """
    if dtype == pa.int64() and float in map(type, values):
        # In JSON, 1.0 is an integer.
        values = [int(v) if type(v) is float and v.is_integer() else v for v in values]
    if _takes_all(values, dtype):
        try:
            return _array(values, dtype)
        except _REFUSALS:
            pass
    reasons = {at: _reason(value, dtype) for at, value in enumerate(values)}
    unfit = {at: f"{path} {reason}" for at, reason in reasons.items() if reason}
    if not unfit:
        unfit = dict.fromkeys(range(len(values)), f"{path} does not fit {dtype}")
    raise Unfit(unfit)


def _takes_all(values: list[Any], dtype: pa.DataType) -> bool:
    return dtype not in _TAKES or set(map(type, values)) - {type(None)} <= _TAKES[dtype]


def _array(values: list[Any], dtype: pa.DataType) -> pa.Array:
    if dtype in _TAKES and dtype != pa.date32():
        return pa.array(values, dtype)
    if pa.types.is_binary(dtype) or pa.types.is_large_binary(dtype):
        decoded = [v and base64.b64decode(v, validate=True) for v in values]
        return pa.array(decoded, dtype)
    if str in map(type, values):
        return pa.array(values, pa.string()).cast(dtype)
    return pa.array(values, dtype)


def _reason(value: Any, dtype: pa.DataType) -> str | None:
    """Return why one value does not fit; None if it does."""
    if value is None:
        return None
    if not _takes_all([value], dtype):
        return f"is {_WORDS[type(value)]}, and its column is {dtype}"
    try:
        _array([value], dtype)
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which UTF-8 lacks"
    except _REFUSALS:
        if isinstance(value, int):
            return f"is an integer too large for {dtype}"
        return f"is {_WORDS[type(value)]} that is no {dtype}"
    return None


def _is_exact(value: Any) -> bool:
    return type(value) is not int or abs(value) <= _LARGEST_EXACT
