"""JSON values: their types, and the one encoder of the runtime."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = Any
"""Any JSON value. Python's types cannot say "JSON" without casts at every use, so this is `Any`."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object."""

encoder = msgspec.json.Encoder()
"""Shared encoder; stateless, hence safe to share between threads."""

_sorting_encoder = msgspec.json.Encoder(order="sorted")

_decoder = msgspec.json.Decoder()

_part_decoder = msgspec.json.Decoder(list[msgspec.Raw])

UNENCODABLE = (TypeError, ValueError, RecursionError)
"""What the encoder raises for a value that is not JSON: an object of some class, a loop."""


def encode_json(value: Json) -> bytes:
    """Return `value` as compact JSON, UTF-8.

    What JSON lacks and a plain form says (dates, decimals, bytes, sets) takes that form; NaN and the
    infinities become null.

    Raises:
        TypeError: a value inside has no JSON form (an object of an unknown class).
    """
    return encoder.encode(value)


def encode_sorted(value: Json) -> bytes:
    """Return `value` as `encode_json` does, keys in order: equal values give equal bytes.

    Raises:
        TypeError: a value inside has no JSON form; likewise ValueError and RecursionError.
    """
    return _sorting_encoder.encode(value)


def encode_lines(values: list[Json]) -> bytes:
    """Return `values` as JSON Lines: what `encode_json` makes of each, and a newline behind it.

    Raises:
        TypeError: a value has no JSON form; likewise ValueError and RecursionError.
    """
    return encoder.encode_lines(values)


def field_values(records: Sequence[Json], field: str | None) -> list[Json]:
    """Return the values of a field, None where there is none.

    Raises:
        AttributeError: a record is no object.
    """
    try:
        return list(map(operator.itemgetter(field), records))
    except (KeyError, TypeError, IndexError):
        return [record.get(field) for record in records]


def encode_arrays(values: list[Json], size: int) -> list[bytes]:
    """Return `values` as JSON arrays of `size` each; the last one may be smaller.

    Raises:
        TypeError: a value has no JSON form; likewise ValueError and RecursionError.
    """
    return [encoder.encode(values[start : start + size]) for start in range(0, len(values), size)]


def array_of(texts: Iterable[bytes]) -> bytes:
    """Return a JSON array of values that are JSON already."""
    return b"[%b]" % b",".join(texts)


def texts_in(arrays: Iterable[bytes]) -> list[bytes]:
    """Return what stands in JSON arrays, each value as it is written."""
    return [bytes(one) for array in arrays for one in _part_decoder.decode(array)]


def decode_lines(raw: bytes) -> list[Json]:
    """Return the values of JSON Lines.

    Raises:
        msgspec.DecodeError: a line is not JSON.
    """
    return _decoder.decode_lines(raw)


def decode_json(raw: bytes | str) -> Json:
    """Return the value that `raw` holds.

    Raises:
        msgspec.DecodeError: `raw` is not JSON.
    """
    return msgspec.json.decode(raw)
