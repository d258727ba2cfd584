"""The texts that COPY and logical replication send, as JSON; without a server's help, hence fast."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from rivven_connect._errors import ConnectorError
from rivven_connect._json import Json
from rivven_connect.postgres._arrays import ArrayDecoder
from rivven_connect.postgres._types import BUILT_IN, Shape, Type, Types

Decoder = Callable[[bytes], Json]

_json = msgspec.json.Decoder().decode


def text_decoder(oid: int, types: Types = BUILT_IN) -> Decoder:
    """Return what makes JSON of the text of a value, which is not NULL; made once per column.

    Types that `types` does not hold are left as text: ask `read_types` for those of a table.
    The decoder raises `ConnectorError` of kind `data` for a text that is none of its type.
    """
    found = types.get(oid)
    return _decoder(found) if found is not None else _text


def _decoder(one: Type) -> Decoder:
    if one.element is not None:
        return ArrayDecoder(_decoder(one.element), one.delimiter)
    return _BY_SHAPE[one.shape]


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise ConnectorError.data(f"a text is not UTF-8: {error.reason}") from error


def _boolean(raw: bytes) -> bool:
    return raw == b"t"


def _integer(raw: bytes) -> int:
    try:
        return int(raw)
    except ValueError as error:
        raise ConnectorError.data("an integer is none") from error


def _float(raw: bytes) -> float | str:
    try:
        value = float(raw) + 0.0  # JSON's readers do not agree about the sign of zero
    except ValueError as error:
        raise ConnectorError.data("a number is none") from error
    return value if math.isfinite(value) else _text(raw)


def _json_value(raw: bytes) -> Json:
    try:
        found: Json = _json(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConnectorError.data(f"a JSON value cannot be read: {error}") from error
    return found


def _timestamp(raw: bytes) -> str:
    # A space may also stand before BC; `infinity` has none.
    return _text(raw).replace(" ", "T", 1)


def _timestamptz(raw: bytes) -> str:
    text = _text(raw).replace(" ", "T", 1)
    if text.endswith("+00"):
        return text + ":00"
    return text.removesuffix(" BC") + ":00 BC" if text.endswith("+00 BC") else text


_BY_SHAPE: dict[Shape, Decoder] = {
    Shape.BOOLEAN: _boolean,
    Shape.INTEGER: _integer,
    Shape.FLOAT: _float,
    Shape.NUMERIC: _text,
    Shape.TEXT: _text,
    Shape.JSON: _json_value,
    Shape.DATE: _text,
    Shape.TIMESTAMP: _timestamp,
    Shape.TIMESTAMPTZ: _timestamptz,
}
