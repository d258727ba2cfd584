"""The csv sink: one row a record, one write a batch, durable at each flush.

At least once: after a crash, rows whose flush did not finish may stand in the file and come again. A
file has one writer, and one header for ever: what has no column is refused, or goes to `extra_column`.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence
from functools import partial

from rivven_connect import (
    ConfiguredCatalog,
    ConfiguredStream,
    ConnectorError,
    SourceEvent,
    WriteResult,
)
from rivven_connect._appended_files import AppendedFiles
from rivven_connect._offload import Offload, finish_in_thread
from rivven_connect._stream_paths import PLACEHOLDER, require_writable, stream_path
from rivven_connect._tables.records import UNFIT, unfit_reason
from rivven_connect.connectors.csv_sink._generated import CsvSinkBase, CsvSinkConfig
from rivven_connect.connectors.csv_sink.records import CsvRecords, columns_of_file
from rivven_connect.connectors.csv_sink.rows import RowFormat, unescaped

_ENDINGS = {"lf": "\n", "crlf": "\r\n"}


class CsvSink(CsvSinkBase):
    """Appends rows to one file, or to one file per stream."""

    def __init__(self) -> None:
        self._files: AppendedFiles | None = None
        self._schemas: dict[str, list[str]] = {}
        self._formats: dict[str, RowFormat] = {}
        self._writes, self._syncs = Offload(), Offload()

    async def open(self, config: CsvSinkConfig) -> None:
        """Refuse one column for two things.

        Raises:
            ConnectorError: the config asks for it.
        """
        if config.extra_column is not None and config.extra_column == config.type_column:
            raise ConnectorError.configuration(
                "`extra_column` and `type_column` are the same column"
            )

    async def close(self) -> None:
        """Close the files."""
        if self._files is not None:
            await finish_in_thread(self._files.close)

    async def check_directory_writable(self, config: CsvSinkConfig) -> None:
        """Return if the files can be written; none is created or changed."""
        await asyncio.to_thread(require_writable, config.path)

    async def prepare(self, config: CsvSinkConfig, catalog: ConfiguredCatalog) -> None:
        """Learn the columns, and repair what a crash left in the files that will be written.

        Not in `open`, which `check` also calls.

        Raises:
            ConnectorError: a file has a header that cannot be written to.
        """
        paths = {}
        for chosen in catalog.streams:
            path = _path(config, chosen.stream.full_name())
            paths[path] = known = self._schemas.setdefault(path, [])
            known += [name for name in _fields(chosen) if name not in known]
        for path, known in paths.items():
            await asyncio.to_thread(self._opened(config).repair, path)
            if path not in self._formats and (config.columns or known):
                await asyncio.to_thread(self._format, config, path, known)

    async def write_batch(
        self, config: CsvSinkConfig, events: Sequence[SourceEvent]
    ) -> WriteResult:
        """Append the events, each file's in one write.

        Raises:
            ConnectorError: a file has a header that cannot be written to.
        """
        result = WriteResult()
        by_path: dict[str, list[SourceEvent]] = {}
        for event in events:
            by_path.setdefault(_path(config, event.full_name()), []).append(event)
        for path, group in by_path.items():
            form = self._formats.get(path)
            if form is None:
                fields = self._schemas.get(path) or _fields_of_records(group)
                form = await asyncio.to_thread(self._format, config, path, fields)
            rows = [row for event in group if (row := _row(form, event, result))]
            if rows:
                written = b"".join(rows)
                append = partial(self._opened(config).append, path, [written], head=form.head())
                await self._writes.run(append)
                result.add_success(len(rows), len(written))
        return result

    async def flush(self, config: CsvSinkConfig) -> None:
        """Bring the appended rows to the disk."""
        await self._syncs.run(self._opened(config).sync)

    def _opened(self, config: CsvSinkConfig) -> AppendedFiles:
        if self._files is None:
            ending = _ENDINGS[config.line_ending].encode()
            self._files = AppendedFiles(CsvRecords(ending, config.delimiter))
        return self._files

    def _format(self, config: CsvSinkConfig, path: str, fields: Sequence[str]) -> RowFormat:
        """Return how the rows of a file look: as its header says, else as config and fields do."""
        own = [name for name in (config.extra_column, config.type_column) if name is not None]
        wanted = [*dict.fromkeys([*(config.columns or fields), *own])]
        self._opened(config).repair(path)
        columns = _existing(path, config.delimiter) or wanted
        if config.escape_formulas:
            columns = [unescaped(name, wanted) for name in columns]
        missing = [name for name in own if name not in columns]
        if missing:
            raise ConnectorError.configuration(
                f"{path} has no column {missing[0]!r}; write to another file, or without the option"
            )
        found = RowFormat(
            columns,
            delimiter=config.delimiter,
            ending=_ENDINGS[config.line_ending],
            extra_column=config.extra_column,
            type_column=config.type_column,
            escape_formulas=config.escape_formulas,
        )
        if columns:
            self._formats[path] = found
        return found


def _existing(path: str, delimiter: str) -> list[str] | None:
    try:
        columns = columns_of_file(path, delimiter)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConnectorError.configuration(
            f"{path} has no header that can be read; write to another file"
        ) from error
    if columns and len(set(columns)) != len(columns):
        raise ConnectorError.configuration(
            f"{path} has two columns of one name; write to another file"
        )
    return columns


def _fields(chosen: ConfiguredStream) -> list[str]:
    """Return the fields that a stream's schema declares, those only that the pipeline chose."""
    declared = chosen.stream.json_schema.get("properties", {})
    return [name for name in declared if chosen.fields is None or name in chosen.fields]


def _fields_of_records(events: Sequence[SourceEvent]) -> list[str]:
    records = [event.after() for event in events]
    return list(dict.fromkeys(key for one in records if isinstance(one, dict) for key in one))


def _row(form: RowFormat, event: SourceEvent, result: WriteResult) -> bytes:
    try:
        return form.row(event)
    except UNFIT as error:
        result.add_failed_event(event, unfit_reason(error))
        return b""


def _path(config: CsvSinkConfig, stream: str) -> str:
    return stream_path(config.path, stream) if PLACEHOLDER in config.path else config.path
