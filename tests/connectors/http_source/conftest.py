"""The API that the tests read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from rivven_connect import Catalog, Source, SyncMode
from rivven_connect.connectors.http_source._generated import HttpSourceConfig
from rivven_connect.connectors.http_source.endpoints import endpoints_of
from rivven_connect.testing.simulator import Simulator
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


SIMULATED: dict[str, Any] = {
    "url": "URL",
    "records": "/data",
    "primary_key": ["id"],
    "timeout_ms": 1000,
    "retry_count": 0,
    "streams": [
        {
            "name": "orders",
            "path": "orders",
            "pagination": {"type": "cursor", "path": "/next_cursor"},
            "cursor": {"field": "updated_at", "parameter": "since", "order": "ascending"},
        },
        {"name": "customers", "path": "customers", "pagination": {"type": "page"}},
        {"name": "items", "path": "items", "pagination": {"type": "link_header"}},
        {"name": "notes", "path": "notes", "pagination": {"type": "next_url", "path": "/next"}},
        {"name": "rates", "path": "rates", "pagination": {"type": "offset", "limit": 10}},
    ],
}
"""Every way to page, of the service that the contract simulates."""
RECORD = {
    "type": "object",
    "required": ["id", "updated_at"],
    "properties": {
        "id": {"type": "integer"},
        "updated_at": {"type": "string", "format": "date-time"},
    },
}


@pytest.fixture
def simulator(simulator: Simulator) -> Simulator:
    """Serve what the config above describes; tokens come from the same place."""

    def pointing_here(_: Any, url: str) -> dict[str, Any]:
        auth = {
            "type": "oauth2",
            "token_url": f"{url}/oauth/token",
            "client_id": "me",
            "client_secret": "not-a-real-secret",
        }
        return {**SIMULATED, "url": url, "auth": auth}

    simulator.configure(pointing_here)
    described = HttpSourceConfig.parse({**SIMULATED, "url": "http://here"})
    simulator.catalog = Catalog([one.spec().stream(RECORD) for one in endpoints_of(described)])
    return simulator


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
