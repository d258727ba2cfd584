"""Cells as values: of their column's type, exactly, or not at all."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from rivven_connect import Json
from rivven_connect.connectors.csv_source._generated import CsvSourceConfig
from rivven_connect.connectors.csv_source.columns import Columns

_INTEGER = re.compile(r"[+-]?[0-9]{1,1000}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class Cells:
    """Turns the cells of records into the values of their columns."""

    def __init__(self, config: CsvSourceConfig, columns: Columns) -> None:
        self._columns = columns
        self._null = config.null_text
        delimiter, quote = re.escape(config.delimiter), re.escape(config.quote)
        self._quoted_null = ""
        if self._null is not None:
            text = self._null.replace(config.quote, 2 * config.quote)
            self._quoted_null = f"{config.quote}{text}{config.quote}"
        # Possessive, or the expression remembers a way back for each character.
        self._cell = re.compile(
            rf"(?P<quoted>{quote}[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+{quote})"
            rf"(?:{delimiter}|[\r\n]*\Z)|[^{delimiter}\r\n]*(?:{delimiter}|[\r\n]*\Z)"
        )

    def fits(self, row: Sequence[str]) -> str | None:
        """Return why a row cannot be a record; None where it has a cell for each column."""
        wanted = len(self._columns.names)
        if len(row) == wanted:
            return None
        return f"it has {len(row)} cells, and there are {wanted} columns"

    def values(
        self, rows: Sequence[list[str]], text_of: Callable[[int], str], reasons: dict[int, str]
    ) -> list[Sequence[Json]]:
        """Return the values of each column; why a row has one that does not fit goes into `reasons`.

        `text_of` gives a record as it stands in the file: quotes tell an empty text from null.
        """
        found: list[Sequence[Json]] = []
        nulls = self._nulls(rows, text_of)
        for place, (name, type_) in enumerate(
            zip(self._columns.names, self._columns.types, strict=True)
        ):
            column: list[Json] = [row[place] for row in rows]
            for index in nulls.get(place, ()):
                column[index] = None
            if type_ != "string":
                column = _typed(name, type_, column, reasons)
            found.append(column)
        return found

    def _nulls(
        self, rows: Sequence[list[str]], text_of: Callable[[int], str]
    ) -> dict[int, list[int]]:
        """Return the rows in which a column is null, by the column's place."""
        found: dict[int, list[int]] = {}
        if self._null is None:
            return found
        for index, row in enumerate(rows):
            if self._null not in row:
                continue
            places = {place for place, cell in enumerate(row) if cell == self._null}
            text = text_of(index)
            if self._quoted_null in text:
                places -= self._quoted(text)
            for place in places:
                found.setdefault(place, []).append(index)
        return found

    def _quoted(self, text: str) -> set[int]:
        """Return the places of the cells that stand in quotes."""
        found = set()
        at = place = 0
        while (cell := self._cell.match(text, at)) is not None and cell.end() > at:
            if cell["quoted"] is not None:
                found.add(place)
            at, place = cell.end(), place + 1
        return found


def _typed(name: str, type_: str, column: list[Json], reasons: dict[int, str]) -> list[Json]:
    convert = {"integer": _integer, "number": _number, "boolean": _boolean}[type_]
    found: list[Json] = []
    for index, cell in enumerate(column):
        value = None if cell is None else convert(cell)
        if value is None and cell is not None:
            reasons.setdefault(index, f"{name} is no {type_}")
        found.append(value)
    return found


def _integer(cell: str) -> int | None:
    return int(cell) if _INTEGER.fullmatch(cell) else None


def _number(cell: str) -> int | float | None:
    """Return the number; one without a fraction stays an integer, which keeps it exact."""
    if not _NUMBER.fullmatch(cell):
        return None
    if (whole := _integer(cell)) is not None:
        return whole
    value = float(cell)
    return value if math.isfinite(value) else None


def _boolean(cell: str) -> bool | None:
    return _BOOLEANS.get(cell.lower())
