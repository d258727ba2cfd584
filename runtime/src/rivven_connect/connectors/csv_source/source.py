"""The csv source: one stream a file, one record a row, read in order.

The header is read at each start and never counts as a record. A last record without a line end is read
like any other: it is taken for complete. Somebody who is still writing it is found out at the next
run, not overlooked. Blank lines are skipped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence

from rivven_connect import (
    Catalog,
    ConfiguredCatalog,
    EventBatch,
    Item,
    Json,
    Poison,
    State,
    Stream,
    SyncMode,
    finish_in_thread,
)
from rivven_connect._file_position import Position, saved_place
from rivven_connect._line_reader import open_file
from rivven_connect.connectors.csv_source._generated import CsvSourceBase, CsvSourceConfig
from rivven_connect.connectors.csv_source.cells import Cells
from rivven_connect.connectors.csv_source.columns import (
    Columns,
    columns_of,
    line_reader,
    without_mark,
)
from rivven_connect.connectors.csv_source.parsing import Parser, Record

_log = logging.getLogger("rivven_connect.files")

_DELIMITERS = frozenset(",;|\t")
"""What files mostly have between two cells."""


class CsvSource(CsvSourceBase):
    """Reads the rows of a file as records.

    Its state is where it stands, `{"offset", "fingerprint"}`; an event's position is the byte at
    which its record starts. Read as `full_refresh`, a reading that came to the end of the file also
    notes `complete`, and the next one starts over.
    """

    async def check_file_readable(self, config: CsvSourceConfig) -> None:
        """Return if the file can be read."""
        await asyncio.to_thread(lambda: open_file(config.path).close())

    async def check_columns_known(self, config: CsvSourceConfig) -> None:
        """Return if each column has a name of its own, and the config's columns are there."""
        await asyncio.to_thread(columns_of, config)

    async def discover(self, config: CsvSourceConfig) -> Catalog:
        """Return the one stream, with the columns that the header names."""
        columns = await asyncio.to_thread(columns_of, config)
        stream = Stream(
            name=config.stream,
            json_schema=columns.schema(nullable=config.null_text is not None),
            supported_sync_modes=[SyncMode.INCREMENTAL, SyncMode.FULL_REFRESH],
        )
        return Catalog.single_stream(stream)

    async def read(
        self, config: CsvSourceConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        """Yield batches of records from where `state` says; rows that are none as `Poison`."""
        chosen = catalog.find_stream(config.stream)
        if chosen is None:
            return
        reader = line_reader(config)
        try:
            columns = await asyncio.to_thread(columns_of, config)
            _doubt_delimiter(config, columns)
            position = await finish_in_thread(lambda: reader.open(saved_place(chosen, state)))
            blocks = Blocks(config, columns, position)
            while True:
                lines = await finish_in_thread(reader.read)
                for item in blocks.items(lines):
                    yield item
                if not lines:
                    break
        finally:
            await finish_in_thread(reader.close)
        if chosen.sync_mode is SyncMode.FULL_REFRESH:
            end = {**position.to_state(), "complete": True}
            yield EventBatch(stream=config.stream, records=[], state=end)


def _doubt_delimiter(config: CsvSourceConfig, columns: Columns) -> None:
    """Warn of a single column whose name looks like several."""
    if len(columns.names) == 1 and config.header and set(columns.names[0]) & _DELIMITERS:
        _log.warning("%s has one column, %s: is `delimiter` right?", config.path, columns.names[0])


class Blocks:
    """Turns blocks of lines into batches, and moves the position behind each before it is given."""

    def __init__(self, config: CsvSourceConfig, columns: Columns, position: Position) -> None:
        self._config = config
        self._columns = columns
        self._position = position
        self._parser = Parser(config)
        self._cells = Cells(config, columns)
        self._left: list[bytes] = []
        self._header_due = config.header and position.offset == 0

    def items(self, lines: Sequence[bytes]) -> Iterator[Item]:
        """Yield what a block holds; an empty one stands for the end of the file."""
        raw = [*self._left, *lines]
        shown = without_mark(raw) if self._position.offset == 0 else raw
        records = self._parser.parse(shown, last=not lines)
        end = sum(record.lines for record in records)
        self._left = raw[end:]
        if records:
            yield from self._batches(raw[:end], shown, records)

    def _batches(
        self, raw: Sequence[bytes], shown: Sequence[bytes], records: Sequence[Record]
    ) -> Iterator[Item]:
        """Yield the records in batches, between the rows that cannot be one."""
        starts, rows = self._rows(records)

        def text_of(index: int) -> str:
            start = starts[index]
            text = b"".join(shown[start : start + rows[index].lines])
            return text.decode(self._config.encoding)

        reasons = {
            index: reason
            for index, record in enumerate(rows)
            if (reason := record.error or self._cells.fits(record.cells)) is not None
        }
        blank = [" "] * len(self._columns.names)  # in the place of a row that is none
        cells = [blank if index in reasons else one.cells for index, one in enumerate(rows)]
        values = self._cells.values(cells, text_of, late := dict[int, str]())
        reasons = {**late, **reasons}
        made: list[Json] = [
            dict(zip(self._columns.names, row, strict=True)) for row in zip(*values, strict=True)
        ]
        first = line = 0
        offsets = self._offsets(raw, starts)
        for index in sorted(reasons):
            yield from self._batch(
                made[first:index], offsets[first:index], raw[line : starts[index]]
            )
            first, line = index + 1, starts[index]
            text = b"".join(raw[line : line + rows[index].lines]).rstrip(b"\r\n")
            yield Poison(self._config.stream, text, reasons[index], offsets[index])
        yield from self._batch(made[first:], offsets[first:], raw[line:])

    def _rows(self, records: Sequence[Record]) -> tuple[list[int], list[Record]]:
        """Return the records that are neither blank nor the header, and the first line of each."""
        starts: list[int] = []
        rows: list[Record] = []
        line = 0
        for record in records:
            if record.cells or record.error is not None:
                if self._header_due:
                    self._header_due = False
                else:
                    starts.append(line)
                    rows.append(record)
            line += record.lines
        return starts, rows

    def _offsets(self, raw: Sequence[bytes], starts: Sequence[int]) -> list[int]:
        """Return the byte at which each record starts."""
        found: list[int] = []
        offset, line = self._position.offset, 0
        for start in starts:
            offset += sum(map(len, raw[line:start]))
            line = start
            found.append(offset)
        return found

    def _batch(
        self, records: list[Json], offsets: list[int], raw: Sequence[bytes]
    ) -> Iterator[EventBatch]:
        """Yield the records, if any, under a state that covers all of `raw`."""
        if raw:
            joined = b"".join(raw)
            self._position.advance(joined)
            yield EventBatch(
                stream=self._config.stream,
                records=records,
                positions=offsets,
                size=len(joined),
                state=self._position.to_state(),
            )
