"""From the content of an object to pieces of records, format by format.

Each reader is a generator that blocks, hence is advanced in a thread.
"""

from __future__ import annotations

import codecs
import csv
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import msgspec

from rivven_connect import Json, JsonObject
from rivven_connect._json import decode_json, decode_lines

_BLOCK_BYTES = 128 * 1024
_PIECE_ROWS = 1_000
_COLUMN_ROWS = 8_192

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class UnreadableError(Exception):
    """The content is not what its format says, and nothing can be read behind the place."""


class Piece(msgspec.Struct):
    """Records `first` and following of an object; the rest of it is read from `at` on."""

    records: Any
    first: int
    at: JsonObject
    size: int | None = None


class Bad(msgspec.Struct):
    """One record that cannot be parsed."""

    raw: bytes
    error: str
    index: int


Reader = Callable[[BinaryIO, JsonObject, int], Iterator[Piece | Bad]]
"""Reads a file from a resume point on; the number is the most bytes of a record."""


def json_lines(file: BinaryIO, at: JsonObject, most: int) -> Iterator[Piece | Bad]:
    """Yield the lines; one that is blank is none, and the last one may lack its newline."""
    offset, index = int(at.get("offset", 0)), int(at.get("record", 0))
    _skip(file, offset)
    tail = b""
    while True:
        block = file.read(_BLOCK_BYTES)
        whole = tail + block
        cut = whole.rfind(b"\n") + 1 if block else len(whole)
        lines, tail = whole[:cut], whole[cut:]
        if len(tail) > most:
            raise _too_long(most)
        if lines:
            if offset == 0:
                text = lines.removeprefix(codecs.BOM_UTF8)
                offset, lines = len(lines) - len(text), text
            for found in _pieces_of_lines(lines, offset, index, most):
                if isinstance(found, Piece):
                    offset, index = found.at["offset"], found.at["record"]
                yield found
        if not block:
            return


def json_document(file: BinaryIO, at: JsonObject, most: int) -> Iterator[Piece | Bad]:
    """Yield the elements of one array, or the one value that is none; it is held whole."""
    raw = file.read(most + 1)
    if len(raw) > most:
        raise _too_long(most)
    try:
        found = decode_json(raw.removeprefix(codecs.BOM_UTF8))
    except _UNREADABLE as error:
        yield Bad(raw, str(error), 0)
        return
    records = found if isinstance(found, list) else [found]
    for start in range(int(at.get("record", 0)), len(records), _PIECE_ROWS):
        some = records[start : start + _PIECE_ROWS]
        yield Piece(some, start, {"record": start + len(some)})


def csv_rows(file: BinaryIO, at: JsonObject, most: int) -> Iterator[Piece | Bad]:
    """Yield a record a row (RFC 4180): texts, by the names in the header."""
    lines = _CsvLines(file, most)
    csv.field_size_limit(max(csv.field_size_limit(), most))
    rows = csv.reader(lines, strict=True)
    names = next(filter(None, rows), [])
    lines.raw.decode()
    if len(set(names)) < len(names):
        raise UnreadableError("two columns of its header have the same name")
    lines.next_row()
    done = int(at.get("record", 0))
    records: list[Json] = []
    size = 0
    for index in itertools.count():
        raw, found = _csv_row(rows, lines)
        if found is None and not raw:
            break
        if index < done:
            continue
        error = _csv_error(raw, found, names)
        if not error and found is not None:
            records.append(dict(zip(names, found, strict=True)))
            size += len(raw)
        if records and (error or len(records) == _PIECE_ROWS or size > _BLOCK_BYTES):
            end = index if error else index + 1
            yield Piece(records, end - len(records), {"record": end}, size)
            records, size = [], 0
        if error:
            yield Bad(raw.rstrip(b"\r\n"), error, index)
            yield Piece([], index + 1, {"record": index + 1})
    if records:
        yield Piece(records, index - len(records), {"record": index}, size)


