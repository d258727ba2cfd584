"""Records as the columns of Parquet objects; imported where the format is Parquet, as pyarrow is an extra."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rivven_connect import EventBatch, JsonObject, SourceEvent
from rivven_connect._arrow import to_rows
from rivven_connect._arrow.gathering import Gathered
from rivven_connect._arrow.tables import columns_of, fit_events
from rivven_connect.connectors.s3_sink._generated import S3SinkConfig
from rivven_connect.connectors.s3_sink.gathering import Encode
from rivven_connect.connectors.s3_sink.places import by_folder, by_time, time_folder
from rivven_connect.connectors.s3_sink.taking import Taken, folder


class ColumnsForm:
    """Records as columns."""

    def __init__(
        self,
        config: S3SinkConfig,
        schemas: dict[str, JsonObject],
        started: datetime.datetime,
    ) -> None:
        self._config = config
        self._schemas = schemas
        self._started = started
        self._storable = Gathered()

    def batch(self, batch: EventBatch) -> Iterator[Taken]:
        """Yield the columns of a batch."""
        stream = batch.full_name()
        columns = columns_of(batch, self._schemas.get(stream))
        times = by_time(self._config, batch.timestamps)
        if not times or batch.timestamps is None:
            yield from self._folders(stream, batch.timestamp, columns)
            return
        for indexes in times.values():
            some = columns.take(pa.array(indexes))
            yield from self._folders(stream, batch.timestamps[indexes[0]], some)

    def events(self, events: Sequence[SourceEvent], refused: dict[int, str]) -> Iterator[Taken]:
        """Yield the columns of the events that fit."""
        by_time: dict[str, list[int]] = {}
        for index, event in enumerate(events):
            moment = time_folder(self._config, event.timestamp or self._started)
            by_time.setdefault(moment, []).append(index)
        for indexes in by_time.values():
            group = [events[index] for index in indexes]
            stream = group[0].full_name()
            columns, reasons = fit_events(group, self._schemas.get(stream))
            refused |= {indexes[at]: reason for at, reason in reasons.items()}
            yield from self._folders(stream, group[0].timestamp, columns)

    def gathering(self, stream: str) -> GatheredColumns:
        """Return a place for columns."""
        return GatheredColumns(self._config.compression)

    def add(self, gathering: GatheredColumns, taken: Taken) -> None:
        """Keep the columns."""
        gathering.add(
            taken.content,
            most_rows=self._config.batch_size,
            most_bytes=self._config.max_file_bytes,
        )

    def _folders(
        self, stream: str, moment: datetime.datetime | None, columns: pa.RecordBatch
    ) -> Iterator[Taken]:
        if not columns.num_rows:
            return
        self._storable.require_storable(columns.schema)
        for below, part in self._parts(columns):
            place = folder(self._config, stream, moment or self._started, below)
            yield Taken(stream, place, part, part.num_rows, part.nbytes)

    def _parts(self, columns: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        fields = self._config.partition_fields
        if not fields:
            yield "", columns
            return
        known = [name for name in fields if name in columns.schema.names]
        rows: Sequence[Any] = to_rows(columns.select(known)) if known else [{}] * len(columns)
        folders = by_folder(fields, rows)
        for below, indexes in folders.items():
            yield below, columns if len(folders) == 1 else columns.take(pa.array(indexes))


class GatheredColumns(Gathered):
    """Columns of a folder, and how they become objects."""

    def __init__(self, compression: str) -> None:
        super().__init__()
        self._compression = compression

    def files(self) -> Iterator[tuple[int, Encode]]:
        """Yield the objects."""
        for table in self.tables():
            yield table.num_rows, self._later(table)

    def _later(self, table: pa.Table) -> Encode:
        def encode() -> bytes:
            out = pa.BufferOutputStream()
            pq.write_table(table, out, compression=self._compression)
            content: bytes = out.getvalue().to_pybytes()
            return content

        return encode
