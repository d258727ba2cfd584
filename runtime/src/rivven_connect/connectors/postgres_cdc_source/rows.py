"""Rows of a table as JSON, a column of many rows at a time: one call for a column, not one for a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rivven_connect import Json, JsonObject
from rivven_connect.connectors.postgres_cdc_source.tuples import UNCHANGED
from rivven_connect.postgres import Shape, Types, text_decoder

Values: TypeAlias = Sequence[Any]
"""Texts of a column; None for NULL, `UNCHANGED` for what was not sent."""


class RowReader:
    """Makes JSON of rows whose columns have these names and types."""

    def __init__(self, columns: Sequence[tuple[str, int]], types: Types) -> None:
        self._names = [name for name, _ in columns]
        self._readers = [_column_reader(oid, types) for _, oid in columns]

    def __len__(self) -> int:
        return len(self._names)

    def read(
        self, columns: Sequence[Values], count: int, *, partial: bool = False
    ) -> list[JsonObject]:
        """Return `count` rows, given by columns, as objects; with `partial`, without what was not sent.

        Raises:
            ConnectorError: of kind `data`; a text is none of its type.
        """
        if not self._names or not count:
            return [{} for _ in range(count)]
        names = self._names
        read = [reader(column) for reader, column in zip(self._readers, columns, strict=True)]
        found: list[JsonObject] = [dict(zip(names, row)) for row in zip(*read)]  # noqa: B905  # as above
        return list(map(_without_unchanged, found)) if partial else found


def _without_unchanged(row: JsonObject) -> JsonObject:
    if UNCHANGED not in row.values():
        return row
    return {name: value for name, value in row.items() if value is not UNCHANGED}


def _column_reader(oid: int, types: Types) -> Callable[[Values], list[Any]]:
    """Return what reads a column: all of it at once where that is possible, else value by value."""
    one = text_decoder(oid, types)
    found = types.get(oid)
    shape = found.shape if found is not None else Shape.TEXT
    together = _TOGETHER.get(shape)

    def read(column: Values) -> list[Any]:
        if together is not None:
            try:
                values = together(column)
            except (TypeError, ValueError):  # a NULL, or what `one` will complain of
                pass
            else:
                if len(values) == len(column):
                    return values
        return [text if text is None or text is UNCHANGED else one(text) for text in column]

    return read


def _texts(column: Values) -> list[Json]:
    return [*b"\0".join(column).decode().split("\0")]


def _integers(column: Values) -> list[Json]:
    return list(map(int, column))


def _times(column: Values) -> list[Json]:
    joined = b"\0".join(column).decode()
    if "B" in joined:
        raise ValueError("a time is before our era")
    return [*joined.replace(" ", "T").replace("+00", "+00:00").split("\0")]


_TOGETHER: dict[Shape, Callable[[Values], list[Json]]] = {
    Shape.TEXT: _texts,
    Shape.NUMERIC: _texts,
    Shape.DATE: _texts,
    Shape.INTEGER: _integers,
    Shape.TIMESTAMP: _times,
    Shape.TIMESTAMPTZ: _times,
}
"""The same as `text_decoder` of each value; raises where a value needs a look of its own."""
