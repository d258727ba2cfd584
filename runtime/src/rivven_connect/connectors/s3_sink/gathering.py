"""Records gathered to the contents of objects, as text."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from rivven_connect import ConnectorError, EventBatch, Json
from rivven_connect._json import UNENCODABLE, encode_json, encode_lines

MOST_COLUMNS = 2_000
"""Of a CSV file: each row has a cell for each of them, so that rows of other fields each would explode."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_GZIP_LEVEL, _ZSTD_LEVEL = 6, 3

Encode = Callable[[], bytes]


class Limits(msgspec.Struct, frozen=True):
    """How much an object may hold."""

    rows: int
    size: int


class Gathering(Protocol):
    """What the next objects of a folder will hold."""

    def files(self) -> Iterator[tuple[int, Encode]]:
        """Yield how many records each object has, and what makes its content."""


class _Lines(msgspec.Struct):
    rows: int = 0
    size: int = 0
    chunks: list[bytes] = msgspec.field(default_factory=list)


class GatheredLines:
    """Records as JSON, one a line."""

    def __init__(self, finish: Callable[[Sequence[bytes]], bytes]) -> None:
        self._finish = finish
        self._parts: list[_Lines] = []

    def add(self, lines: bytes, rows: int, limits: Limits) -> None:
        """Keep the lines, cut where they are more than an object may hold."""
        if rows > limits.rows:
            cut = lines.splitlines(keepends=True)
            for start in range(0, rows, limits.rows):
                some = cut[start : start + limits.rows]
                self.add(b"".join(some), len(some), limits)
            return
        part = self._parts[-1] if self._parts else None
        if part is None or part.rows + rows > limits.rows or part.size + len(lines) > limits.size:
            part = _Lines()
            self._parts.append(part)
        part.rows += rows
        part.size += len(lines)
        part.chunks.append(lines)

    def files(self) -> Iterator[tuple[int, Encode]]:
        """Yield the objects."""
        for part in self._parts:
            yield part.rows, _later(self._finish, part.chunks)


class CsvRow(msgspec.Struct, frozen=True):
    """A record's cells by the names of their columns, as they stand in the file."""

    cells: dict[str, str]
    size: int


class _Table(msgspec.Struct):
    columns: dict[str, None]
    rows: list[CsvRow] = msgspec.field(default_factory=list)
    size: int = 0


class GatheredRows:
    """Records as rows of CSV; an object's columns are those of its schema and of all its records."""

    def __init__(
        self, finish: Callable[[Sequence[str], Sequence[CsvRow]], bytes], declared: Sequence[str]
    ) -> None:
        self._finish = finish
        self._declared = list(declared)[:MOST_COLUMNS]
        self._parts: list[_Table] = []

    def add(self, rows: Sequence[CsvRow], limits: Limits) -> None:
        """Keep the rows."""
        for row in rows:
            part = self._parts[-1] if self._parts else None
            if part is None or not _holds(part, row, limits):
                part = _Table(dict.fromkeys(self._declared))
                if len(part.columns.keys() | row.cells.keys()) > MOST_COLUMNS:
                    part.columns.clear()
                self._parts.append(part)
            part.columns |= dict.fromkeys(row.cells)
            part.rows.append(row)
            part.size += row.size

    def files(self) -> Iterator[tuple[int, Encode]]:
        """Yield the objects."""
        for part in self._parts:
            yield len(part.rows), _later(self._finish, list(part.columns), part.rows)


def as_lines(chunks: Sequence[bytes]) -> bytes:
    """Return JSON Lines."""
    return b"".join(chunks)


def as_array(chunks: Sequence[bytes]) -> bytes:
    """Return lines as one JSON array, still one record a line; JSON itself has no line breaks."""
    return b"[\n" + b"".join(chunks)[:-1].replace(b"\n", b",\n") + b"\n]\n"


def as_csv(columns: Sequence[str], rows: Sequence[CsvRow], *, escape: bool) -> bytes:
    """Return CSV with a header (RFC 4180)."""
    lines = [",".join(_quoted(name, escape=escape) for name in columns)]
    lone = '""' if len(columns) == 1 else ""  # an empty line would be none
    for row in rows:
        cells = row.cells
        lines.append(",".join([cells.get(name, "") for name in columns]) or lone)
    lines.append("")
    return "\r\n".join(lines).encode()


def csv_row(record: Json, *, escape: bool) -> CsvRow:
    """Return the record as cells.

    Null is an empty cell, an empty text `""`; objects and lists are JSON.

    Raises:
        ConnectorError: CSV cannot hold it.
    """
    if not isinstance(record, dict):
        raise ConnectorError.schema(f"the record is a {type(record).__name__}, not an object")
    if not 0 < len(record) <= MOST_COLUMNS:
        raise ConnectorError.schema(f"the record has {len(record)} fields; CSV holds 1 to 2000")
    try:
        cells = {_name(name): _cell(value, escape=escape) for name, value in record.items()}
        size = len(",".join(cells.values()).encode())
        "".join(cells).encode()
    except UNENCODABLE as error:
        raise ConnectorError.serialization(
            f"the record cannot be written as text: {error}"
        ) from error
    return CsvRow(cells, size)


def json_lines(records: list[Json]) -> bytes:
    """Return the records as JSON Lines.

    Raises:
        ConnectorError: one of them cannot be written as JSON.
    """
    return _encoded(lambda: encode_lines(records))


def lines_of(batch: EventBatch) -> bytes:
    """Return the batch's records as JSON Lines, as the engine has encoded them if it has.

    Raises:
        ConnectorError: one of them cannot be written as JSON.
    """
    return _encoded(batch.lines)


def compressed(content: bytes, compression: str) -> bytes:
    """Return the content compressed; the same bytes for the same content."""
    if compression == "gzip":
        return gzip.compress(content, _GZIP_LEVEL, mtime=0)
    if compression == "zstd":
        import zstandard  # noqa: PLC0415  # an extra

        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(content)
    return content


def _encoded(encode: Encode) -> bytes:
    try:
        return encode()
    except UNENCODABLE as error:
        raise ConnectorError.serialization(
            f"the record cannot be written as JSON: {error}"
        ) from error


def _later(finish: Callable[..., bytes], *arguments: object) -> Encode:
    return lambda: finish(*arguments)


def _holds(part: _Table, row: CsvRow, limits: Limits) -> bool:
    if len(part.rows) >= limits.rows or part.size + row.size > limits.size:
        return False
    if row.cells.keys() <= part.columns.keys():
        return True
    return len(part.columns.keys() | row.cells.keys()) <= MOST_COLUMNS


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError("a key is no text")
    return name


def _cell(value: Json, *, escape: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _quoted(value, escape=escape)
    text = encode_json(value).decode()
    if text.startswith('"'):  # a date, a decimal or the like, whose JSON is a text
        return _quoted(str(msgspec.json.decode(text)), escape=escape)
    if text == "null":  # NaN and the infinities
        return ""
    return _quoted(text, escape=False) if text[0] in "[{" else text


def _quoted(text: str, *, escape: bool) -> str:
    if escape and text.startswith(_FORMULA_STARTS):
        text = f"'{text}"
    if not text or (not text.isalnum() and _needs_quotes(text)):
        return '"' + text.replace('"', '""') + '"'
    return text


def _needs_quotes(text: str) -> bool:
    special = any(char in text for char in ',"\r\n')
    return special or text[0] in " \t\ufeff" or text[-1] in " \t"
