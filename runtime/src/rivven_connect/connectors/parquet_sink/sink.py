"""The parquet sink: columns are gathered while batches come, and become files at each flush.

At least once: after a crash, the records of a file whose flush was not committed come again, in a
file of another name. pyarrow is imported with the first batch, by nobody who does not use the sink.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rivven_connect import (
    BatchConfig,
    ConfiguredCatalog,
    ConnectorError,
    EventBatch,
    JsonObject,
    SourceEvent,
    WriteResult,
    finish_in_thread,
)
from rivven_connect._stream_paths import PLACEHOLDER, file_name, require_creatable, stream_path
from rivven_connect.connectors.parquet_sink._generated import ParquetSinkBase, ParquetSinkConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from rivven_connect.connectors.parquet_sink.staging import Staging


class ParquetSink(ParquetSinkBase):
    """Writes each stream to files in a folder of its own."""

    takes = "arrow"

    def __init__(self) -> None:
        self._schemas: dict[str, JsonObject] = {}
        self._staging: Staging | None = None

    def batch_config(self, config: ParquetSinkConfig) -> BatchConfig:
        """Return when a file is full."""
        limits = super().batch_config(config)
        return limits.replace(max_wait_ms=config.flush_interval_secs * 1000)

    async def open(self, config: ParquetSinkConfig) -> None:
        """Load what writes Parquet.

        Raises:
            ConnectorError: the extra is not installed.
        """
        await asyncio.to_thread(self._staged)

    async def close(self) -> None:
        """Forget what was not flushed: no checkpoint has passed it."""
        if self._staging is not None:
            await finish_in_thread(self._staging.discard)

    async def check_directory_writable(self, config: ParquetSinkConfig) -> None:
        """Return if files can be made in the folder; nothing is created."""
        await asyncio.to_thread(require_creatable, Path(config.path))

    async def prepare(self, config: ParquetSinkConfig, catalog: ConfiguredCatalog) -> None:
        """Learn the schemas, and remove unfinished files that a crash left.

        Not in `open`, which `check` also calls.
        """
        streams = {one.stream.full_name(): one.stream.json_schema for one in catalog.streams}
        self._schemas.update(streams)
        folders = [_folder(config, stream) for stream in streams]
        await asyncio.to_thread(self._staged().sweep, folders)

    async def write_batches(
        self, config: ParquetSinkConfig, batches: Sequence[EventBatch]
    ) -> WriteResult:
        """Take all of the batches, as columns.

        Raises:
            ConnectorError: none was taken; their columns or a record cannot be stored.
        """
        return await asyncio.to_thread(self._take_batches, config, batches)

    async def write_batch(
        self, config: ParquetSinkConfig, events: Sequence[SourceEvent]
    ) -> WriteResult:
        """Take the events that fit the columns of their stream."""
        return await asyncio.to_thread(self._take_events, config, events)

    async def flush(self, config: ParquetSinkConfig) -> None:
        """Write the files of all that was taken; they are whole, visible and durable after that.

        Where it fails, nothing that was taken counts as written: it has to come again.
        """
        await asyncio.to_thread(
            self._staged().publish,
            compression=config.compression,
            row_group_rows=config.row_group_rows,
        )

    def _take_batches(
        self, config: ParquetSinkConfig, batches: Sequence[EventBatch]
    ) -> WriteResult:
        from rivven_connect._arrow.tables import columns_of  # noqa: PLC0415  # an extra

        taken: list[tuple[str, pa.RecordBatch]] = []
        for batch in batches:
            stream = batch.full_name()
            taken.append((stream, columns_of(batch, self._schemas.get(stream))))
        result = WriteResult()
        self._take(config, taken, result)
        return result

    def _take_events(self, config: ParquetSinkConfig, events: Sequence[SourceEvent]) -> WriteResult:
        from rivven_connect._arrow.tables import fit_events  # noqa: PLC0415  # an extra

        by_stream: dict[str, list[SourceEvent]] = {}
        for event in events:
            by_stream.setdefault(event.full_name(), []).append(event)
        result = WriteResult()
        taken: list[tuple[str, pa.RecordBatch]] = []
        for stream, group in by_stream.items():
            columns, reasons = fit_events(group, self._schemas.get(stream))
            taken.append((stream, columns))
            for index, reason in reasons.items():
                result.add_failed_event(group[index], reason)
        self._take(config, taken, result)
        return result

    def _take(
        self,
        config: ParquetSinkConfig,
        taken: Sequence[tuple[str, pa.RecordBatch]],
        result: WriteResult,
    ) -> None:
        """Keep all of the columns until the next flush, and count them."""
        self._staged().add(
            [(_folder(config, stream), columns) for stream, columns in taken],
            most_rows=config.batch_size,
            most_bytes=config.max_file_bytes,
        )
        for _, columns in taken:
            result.add_success(len(columns), columns.nbytes)

    def _staged(self) -> Staging:
        if self._staging is None:
            try:
                from rivven_connect.connectors.parquet_sink.staging import Staging  # noqa: PLC0415  # an extra
            except ModuleNotFoundError as error:
                raise ConnectorError.configuration(
                    f"the parquet sink needs {error.name}: pip install 'rivven-connect[parquet]'"
                ) from error
            self._staging = Staging()
        return self._staging


def _folder(config: ParquetSinkConfig, stream: str) -> Path:
    if PLACEHOLDER in config.path:
        return Path(stream_path(config.path, stream))
    return Path(config.path, file_name(stream))
