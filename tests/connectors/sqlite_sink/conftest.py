"""The database that the contract writes to, and sinks that are closed after each test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_warehouse import SqliteWarehouse

from rivven_connect.connectors.sqlite_sink._generated import SqliteSinkConfig


@pytest.fixture
def config(tmp_path: Path) -> SqliteSinkConfig:
    return SqliteSinkConfig(path=str(tmp_path / "out" / "warehouse.db"))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., SqliteWarehouse]]:
    """Open a sink at one and the same file, as often as a test asks."""
    made: list[SqliteWarehouse] = []

    def open_one(**config: Any) -> SqliteWarehouse:
        made.append(SqliteWarehouse(tmp_path / "w.db", **config))
        return made[-1]

    yield open_one
    for one in made:
        asyncio.run(one.sink.close())


@pytest.fixture
def lake(opened: Callable[..., SqliteWarehouse]) -> SqliteWarehouse:
    return opened()
