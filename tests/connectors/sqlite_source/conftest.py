"""The database that the contract reads: more rows than a piece, in every mode."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from rivven_connect.connectors.sqlite_source._generated import SqliteSourceConfig


@pytest.fixture
def config(tmp_path: Path) -> SqliteSourceConfig:
    path = tmp_path / "shop.db"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE whole (id INTEGER PRIMARY KEY, name TEXT)")
        database.execute("CREATE TABLE numbered (id INTEGER PRIMARY KEY, name TEXT)")
        database.execute("CREATE TABLE timed (id INTEGER PRIMARY KEY, at TEXT NOT NULL)")
        for number in range(45):
            database.execute("INSERT INTO whole VALUES (?, ?)", (number, f"n{number}"))
            database.execute("INSERT INTO numbered VALUES (?, ?)", (number, f"n{number}"))
            database.execute("INSERT INTO timed VALUES (?, ?)", (number, f"2026-01-{number // 9}"))
    return SqliteSourceConfig.model_validate(
        {
            "path": str(path),
            "batch_size": 10,
            "streams": {
                "numbered": {"read": {"mode": "incrementing"}},
                "timed": {"read": {"mode": "timestamp", "column": "at"}},
            },
        }
    )
