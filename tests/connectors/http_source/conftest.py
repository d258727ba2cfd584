"""The API that the tests read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from rivven_connect import Source, SyncMode
from rivven_connect.connectors.http_source._generated import HttpSourceConfig
from services.http_api import HttpApi, http_api


def records(count: int, *, ties: int = 3) -> list[dict[str, object]]:
    """Return records, so many of which share one `updated_at`."""
    return [
        {"id": number, "updated_at": f"2026-01-01T00:{number // ties:04d}", "name": f"n{number}"}
        for number in range(count)
    ]


@pytest.fixture
def api() -> Iterator[HttpApi]:
    """An API with 47 records of `orders` in pages of 10."""
    with http_api() as running:
        running.streams["orders"] = records(47)
        yield running


@pytest.fixture
def config(api: HttpApi) -> HttpSourceConfig:
    """Two streams: one that can be resumed inside a pass, and one that cannot."""
    api.streams["customers"] = records(25)
    return HttpSourceConfig.parse(
        {
            "url": api.url,
            "records": "/data",
            "primary_key": ["id"],
            "streams": [
                {
                    "name": "orders",
                    "path": "cursor/orders",
                    "pagination": {"type": "cursor", "path": "/meta/next"},
                    "cursor": {"field": "updated_at", "parameter": "since", "order": "ascending"},
                },
                {"name": "customers", "path": "pages/customers", "pagination": {"type": "page"}},
            ],
        }
    )


@pytest.fixture
def read(read: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Read the first stream in the mode that it has, and keep its records alone."""

    async def read_stream(
        source: Source[Any],
        config: Any,
        state: Any = None,
        *,
        mode: SyncMode | None = None,
        **more: Any,
    ) -> Any:
        catalog = await source.discover(config)
        usual = catalog.streams[0].supported_sync_modes[0]
        found = await read(source, config, state, mode=mode or usual, **more)
        found.events = [event for event in found.events if event.is_data]
        return found

    return read_stream
