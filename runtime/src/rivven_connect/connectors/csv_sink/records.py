"""Where a record of a CSV file ends, which a line end inside quotes does not say."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator

from rivven_connect import ConnectorError
from rivven_connect._appended_files import RecordFormat

_BLOCK_BYTES = 1024 * 1024


class CsvRecords(RecordFormat):
    """Rows that end with a line end outside quotes.

    Of a last row without one nobody can say whether it is whole: `12` may have become `123`, and `"a"`
    have become `"a""b"`. What is cut off is therefore kept in a file beside.
    """

    keeps_torn = True

    def __init__(self, ending: bytes, delimiter: str) -> None:
        self.ending = ending
        self._delimiter = delimiter

    def start_of_last(self, path: str, descriptor: int, size: int) -> int:
        """Return the offset behind the last row that has its ending.

        The file is read for that, and parsed only where it seems to be torn.

        Raises:
            ConnectorError: it is torn, and no CSV.
        """
        quotes = sum(
            os.pread(descriptor, _BLOCK_BYTES, start).count(b'"')
            for start in range(0, size, _BLOCK_BYTES)
        )
        if not size or (quotes % 2 == 0 and os.pread(descriptor, 1, size - 1) == b"\n"):
            return size
        lines = _Lines(descriptor)
        end = 0
        csv.field_size_limit(max(csv.field_size_limit(), size))
        try:
            for _ in csv.reader(lines, delimiter=self._delimiter, strict=True):
                if lines.are_ended:
                    end = lines.offset
        except csv.Error as error:
            if not lines.are_over:
                raise ConnectorError.configuration(
                    f"{path} is no CSV that can be appended to ({error}); write to another file"
                ) from error
        return end


class _Lines:
    """The lines of a file as texts; `offset` is behind the last one that was given."""

    def __init__(self, descriptor: int) -> None:
        self.offset = 0
        self.are_ended = self.are_over = False
        self._file = os.fdopen(os.dup(descriptor), "rb")
        self._file.seek(0)

    def __iter__(self) -> Iterator[str]:
        with self._file:
            for line in self._file:
                self.offset += len(line)
                self.are_ended = line.endswith(b"\n")
                yield line.decode("utf-8", "surrogateescape")
        self.are_over = True


def columns_of_file(path: str, delimiter: str) -> list[str] | None:
    """Return the cells of the first record of a file; None where there is no file, or an empty one.

    Raises:
        csv.Error: it is no CSV, or of blank lines alone.
        UnicodeDecodeError: it is not UTF-8.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=delimiter, strict=True)
            header = next(filter(None, rows), None)
    except FileNotFoundError:
        return None
    if header is None and rows.line_num:
        raise csv.Error("blank lines alone")
    return header
