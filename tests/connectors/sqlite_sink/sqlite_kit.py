"""A sink at a real file, driven as the engine does, and what stands in the file."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rivven_connect import (
    Batch,
    Catalog,
    Checkpoint,
    ConfiguredCatalog,
    ConfiguredStream,
    DestinationSyncMode,
    JsonObject,
    SourceEvent,
    Stream,
    WriteResult,
)
from rivven_connect._batch import UnfinishedSync
from rivven_connect.connectors.sqlite_sink import SqliteSink
from rivven_connect.connectors.sqlite_sink._generated import SqliteSinkConfig

APPEND, UPSERT = DestinationSyncMode.APPEND, DestinationSyncMode.APPEND_DEDUP
ITEM = {"type": "object", "properties": {"id": {"type": "integer"}, "v": {}}}
"""The schema of most tests; `v` takes anything."""


def stream(
    name: str = "s",
    *,
    mode: DestinationSyncMode = APPEND,
    key: Sequence[Sequence[str]] = (),
    schema: JsonObject | None = None,
    namespace: str | None = None,
) -> ConfiguredStream:
    (found,) = ConfiguredCatalog.from_catalog(
        Catalog(
            [
                Stream(
                    name=name,
                    namespace=namespace,
                    json_schema=ITEM if schema is None else schema,
                    source_defined_primary_key=[list(path) for path in key],
                )
            ]
        )
    ).streams
    found.destination_sync_mode = mode
    return found


def event(data: Any, *, position: Any = None, sub: int = 0, to: str = "s") -> SourceEvent:
    return SourceEvent(stream=to, data=data, position=position, sub_index=sub)


class Warehouse:
    """One sink and its file."""

    def __init__(self, path: Path, **config: Any) -> None:
        self.path = path
        self.config = SqliteSinkConfig.parse({"path": str(path), **config})
        self.sink = SqliteSink()

    async def prepare(self, *streams: ConfiguredStream) -> None:
        await self.sink.prepare(self.config, ConfiguredCatalog(list(streams)))

    async def write(self, *events: SourceEvent) -> WriteResult:
        async def feed() -> AsyncIterator[SourceEvent]:
            for one in events:
                yield one

        result = await self.sink.write(self.config, feed())
        await self.sink.flush(self.config)
        assert result.records_written + result.records_failed == len(events)
        return result

    async def commit(
        self,
        *events: SourceEvent,
        changed: Mapping[str, Any] | None = None,
        state: Mapping[str, Any] | None = None,
        epoch: int = 1,
        sync: str | None = None,
    ) -> WriteResult:
        """Write a transaction of the source `src`; `sync` is a stream and an attempt, by a space."""
        moved = {"src": dict(changed)} if changed else {}
        whole = {"src": dict(state)} if state else moved
        unfinished = UnfinishedSync("src", *sync.split()) if sync else None
        batch = Batch("pipe", "lake", epoch, list(events), Checkpoint(whole, moved), unfinished)
        return await self.sink.write_transaction(self.config, batch)

    async def checkpoint(self) -> Any:
        found = await self.sink.committed_checkpoint(self.config, "pipe", "lake")
        return found.state["src"] if found else None

    def rows(self, columns: str = "*", table: str = "s") -> list[Any]:
        found = self.query(f"SELECT {columns} FROM {quoted(table)}")
        return [row[0] if len(row) == 1 else row for row in found]

    def query(self, text: str, *values: Any) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self.path)) as one:
            return one.execute(text, values).fetchall()

    def run(self, text: str) -> None:
        with contextlib.closing(sqlite3.connect(self.path)) as one:
            one.executescript(text)

    def tables(self) -> set[str]:
        return {
            name for (name,) in self.query("SELECT name FROM sqlite_master WHERE type = 'table'")
        }


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
