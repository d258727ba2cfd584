"""Rows of a table as JSON, a column of many rows at a time: one call for a column, not one for a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rivven_connect import ConnectorError, Json, JsonObject
from rivven_connect.connectors.postgres_cdc_source.pgoutput import UNCHANGED
from rivven_connect.postgres import Shape, Types, text_decoder

_TEXTS = frozenset({Shape.TEXT, Shape.NUMERIC, Shape.DATE})


class RowReader:
    """Makes JSON of rows whose columns have these names and types."""

    def __init__(self, columns: Sequence[tuple[str, int]], types: Types) -> None:
        self._names = [name for name, _ in columns]
        self._readers = [_column_reader(oid, types) for _, oid in columns]

    def read(self, rows: Sequence[Sequence[Any]], *, partial: bool = False) -> list[JsonObject]:
        """Return the rows as objects; with `partial`, a value that was not sent is not in its object.

        Raises:
            ConnectorError: of kind `data`, a text is none of its type; fatal, a row has other columns.
        """
        if not self._names or not rows:
            return [{} for _ in rows]
        names = self._names
        if set(map(len, rows)) != {len(names)}:
            raise ConnectorError.fatal("the server sent a row that has not its table's columns")
        columns = zip(*rows, strict=True)
        read = [reader(column) for reader, column in zip(self._readers, columns, strict=True)]
        found: list[JsonObject] = [
            dict(zip(names, row, strict=True)) for row in zip(*read, strict=True)
        ]
        return list(map(_without_unchanged, found)) if partial else found


def _without_unchanged(row: JsonObject) -> JsonObject:
    return {name: value for name, value in row.items() if value is not UNCHANGED}


def _column_reader(oid: int, types: Types) -> Callable[[Sequence[Any]], list[Any]]:
    """Return what reads a column: all of it at once where that is possible, else value by value."""
    one = text_decoder(oid, types)
    found = types.get(oid)
    shape = found.shape if found is not None else Shape.TEXT

    def each(column: Sequence[Any]) -> list[Any]:
        return [text if text is None or text is UNCHANGED else one(text) for text in column]

    def texts(column: Sequence[Any]) -> list[Any]:
        try:
            read: list[Json] = [*b"\0".join(column).decode().split("\0")]
        except (TypeError, UnicodeDecodeError):  # a NULL, or what `one` will complain of
            return each(column)
        return read if len(read) == len(column) else each(column)

    def integers(column: Sequence[Any]) -> list[Any]:
        try:
            return list(map(int, column))
        except (TypeError, ValueError):
            return each(column)

    if shape is Shape.INTEGER:
        return integers
    return texts if shape in _TEXTS else each
