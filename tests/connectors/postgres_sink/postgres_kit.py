"""A sink at a real server, driven as the engine does, and what stands in its database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import psycopg

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
    UnfinishedSync,
    WriteResult,
)
from rivven_connect.connectors.postgres_sink import PostgresSink
from rivven_connect.connectors.postgres_sink._generated import PostgresSinkConfig

APPEND, UPSERT = DestinationSyncMode.APPEND, DestinationSyncMode.APPEND_DEDUP
ITEM = {"type": "object", "properties": {"id": {"type": "integer"}, "v": {"type": "string"}}}
"""The schema of most tests."""
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


def of_types(*types: str, **named: str) -> JsonObject:
    """Return the schema of a table as the PostgreSQL sources describe it: `c0`, `c1` and so on."""
    columns = {f"c{n}": kind for n, kind in enumerate(types)} | named
    return {"properties": {name: {"x-postgres-type": kind} for name, kind in columns.items()}}


def event(data: Any, *, position: Any = None, sub: int = 0, to: str = "s") -> SourceEvent:
    return SourceEvent(stream=to, data=data, position=position, sub_index=sub)


class Warehouse:
    """One sink and its database."""

    def __init__(self, dsn: str, **config: Any) -> None:
        self.dsn = dsn
        self.config = PostgresSinkConfig.parse({"connection_string": dsn, **config})
        self.sink = PostgresSink()

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

    def rows(self, columns: str = "*", table: str = "s", schema: str = "public") -> list[Any]:
        """Return rows in the order of their writing."""
        place = f"{quoted(schema)}.{quoted(table)}"
        found = self.query(f"SELECT {columns} FROM {place} ORDER BY {place}.ctid")
        return [row[0] if len(row) == 1 else row for row in found]

    def query(self, text: str, *values: Any) -> list[Any]:
        with psycopg.connect(
            self.dsn, autocommit=True, cursor_factory=psycopg.RawCursor
        ) as connection:
            return connection.execute(text.encode(), values or None).fetchall()

    def run(self, *texts: str) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for text in texts:
                connection.execute(text.encode())

    def tables(self, schema: str = "public") -> set[str]:
        found = self.query("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
        return {name for (name,) in found}

    def types(self, table: str = "s") -> list[str]:
        """Return the types of a table's columns."""
        found = self.query(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum",
            table,
        )
        return [name for (name,) in found]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
