"""The statements that read a table piece by piece: each goes on behind the last row of the one before.

Names are quoted and belong to a table, because SQLite takes a quoted name that it does not know for a
text. No collation is named: SQLite would then use no index for a comparison of several columns.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from typing import Any

from rivven_connect import ConnectorError, Json
from rivven_connect._tables.names import quoted
from rivven_connect.connectors.sqlite_source.database import BadText
from rivven_connect.connectors.sqlite_source.tables import Described

_SCALARS = (int, float, str, bytes)


class Query:
    """Reads one table in the order of some columns; the first `len(order)` values of a row are theirs."""

    def __init__(self, table: Described, cursor: str | None) -> None:
        self.table = table
        self.fields = [one.name for one in table.columns]
        if cursor is not None and cursor not in self.fields:
            self.fields.append(cursor)
        is_number = cursor is not None and cursor in {table.own_number, table.number}
        ties = () if is_number else tuple(name for name in table.order if name != cursor)
        self.order = (cursor, *ties) if cursor is not None else ties
        self.cursor = cursor
        self._order = [_named(name) for name in self.order]

    def first(self, start: Json) -> tuple[str, list[Any]]:
        """Return the statement for the rows from the cursor on, those at it included."""
        if self.cursor is None or start is None:
            return self._text(""), []
        return self._text(f"WHERE {self._order[0]} >= ?"), [start]

    def behind(self, row: Sequence[Any]) -> tuple[str, list[Any]]:
        """Return the statement for the rows behind one, or behind the values that order it."""
        values = row[: len(self.order)]
        places = ["CAST(? AS TEXT)" if isinstance(one, BadText) else "?" for one in values]
        condition = f"({', '.join(self._order)}) > ({', '.join(places)})"
        return self._text(f"WHERE {condition}"), list(values)

    def nulls(self) -> str:
        """Return the statement that finds a row without a cursor."""
        return f"SELECT 1 {self._from()} WHERE {_named(self.cursor or '')} IS NULL LIMIT 1"

    def _text(self, condition: str) -> str:
        wanted = [*map(_named, self.order), *map(_named, self.fields)]
        order = f"ORDER BY {', '.join(self._order)}" if self.order else ""
        return f"SELECT {', '.join(wanted)} {self._from()} {condition} {order}"

    def _from(self) -> str:
        return f"FROM {quoted(self.table.name)} AS t"


def token_of(values: Sequence[Any]) -> Json:
    """Return the values that order a row, as JSON that `values_of` reads."""
    return [_told(one) for one in values]


def values_of(token: Json, table: str, count: int) -> list[Any]:
    """Return the values of a saved token.

    Raises:
        ConnectorError: it is not one of this table's.
    """
    try:
        values = [_value(one) for one in token] if isinstance(token, list) else []
    except (TypeError, ValueError, binascii.Error):
        values = []
    if len(values) != count:
        raise ConnectorError.state(
            f"the saved state of {table!r} does not fit the way in which it is read now; "
            "reset it with `rivven state reset PIPELINE.yaml --source NAME`"
        )
    return values


def _told(one: Any) -> Json:
    if isinstance(one, bytes):
        kind = "text" if isinstance(one, BadText) else "blob"
        return {kind: base64.b64encode(one).decode()}
    return {"real": str(one)} if isinstance(one, float) and math.isinf(one) else one


def _value(one: Json) -> Any:
    if isinstance(one, dict):
        ((kind, text),) = one.items()
        if kind == "real":
            return float(text)
        raw = base64.b64decode(text, validate=True)
        return BadText(raw) if kind == "text" else raw
    if not isinstance(one, _SCALARS):
        raise TypeError(type(one))
    return one


def _named(name: str) -> str:
    return f"t.{quoted(name)}"
