"""How tests reach a system: a small database, made afresh, with more orders at a time than a page."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from shop_orders._generated import ShopOrdersConfig


@pytest.fixture
def config(tmp_path: Path) -> ShopOrdersConfig:
    """Return a config that reads that database in pages of three."""
    path = tmp_path / "shop.db"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT)")
        database.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, status TEXT,"
            " total_cents INTEGER, updated_at TEXT)"
        )
        database.execute("INSERT INTO customers VALUES (1, 'Ada', 'ada@example.com')")
        database.execute("INSERT INTO customers VALUES (2, 'Grace', NULL)")
        database.executemany(
            "INSERT INTO orders VALUES (?, ?, 'paid', ?, ?)",
            [(n, 1 + n % 2, 100 * n, f"2026-01-0{1 + n // 5}T12:00:00Z") for n in range(1, 13)],
        )
    return ShopOrdersConfig.parse({"database": str(path), "page_size": 3})
