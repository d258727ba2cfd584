"""Events, and a sink that writes them to a server on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from http_kit import HostileServer, Request, respond

from rivven_connect import (
    Catalog,
    ConfiguredCatalog,
    EventBatch,
    SourceEvent,
    Stream,
    WriteResult,
)
from rivven_connect.connectors.http_webhook_sink import HttpWebhookSink
from rivven_connect.connectors.http_webhook_sink._generated import HttpWebhookSinkConfig

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
KEYED = ConfiguredCatalog.from_catalog(
    Catalog.single_stream(Stream(name="orders", source_defined_primary_key=[["id"]]))
)
"""`orders` with the primary key `id`."""


def event(number: int, **more: Any) -> SourceEvent:
    return SourceEvent(stream="orders", data={"id": number}, position=number, **more)


def config_of(url: str, **values: Any) -> HttpWebhookSinkConfig:
    return HttpWebhookSinkConfig.parse({"url": url, "timeout_ms": 5000, **values})


@contextlib.asynccontextmanager
async def opened(
    server: HostileServer | str, *, catalog: ConfiguredCatalog | None = None, **values: Any
) -> AsyncIterator[tuple[HttpWebhookSink, HttpWebhookSinkConfig]]:
    """Open a sink for the length of a block; it learns the catalog, if there is one."""
    config = config_of(server if isinstance(server, str) else server.url, **values)
    sink = HttpWebhookSink()
    await sink.open(config)
    try:
        if catalog is not None:
            await sink.prepare(config, catalog)
        yield sink, config
    finally:
        await sink.close()


async def write(
    server: HostileServer | str, events: Sequence[SourceEvent], **values: Any
) -> WriteResult:
    async with opened(server, **values) as (sink, config):
        return await sink.write_batch(config, events)


async def write_rows(
    server: HostileServer | str, *batches: Sequence[Any], **values: Any
) -> WriteResult:
    """Write the records of `orders` as whole batches, without metadata."""
    async with opened(server, include_metadata=False, **values) as (sink, config):
        return await sink.write_batches(config, [EventBatch("orders", list(b)) for b in batches])


class Together:
    """Answers as soon as so many requests wait for it; knows how many have waited at once."""

    def __init__(self, count: int) -> None:
        self.most = 0
        self._waiting = 0
        self._barrier = asyncio.Barrier(count)

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self._waiting += 1
        self.most = max(self.most, self._waiting)
        async with asyncio.timeout(20):
            await self._barrier.wait()
        self._waiting -= 1
        await respond()(request, writer)


def ids(server: HostileServer) -> list[list[int]]:
    """Return the ids of each request, in the order in which they came."""
    return [[row["id"] for row in sent(request)] for request in server.requests]


def sent(request: Request) -> list[Any]:
    """Return the records of a request, unpacked."""
    packed = request.headers.get("content-encoding") == "gzip"
    found = json.loads(gzip.decompress(request.body) if packed else request.body)
    return found if isinstance(found, list) else [found]
