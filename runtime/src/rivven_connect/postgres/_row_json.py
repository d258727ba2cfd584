"""The same JSON as `text_decoder`, made of whole rows by the server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from rivven_connect._errors import ConnectorError
from rivven_connect._json import JsonObject
from rivven_connect.postgres._catalog import Column
from rivven_connect.postgres._names import quoted
from rivven_connect.postgres._types import Shape, Type, Types

_decode = msgspec.json.Decoder().decode

_CAST = {Shape.INTEGER: "pg_catalog.int8"}


def json_column(column: str, found: Type | None) -> str:
    """Return the SQL expression of a column, given as SQL, of which `to_json` makes what we want."""
    if found is None or not found.prints_other:
        return column
    one = found.element or found
    array = "[]" if found.element else ""
    return f"{column}::{_CAST.get(one.shape, 'pg_catalog.text')}{array}"


def row_query(columns: Sequence[Column], types: Types, rows: str) -> str:
    """Return a query for one column: each row that `rows` yields, as one JSON text.

    `rows` is SQL from FROM on, such as `FROM "public"."orders" AS t ORDER BY t."id"`. A name without
    `t.` would be that of the JSON's value: a number would be ordered as a text.
    """
    chosen = ", ".join(
        f"{json_column(name, types.get(column.type_oid))} AS {name}"
        for column in columns
        for name in [quoted(column.name)]
    )
    # `.*`, because a column may be named like the row.
    return f"SELECT pg_catalog.row_to_json(r.*) FROM (SELECT {chosen} {rows}) AS r"  # noqa: S608  # names are quoted


class RowDecoder:
    """Reads the JSON texts that `row_query` yields."""

    def __init__(self, columns: Iterable[Column], types: Types) -> None:
        shapes = [(column.name, types[column.type_oid]) for column in columns
                  if column.type_oid in types]  # fmt: skip
        self._floats = [name for name, one in shapes if one.shape is Shape.FLOAT]
        self._float_arrays = [
            name for name, one in shapes if one.element and one.element.shape is Shape.FLOAT
        ]

    def decode_many(self, texts: Iterable[bytes]) -> list[JsonObject]:
        """Return the rows of many texts, at once.

        Raises:
            ConnectorError: of kind `data`; one of them is a value that no JSON reader takes, such as
                a number of a thousand digits in a `jsonb`. `decode` finds out which.
        """
        try:
            rows: list[JsonObject] = _decode(b"[%b]" % b",".join(texts))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConnectorError.data(f"a row's JSON cannot be read: {error}") from error
        # The server writes a whole number without a fraction, which reads as an integer.
        for name in self._floats:
            for row in rows:
                if row[name].__class__ is int:
                    row[name] = float(row[name])
        for name in self._float_arrays:
            for row in rows:
                row[name] = _floats(row[name])
        return rows

    def decode(self, text: bytes) -> JsonObject:
        """Return the row of one text.

        Raises:
            ConnectorError: of kind `data`; it cannot be read.
        """
        return self.decode_many([text])[0]


def _floats(value: Any) -> Any:
    if isinstance(value, list):
        return [_floats(one) for one in value]
    return float(value) if isinstance(value, int) else value
