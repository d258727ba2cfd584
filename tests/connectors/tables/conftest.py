"""Every test here drives the sinks of all dialects; what they promise is the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from postgres_warehouse import PostgresWarehouse
from sqlite_warehouse import SqliteWarehouse
from warehouse import TableWarehouse


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest) -> Iterator[Callable[..., TableWarehouse]]:
    """Open a sink at one and the same database, as often as a test asks."""
    made: list[TableWarehouse] = []

    def open_one(**config: Any) -> TableWarehouse:
        if request.param == "sqlite":
            path = request.getfixturevalue("tmp_path") / "w.db"
            made.append(SqliteWarehouse(path, **config))
        else:
            made.append(PostgresWarehouse(request.getfixturevalue("postgres"), **config))
        return made[-1]

    yield open_one
    for one in made:
        asyncio.run(one.sink.close())


@pytest.fixture
def lake(opened: Callable[..., TableWarehouse]) -> TableWarehouse:
    return opened()
