"""Sources of tables that poll: each pass gives what is new, ties and all, and nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from rivven_connect import ConfiguredCatalog, EventBatch, Source
from rivven_connect.connectors.postgres_source import PostgresSource
from rivven_connect.connectors.sqlite_source import SqliteSource

_TABLE = "CREATE TABLE t (id integer PRIMARY KEY, at integer NOT NULL)"


async def _poll(source: Source[Any], config: Any, run: Callable[[str], None]) -> list[int]:
    """Return the ids that come while rows are added, each with the time of the row before it."""
    run("INSERT INTO t VALUES (0, 0)")
    catalog = ConfiguredCatalog.from_catalog(await source.discover(config))
    await source.open(config)
    items = source.read(config, catalog, None)
    found: list[int] = []
    async with asyncio.timeout(60):
        async for item in items:
            if not isinstance(item, EventBatch) or not item.records:
                continue
            found += [row["id"] for row in item.rows()]
            following = found[-1] + 1
            if following == 5:
                break
            run(f"INSERT INTO t VALUES ({following}, {following // 2})")
    await items.aclose()  # type: ignore[attr-defined]  # the default is a generator
    await source.close()
    return found


async def test_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"

    def run(statement: str) -> None:
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute(statement)

    run(_TABLE)
    source = SqliteSource()
    values = {"path": str(path), "read": {"mode": "timestamp", "column": "at"}}
    config = source.config_type.parse({**values, "poll_interval_ms": 10})
    assert await _poll(source, config, run) == [0, 1, 2, 3, 4]


async def test_postgres(postgres: str) -> None:
    def run(statement: str) -> None:
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(statement.encode())

    run(_TABLE)
    source = PostgresSource()
    values = {"connection_string": postgres, "read": {"mode": "incrementing", "column": "at"}}
    config = source.config_type.parse({**values, "poll_interval_ms": 10})
    assert await _poll(source, config, run) == [0, 1, 2, 3, 4]
