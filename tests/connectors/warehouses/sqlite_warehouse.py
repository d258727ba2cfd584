"""A sink at a real file, and what stands in it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from warehouse import TableWarehouse

from rivven_connect.connectors.sqlite_sink import SqliteSink
from rivven_connect.connectors.sqlite_sink._generated import SqliteSinkConfig


class SqliteWarehouse(TableWarehouse):
    """One sink and its file."""

    def __init__(self, path: Path, **config: Any) -> None:
        self.path = path
        self.config = SqliteSinkConfig.parse({"path": str(path), **config})
        self.sink = SqliteSink()

    def query(self, text: str, *values: Any) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self.path)) as one:
            return one.execute(text, values).fetchall()

    def run(self, text: str) -> None:
        with contextlib.closing(sqlite3.connect(self.path)) as one:
            one.executescript(text)

    def tables(self) -> set[str]:
        return {
            name for (name,) in self.query("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
