"""Values as JSON text: faithfully, or not at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from rivven_connect._json import Json
from rivven_connect._tables.records import Unfit

_encoder = msgspec.json.Encoder()


def json_text(value: Json) -> str:
    """Return a value as JSON.

    Raises:
        Unfit: it holds NaN or an infinity, which the encoder would turn into null.
    """
    try:
        raw = _encoder.encode(value)
    except UnicodeEncodeError:
        raise
    except (TypeError, ValueError) as error:  # the latter for an integer of thousands of digits
        raise Unfit(f"a value inside has no JSON form: {error}") from None
    if lost_number(raw, value):
        raise Unfit("a value inside is not finite, and JSON has no such number")
    return raw.decode()


def plain(value: Any, field: str) -> Json:
    """Return the JSON form of a date, a decimal, bytes and the like.

    Raises:
        Unfit: it has none.
    """
    try:
        return msgspec.to_builtins(value)
    except TypeError as error:
        raise Unfit(f"{field} has no JSON form: {error}") from None


def is_exact(value: Json) -> bool:
    """Whether a value stays the same as a float of 64 bits; integers beyond 2 to the 53rd may not."""
    return type(value) is not int or int(float(value)) == value


def lost_number(raw: bytes, value: Json) -> bool:
    """Whether a null in the JSON of a value stands for NaN or an infinity, which the encoder writes so."""
    return b"null" in raw and not _is_finite(value)


def _is_finite(value: Json) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    return (
        not isinstance(value, Sequence | set)
        or isinstance(value, str | bytes)
        or all(map(_is_finite, value))
    )
