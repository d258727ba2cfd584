"""A database, and a source that reads it as the engine does."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import Any

import psycopg

from rivven_connect import (
    Catalog,
    ConfiguredCatalog,
    EventBatch,
    Item,
    JsonObject,
    Poison,
    SourceEvent,
    State,
    SyncMode,
)
from rivven_connect._hooks import read_streams
from rivven_connect.connectors.postgres_source import PostgresSource
from rivven_connect.connectors.postgres_source._generated import PostgresSourceConfig


@dataclasses.dataclass
class Got:
    """What a reading yielded, by stream, and the state behind it as the engine would save it."""

    rows: dict[str, list[JsonObject]] = dataclasses.field(default_factory=dict)
    poison: list[Poison] = dataclasses.field(default_factory=list)
    state: dict[str, JsonObject] = dataclasses.field(default_factory=dict)
    pages: list[int] = dataclasses.field(default_factory=list)
    items: int = 0

    def ids(self, stream: str = "public.t", column: str = "id") -> list[Any]:
        return [row[column] for row in self.rows.get(stream, [])]

    def take(self, item: Item) -> None:
        self.items += 1
        if isinstance(item, Poison):
            self.poison.append(item)
            return
        name = item.full_name() if isinstance(item, SourceEvent) else _name(item)
        if isinstance(item, EventBatch):
            self.rows.setdefault(_stream(item), []).extend(item.records)
            self.pages.append(len(item))
        if item.state is not None:
            self.state[name] = item.state


def _stream(batch: EventBatch) -> str:
    return f"{batch.namespace}.{batch.stream}" if batch.namespace else batch.stream


def _name(batch: EventBatch) -> str:
    return f"{_stream(batch)}/{batch.partition}" if batch.partition else _stream(batch)


class Shop:
    """One database."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements, each in a transaction of its own; return the rows of the last."""
        rows: list[tuple[Any, ...]] = []
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def wait_until(self, query: str, value: Any) -> None:
        """Return when a query for one value gives that one."""
        deadline = time.monotonic() + 30
        while self.sql(query) != [(value,)]:
            assert time.monotonic() < deadline, query
            time.sleep(0.02)

    @contextlib.contextmanager
    def session(self) -> Any:
        """Give a connection whose transaction the caller ends."""
        with psycopg.connect(self.dsn) as connection:
            yield connection

    def config(self, **more: Any) -> PostgresSourceConfig:
        return PostgresSourceConfig.parse({"connection_string": self.dsn, **more})

    async def discover(self, **more: Any) -> Catalog:
        return await PostgresSource().discover(self.config(**more))

    async def read(
        self,
        state: dict[str, JsonObject] | None = None,
        *,
        mode: SyncMode | None = None,
        stop_after: int | None = None,
        concurrency: int = 1,
        fields: list[str] | None = None,
        **more: Any,
    ) -> Got:
        """Read all streams from a state on, in their first mode or `mode`; or so many items of them."""
        config = self.config(**more)
        source = PostgresSource()
        await source.open(config)
        catalog = await source.discover(config)
        chosen = ConfiguredCatalog.from_catalog(
            catalog, {one.name: mode for one in catalog.streams} if mode else None
        )
        for one in chosen.streams:
            one.fields = fields
        got = Got(state=dict(state or {}))
        saved = State.from_json(state) if state else None
        items = read_streams(source, config, chosen, saved, concurrency=concurrency)
        async with contextlib.aclosing(items):
            async for item in items:
                got.take(item)
                if got.items == stop_after:
                    break
        await source.close()
        return got
