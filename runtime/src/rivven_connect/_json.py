"""JSON values: their types, and the one encoder of the runtime."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = Any
"""Any JSON value. Python's types cannot say "JSON" without casts at every use, so this is `Any`."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object."""

encoder = msgspec.json.Encoder()
"""Shared encoder; stateless, hence safe to share between threads."""


def encode_json(value: Json) -> bytes:
    """Return `value` as compact JSON, UTF-8.

    What JSON lacks and a plain form says (dates, decimals, bytes, sets) takes that form; NaN and the
    infinities become null.

    Raises:
        TypeError: a value inside has no JSON form (an object of an unknown class).
    """
    return encoder.encode(value)


def decode_json(raw: bytes | str) -> Json:
    """Return the value that `raw` holds.

    Raises:
        msgspec.DecodeError: `raw` is not JSON.
    """
    return msgspec.json.decode(raw)
