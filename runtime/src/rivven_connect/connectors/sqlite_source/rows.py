"""Rows as records, or as what cannot be one."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any

import msgspec

from rivven_connect import JsonObject, Poison
from rivven_connect.connectors.sqlite_source.database import BadText, Row
from rivven_connect.connectors.sqlite_source.queries import Query, token_of

_encoder = msgspec.json.Encoder()
_NAMES = {int: "a number", float: "a number with a fraction", str: "a text", bytes: "a blob"}


class RowReader:
    """Turns the rows of one query into lists of records; blobs become base64 text."""

    def __init__(self, query: Query, *, types: str) -> None:
        self._stream = query.table.name
        self._fields = query.fields
        self._ordered = len(query.order)
        fitting: Mapping[str, frozenset[type]] = {}
        if types == "declared":
            fitting = {one.name: one.fitting for one in query.table.columns}
        self._fitting = [fitting.get(name) for name in self._fields]

    def items(self, rows: Sequence[Row]) -> Iterator[list[JsonObject] | Poison]:
        """Yield the records in lists, and the rows that cannot be records between them."""
        reasons: dict[int, str] = {}
        columns: list[Sequence[Any]] = []
        values = list(zip(*rows, strict=True))[self._ordered :]
        for field, column, fitting in zip(self._fields, values, self._fitting, strict=True):
            columns.append(_column(field, column, fitting, reasons))
        made = [dict(zip(self._fields, row, strict=True)) for row in zip(*columns, strict=True)]
        start = 0
        for index in sorted(reasons):
            if made[start:index]:
                yield made[start:index]
            yield self._poison(rows[index], reasons[index])
            start = index + 1
        if made[start:]:
            yield made[start:] if start else made

    def _poison(self, row: Row, reason: str) -> Poison:
        """Return a row that is no record: as JSON in which blobs and broken texts are marked."""
        found = dict(zip(self._fields, map(_shown, row[self._ordered :]), strict=True))
        return Poison(
            self._stream, _encoder.encode(found), reason, token_of(row[: self._ordered]) or None
        )


def _column(
    field: str, column: Sequence[Any], fitting: frozenset[type] | None, reasons: dict[int, str]
) -> Sequence[Any]:
    """Return one field's values as JSON has them; why one cannot be goes into `reasons`."""
    kinds = set(map(type, column)) - {NoneType}
    if fitting is not None and not kinds <= fitting:
        for index, value in enumerate(column):
            if value is not None and type(value) not in fitting and type(value) is not BadText:
                reasons[index] = (
                    f"{field} holds {_NAMES[type(value)]}, which its declared type does not let expect; "
                    "`types: any` takes such rows"
                )
    if BadText in kinds:
        for index, value in enumerate(column):
            if type(value) is BadText:
                reasons[index] = f"{field} holds a text that is not UTF-8"
    if float in kinds:
        for index, value in enumerate(column):
            if type(value) is float and math.isinf(value):
                reasons[index] = f"{field} is infinite, and JSON has no such number"
    if bytes in kinds:
        return [base64.b64encode(one).decode() if type(one) is bytes else one for one in column]
    return column


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        kind = "text_base64" if isinstance(value, BadText) else "base64"
        return {kind: base64.b64encode(value).decode()}
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    return value
