"""A sink that writes tables, driven as the engine does; what every dialect's kit begins with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
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
    TransactionalSink,
    UnfinishedSync,
    WriteResult,
)

APPEND, UPSERT = DestinationSyncMode.APPEND, DestinationSyncMode.APPEND_DEDUP
ITEM = {"type": "object", "properties": {"id": {"type": "integer"}, "v": {}}}
"""The schema of most tests; `v` takes anything."""
OWN = {"_rivven_checkpoints", "_rivven_writers", "_rivven_syncs"}


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


KEYED = stream(mode=UPSERT, key=[["id"]])
BARE = stream(mode=UPSERT)


def event(data: Any, *, position: Any = None, sub: int = 0, to: str = "s") -> SourceEvent:
    return SourceEvent(stream=to, data=data, position=position, sub_index=sub)


def records(*numbers: int, to: str = "s") -> list[SourceEvent]:
    return [event({"id": n}, to=to) for n in numbers]


class TableWarehouse(ABC):
    """One sink and its database."""

    sink: TransactionalSink[Any]
    config: Any

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
        """Return rows, one column of them as plain values; also of what lost its order."""
        found = self.query(f"SELECT {columns} FROM {quoted(table)}")
        return [row[0] if len(row) == 1 else tuple(row) for row in found]

    @abstractmethod
    def query(self, text: str, *values: Any) -> list[Any]:
        """Return the rows of a query of somebody else."""

    @abstractmethod
    def run(self, text: str) -> None:
        """Run the statements of somebody else."""

    @abstractmethod
    def tables(self) -> set[str]:
        """Return the names of the tables."""


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