def parquet_rows(file: BinaryIO, at: JsonObject, most: int) -> Iterator[Piece | Bad]:
    """Yield the rows as columns, a row group after the other."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # an extra

    from rivven_connect._arrow.schema import name_given_twice  # noqa: PLC0415  # imports pyarrow

    done, index = int(at.get("record", 0)), 0
    with pq.ParquetFile(file, pre_buffer=False, buffer_size=_BLOCK_BYTES) as found:
        if name_given_twice(found.schema_arrow) is not None:
            raise UnreadableError("two of its columns have the same name")
        for group in range(found.num_row_groups):
            rows = found.metadata.row_group(group).num_rows
            if index + rows <= done:
                index += rows
                continue
            for batch in found.iter_batches(
                batch_size=_COLUMN_ROWS, row_groups=[group], use_threads=False
            ):
                start = max(0, done - index)
                index += batch.num_rows
                left = batch.slice(start)
                if left.num_rows:
                    yield Piece(left, index - left.num_rows, {"record": index}, left.nbytes)


READERS: Mapping[str, Reader] = {
    "jsonl": json_lines,
    "json": json_document,
    "csv": csv_rows,
    "parquet": parquet_rows,
}


def _pieces_of_lines(lines: bytes, offset: int, index: int, most: int) -> Iterator[Piece | Bad]:
    """Yield the records of whole lines; line by line only where one of them is blank or bad."""
    end = offset + len(lines)
    count = lines.count(b"\n") + (not lines.endswith(b"\n"))
    if len(lines) <= most:
        try:
            records = decode_lines(lines)
        except _UNREADABLE:
            records = []
        if len(records) == count:
            at: JsonObject = {"offset": end, "record": index + count}
            yield Piece(records, index, at, len(lines))
            return
    good: list[Json] = []
    size = 0
    for line in lines.split(b"\n")[:count]:
        if len(line) > most:
            raise _too_long(most)
        bad = None
        if line and not line.isspace():
            try:
                good.append(decode_json(line))
                size += len(line)
            except _UNREADABLE as error:
                bad = Bad(line.rstrip(b"\r"), str(error), index + len(good))
        if bad is not None:
            index += len(good)
            yield Piece(good, index - len(good), {"offset": offset, "record": index}, size)
            yield bad
            good, size, index = [], 0, index + 1
        offset = min(offset + len(line) + 1, end)
        if bad is not None:
            yield Piece([], index, {"offset": offset, "record": index})
    yield Piece(good, index, {"offset": end, "record": index + len(good)}, size)


class _CsvLines:
    """The lines of a CSV file; those of the row at hand are kept, as a row may have several."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file = file
        self._most = most
        self._is_first = True
        self.raw = b""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(self._most + 1)
        self.raw += line
        if len(self.raw) > self._most:
            raise _too_long(self._most)
        if not line:
            raise StopIteration
        if self._is_first:
            line, self._is_first = line.removeprefix(codecs.BOM_UTF8), False
        return line.decode("utf-8", "surrogateescape")

    def next_row(self) -> None:
        """Forget the row at hand."""
        self.raw = b""


def _csv_row(rows: Iterator[list[str]], lines: _CsvLines) -> tuple[bytes, list[str] | None]:
    """Return the next row as it stands in the file, and its cells; blank lines are none."""
    while True:
        lines.next_row()
        try:
            found = next(rows, None)
        except csv.Error:
            return lines.raw, None
        if found != []:
            return lines.raw, found


def _csv_error(raw: bytes, found: list[str] | None, names: list[str]) -> str:
    """Return what is wrong with a row, if anything."""
    if found is None:
        return "the row is not CSV: a quote is missing or stands in the middle of a cell"
    if len(found) != len(names):
        return f"the row has {len(found)} cells, and the header {len(names)}"
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return str(error)
    return ""


def _skip(file: BinaryIO, offset: int) -> None:
    """Go to an offset; by seeking where the file can."""
    if file.seekable():
        file.seek(offset)
        return
    while offset > 0:
        read = file.read(min(offset, _BLOCK_BYTES))
        if not read:
            raise UnreadableError("it ends before the place that was read up to")
        offset -= len(read)


def _too_long(most: int) -> UnreadableError:
    return UnreadableError(
        f"it has a record of more than {most} bytes; raise `max_record_bytes` if that is right"
    )
