"""From lines to records: Python's csv reader, strict, with the lines that each record takes.

A record may have line ends inside quotes. What is no CSV is told with its own lines, and the next line
begins a record again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

import msgspec

from rivven_connect.connectors.csv_source._generated import CsvSourceConfig

_UNCLOSED = "a quote is not closed"


class Record(msgspec.Struct, gc=False):
    """One record: its cells, or why it has none. It is made of `lines` lines; a blank one has no cells."""

    lines: int
    cells: list[str]
    error: str | None = None


class _Lines:
    """The lines of a block for one reader, which knows how far it has read."""

    def __init__(self, texts: Sequence[str], index: int = 0) -> None:
        self._texts = texts
        self.index = index
        self.wants_more = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.index == len(self._texts):
            self.wants_more = True
            raise StopIteration
        self.index += 1
        return self._texts[self.index - 1]


class Parser:
    """Parses blocks of lines; what is left over of one comes before the next."""

    def __init__(self, config: CsvSourceConfig) -> None:
        self._encoding = config.encoding
        self._most_bytes = config.max_record_bytes
        self._delimiter, self._quote = config.delimiter, config.quote
        csv.field_size_limit(max(csv.field_size_limit(), config.max_record_bytes))

    def parse(self, lines: Sequence[bytes], *, last: bool) -> list[Record]:
        """Return the whole records of the lines; without `last`, the end of one may be missing.

        The lines that no record takes are then the beginning of the next one.
        """
        try:
            texts = [line.decode(self._encoding) for line in lines]
        except UnicodeDecodeError:
            return self._marked(lines, last=last)
        try:
            rows = list(self._reader(_Lines(texts)))
        except csv.Error:
            return self._one_by_one(lines, texts, last=last)
        if len(rows) == len(texts):
            return [Record(1, row) for row in rows]
        return self._one_by_one(lines, texts, last=last)

    def _marked(self, lines: Sequence[bytes], *, last: bool) -> list[Record]:
        """Parse lines some of which are not text; the records that have one of those have an error."""
        texts = [line.decode(self._encoding, "surrogateescape") for line in lines]
        found = self._one_by_one(lines, texts, last=last)
        start = 0
        for record in found:
            try:
                b"".join(lines[start : start + record.lines]).decode(self._encoding)
            except UnicodeDecodeError:
                record.cells, record.error = [], f"the text is not {self._encoding}"
            start += record.lines
        return found

    def _one_by_one(
        self, lines: Sequence[bytes], texts: Sequence[str], *, last: bool
    ) -> list[Record]:
        found: list[Record] = []
        source = _Lines(texts)
        reader = self._reader(source)
        start = 0
        while start < len(texts):
            try:
                record = Record(0, next(reader))
            except csv.Error as error:
                if not source.wants_more:
                    record = Record(0, [], _told(error))
                elif not last and sum(map(len, lines[start:])) <= self._most_bytes:
                    break
                else:  # the line with the open quote is to blame, and not what it has swallowed
                    record = Record(0, [], _UNCLOSED)
                    source = _Lines(texts, start + 1)
                    reader = self._reader(source)
            record.lines = source.index - start
            found.append(record)
            start = source.index
        return found

    def _reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        return csv.reader(
            lines, delimiter=self._delimiter, quotechar=self._quote, doublequote=True, strict=True
        )


def _told(error: csv.Error) -> str:
    """Return what is wrong with a record; the reader's word on line ends is advice on opening files."""
    text = str(error)
    return "a cell without quotes holds a carriage return" if "new-line" in text else text
