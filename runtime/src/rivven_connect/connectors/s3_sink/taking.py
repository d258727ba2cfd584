"""From batches and events to what is gathered, format by format."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from rivven_connect import ConnectorError, EventBatch, EventType, Json, JsonObject, SourceEvent
from rivven_connect._changes import TAKEN, TYPE, kind_of, record_of
from rivven_connect.connectors.s3_sink._generated import S3SinkConfig
from rivven_connect.connectors.s3_sink.gathering import (
    CsvRow,
    GatheredLines,
    GatheredRows,
    Gathering,
    Limits,
    as_array,
    as_csv,
    as_lines,
    compressed,
    csv_row,
    json_lines,
    lines_of,
)
from rivven_connect.connectors.s3_sink.places import by_folder, by_time, stream_folder, time_folder

if TYPE_CHECKING:
    from rivven_connect.connectors.s3_sink.columns import ColumnsForm


class Taken(msgspec.Struct, frozen=True):
    """Records of one folder, ready to be gathered; `content` is the form's own."""

    stream: str
    folder: str
    content: Any
    rows: int
    size: int


class Form(Protocol):
    """How a format takes records; only its own `add` knows what `content` is."""

    def batch(self, batch: EventBatch) -> Iterator[Taken]:
        """Yield what a batch holds; raises where a record of it cannot be written."""

    def events(self, events: Sequence[SourceEvent], refused: dict[int, str]) -> Iterator[Taken]:
        """Yield what the events of one stream hold, and note why others are refused, by index."""

    def gathering(self, stream: str) -> Gathering:
        """Return a place for the records of a folder."""

    def add(self, gathering: Any, taken: Taken) -> None:
        """Keep what was taken of a folder."""


class RecordForm:
    """Records as text: JSON, JSON Lines, or CSV."""

    def __init__(
        self,
        config: S3SinkConfig,
        schemas: dict[str, JsonObject],
        started: datetime.datetime,
    ) -> None:
        self._config = config
        self._schemas = schemas
        self._started = started
        self._limits = Limits(config.batch_size, config.max_file_bytes)
        self._is_csv = config.format == "csv"

    def batch(self, batch: EventBatch) -> Iterator[Taken]:
        """Yield the records, as lines that the engine has encoded already where that will do."""
        stream = batch.full_name()
        times = by_time(self._config, batch.timestamps)
        if any(one is not EventType.RECORD for one in batch.event_types or ()):
            records = [_row(event) for event in batch.events()]
        elif self._is_csv or self._config.partition_fields or times:
            records = batch.rows()
        else:
            lines = lines_of(batch)
            folder = self._folder(stream, batch.timestamp, "")
            yield Taken(stream, folder, lines, len(batch), len(lines))
            return
        if not times or batch.timestamps is None:
            yield from self._records(stream, batch.timestamp, records)
            return
        for indexes in times.values():
            some = [records[index] for index in indexes]
            yield from self._records(stream, batch.timestamps[indexes[0]], some)

    def events(self, events: Sequence[SourceEvent], refused: dict[int, str]) -> Iterator[Taken]:
        """Yield the records that text can hold."""
        by_time: dict[str, list[tuple[SourceEvent, Json]]] = {}
        for index, event in enumerate(events):
            try:
                row = _row(event)
                self._encoded([row])
            except ConnectorError as error:
                refused[index] = error.message
                continue
            moment = time_folder(self._config, event.timestamp or self._started)
            by_time.setdefault(moment, []).append((event, row))
        for group in by_time.values():
            first = group[0][0]
            yield from self._records(first.full_name(), first.timestamp, [row for _, row in group])

    def gathering(self, stream: str) -> Gathering:
        """Return a place for lines, or for rows with the columns of the stream's schema."""
        compression = self._config.compression
        if self._is_csv:
            escape = self._config.escape_formulas
            declared = list(self._schemas.get(stream, {}).get("properties", {}))
            return GatheredRows(
                lambda columns, rows: compressed(as_csv(columns, rows, escape=escape), compression),
                declared,
            )
        join = as_array if self._config.format == "json" else as_lines
        return GatheredLines(lambda chunks: compressed(join(chunks), compression))

    def add(self, gathering: Any, taken: Taken) -> None:
        """Keep the lines or rows."""
        if self._is_csv:
            gathering.add(taken.content, self._limits)
        else:
            gathering.add(taken.content, taken.rows, self._limits)

    def _records(
        self, stream: str, moment: datetime.datetime | None, records: list[Json]
    ) -> Iterator[Taken]:
        fields = self._config.partition_fields
        folders = by_folder(fields, records) if fields else {"": range(len(records))}
        for below, indexes in folders.items():
            content = self._encoded([records[index] for index in indexes])
            size = len(content) if isinstance(content, bytes) else sum(one.size for one in content)
            folder = self._folder(stream, moment, below)
            yield Taken(stream, folder, content, len(indexes), size)

    def _encoded(self, records: list[Json]) -> bytes | list[CsvRow]:
        if self._is_csv:
            make = partial(csv_row, escape=self._config.escape_formulas)
            return list(map(make, records))
        return json_lines(records)

    def _folder(self, stream: str, moment: datetime.datetime | None, below: str) -> str:
        return folder(self._config, stream, moment or self._started, below)


def form_of(
    config: S3SinkConfig, schemas: dict[str, JsonObject], started: datetime.datetime
) -> RecordForm | ColumnsForm:
    """Return what takes records for the config's format.

    Raises:
        ConnectorError: an extra is not installed.
    """
    try:
        if config.format == "parquet":
            from rivven_connect.connectors.s3_sink.columns import ColumnsForm  # noqa: PLC0415  # an extra

            return ColumnsForm(config, schemas, started)
        if config.compression == "zstd":
            import zstandard  # noqa: F401, PLC0415  # an extra
    except ModuleNotFoundError as error:
        extra = "s3,parquet" if config.format == "parquet" else "s3"
        raise ConnectorError.configuration(
            f"the s3 sink needs {error.name}: pip install 'rivven-connect[{extra}]'"
        ) from error
    return RecordForm(config, schemas, started)


def folder(config: S3SinkConfig, stream: str, moment: datetime.datetime, below: str) -> str:
    """Return the folder of a stream, a time and the fields' values."""
    parts: Iterable[str] = (stream_folder(config, stream), time_folder(config, moment), below)
    return "/".join(filter(None, parts))


def _row(event: SourceEvent) -> Json:
    """Return the record of an event; a change has a field that says so.

    Raises:
        ConnectorError: it is a change, and cannot have that field.
    """
    row = record_of(event)
    kind = kind_of(event)
    if kind is None:
        return row
    if not isinstance(row, dict):
        raise ConnectorError.schema("the changed record is no object")
    if TYPE in row:
        raise ConnectorError.schema(TAKEN)
    return {**row, TYPE: kind}
