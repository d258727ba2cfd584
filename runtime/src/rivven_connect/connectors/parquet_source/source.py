"""The parquet source: files in the order of their names, row group by row group, as Arrow batches.

Columns pass untouched to sinks that take them. Each file has a state of its own, as a partition of the
stream: what is finished is not read again, and the state that is saved does not grow with the files.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from rivven_connect import (
    Catalog,
    ConfiguredCatalog,
    ConfiguredStream,
    ConnectorError,
    EventBatch,
    Item,
    State,
    Stream,
    SyncMode,
    finish_in_thread,
)
from rivven_connect.connectors.parquet_source._generated import (
    ParquetSourceBase,
    ParquetSourceConfig,
)
from rivven_connect.connectors.parquet_source.files import (
    Found,
    Place,
    list_files,
    place_of,
    resumed,
)

if TYPE_CHECKING:
    from rivven_connect.connectors.parquet_source.reader import FileReader


class ParquetSource(ParquetSourceBase):
    """Reads the files that are there when a run starts.

    The state of a file is its size, time and footer, the next row group, and whether it is finished; an
    event's position is the file's name and the row's number. Read as `full_refresh`, all files are read
    anew once all have been read.
    """

    async def open(self, config: ParquetSourceConfig) -> None:
        """Load what reads Parquet.

        Raises:
            ConnectorError: the extra is not installed.
        """
        await asyncio.to_thread(_file_reader, config, "")

    async def check_files_readable(self, config: ParquetSourceConfig) -> None:
        """Return if the files can be listed and the last one read, with the columns that are wanted."""
        await asyncio.to_thread(_catalog, config)

    async def discover(self, config: ParquetSourceConfig) -> Catalog:
        """Return the one stream, with the columns of the last file."""
        return await asyncio.to_thread(_catalog, config)

    async def read(
        self, config: ParquetSourceConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        """Yield the rows of each file from where `state` says."""
        chosen = catalog.find_stream(config.stream)
        if chosen is None:
            return
        known = state or State()
        sync = _sync(chosen, known)
        for found in await asyncio.to_thread(list_files, config.path):
            saved = known.get_stream(f"{config.stream}/{found.name}")
            place = await asyncio.to_thread(_place, found, saved.to_json() if saved else {}, sync)
            if not place.complete:
                async for batch in _read_file(config, found, place):
                    yield batch
        if sync:
            yield EventBatch(stream=config.stream, records=[], state={"complete": sync})


async def _read_file(
    config: ParquetSourceConfig, found: Found, place: Place
) -> AsyncIterator[EventBatch]:
    """Yield the rows of a file, with its place behind each row group."""
    from rivven_connect.connectors.parquet_source.reader import RowPositions  # noqa: PLC0415  # an extra

    reader = _file_reader(config, found.path)
    try:
        while (
            piece := await finish_in_thread(functools.partial(reader.next, place.row_group))
        ) is not None:
            if piece.row_group is not None:
                place = msgspec.structs.replace(
                    place, row_group=piece.row_group, complete=piece.is_last
                )
            rows = range(piece.first, piece.first + len(piece.rows))
            yield EventBatch(
                stream=config.stream,
                partition=found.name,
                records=piece.rows,
                positions=RowPositions(found.name, rows),
                state=place.to_state() if piece.row_group is not None else None,
            )
    finally:
        await finish_in_thread(reader.close)
    if not place.complete:
        end = msgspec.structs.replace(place, complete=True).to_state()
        yield EventBatch(stream=config.stream, partition=found.name, records=[], state=end)


def _sync(chosen: ConfiguredStream, state: State) -> int:
    """Return the number of the full refresh that is under way or begins; 0 where there is none."""
    if chosen.sync_mode is not SyncMode.FULL_REFRESH:
        return 0
    saved = state.get_stream(chosen.stream.full_name())
    return (saved.get("complete", int, 0) if saved else 0) + 1


def _place(found: Found, saved: dict[str, object], sync: int) -> Place:
    """Return where to go on in a file; at its start where nothing of it counts yet."""
    if saved and saved.get("sync") == sync:
        return resumed(found, saved)
    return msgspec.structs.replace(place_of(found), sync=sync)


def _catalog(config: ParquetSourceConfig) -> Catalog:
    from rivven_connect.connectors.parquet_source.reader import json_schema  # noqa: PLC0415  # an extra

    schema = {}
    if files := list_files(config.path):
        place_of(files[-1])
        reader = _file_reader(config, files[-1].path)
        try:
            schema = json_schema(reader.schema())
        finally:
            reader.close()
    stream = Stream(
        name=config.stream,
        json_schema=schema,
        supported_sync_modes=[SyncMode.INCREMENTAL, SyncMode.FULL_REFRESH],
    )
    return Catalog.single_stream(stream)


def _file_reader(config: ParquetSourceConfig, path: str) -> FileReader:
    try:
        from rivven_connect.connectors.parquet_source.reader import FileReader  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise ConnectorError.configuration(
            f"the parquet source needs {error.name}: pip install 'rivven-connect[parquet]'"
        ) from error
    return FileReader(path, columns=config.columns, batch_rows=config.batch_rows)
