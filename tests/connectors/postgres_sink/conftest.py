"""The database that the contract writes to, and sinks that are closed after each test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from postgres_warehouse import PostgresWarehouse

from rivven_connect.connectors.postgres_sink._generated import PostgresSinkConfig


@pytest.fixture
def config(postgres: str) -> PostgresSinkConfig:
    return PostgresSinkConfig.parse({"connection_string": postgres})


@pytest.fixture
def opened(postgres: str) -> Iterator[Callable[..., PostgresWarehouse]]:
    """Open a sink at one and the same database, as often as a test asks."""
    made: list[PostgresWarehouse] = []

    def open_one(**config: Any) -> PostgresWarehouse:
        made.append(PostgresWarehouse(postgres, **config))
        return made[-1]

    yield open_one
    for one in made:
        asyncio.run(one.sink.close())


@pytest.fixture
def lake(opened: Callable[..., PostgresWarehouse]) -> PostgresWarehouse:
    return opened()
