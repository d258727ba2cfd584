"""Makes the database of a small shop: `python seed.py shop.db`; run again, and the shop goes on.

Every other order shares its time with the one before it, as orders of one second do.
"""

from __future__ import annotations

import contextlib
import datetime
import sqlite3
import sys

_TABLES = """
    CREATE TABLE IF NOT EXISTS customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
    CREATE TABLE IF NOT EXISTS orders (
        id INTEGER PRIMARY KEY,
        customer_id INTEGER NOT NULL REFERENCES customers (id),
        status TEXT NOT NULL,
        total_cents INTEGER NOT NULL,
        updated_at TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS orders_by_change ON orders (updated_at, id);
"""
_NAMES = ("Ada", "Grace", "Katherine", "Mary", "Radia")
_OPENED = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_ORDERS_A_RUN = 20


def seed(path: str) -> None:
    """Add customers, if there are none, and some orders; ship the oldest that was not shipped."""
    with contextlib.closing(sqlite3.connect(path)) as shop, shop:
        shop.executescript(_TABLES)
        people = [(n, name, f"{name.lower()}@example.com") for n, name in enumerate(_NAMES, 1)]
        shop.executemany("INSERT OR IGNORE INTO customers VALUES (?, ?, ?)", people)
        (last,) = shop.execute("SELECT coalesce(max(id), 0) FROM orders").fetchone()
        numbers = range(last + 1, last + 1 + _ORDERS_A_RUN)
        orders = [(n, 1 + n % len(_NAMES), 250 * n, _time(n // 2)) for n in numbers]
        shop.executemany("INSERT INTO orders VALUES (?, ?, 'placed', ?, ?)", orders)
        shop.execute(
            "UPDATE orders SET status = 'shipped', updated_at = ? WHERE id ="
            " (SELECT min(id) FROM orders WHERE status = 'placed')",
            (_time(numbers[-1] // 2),),
        )


def _time(minutes: int) -> str:
    moment = _OPENED + datetime.timedelta(minutes=minutes)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    seed(sys.argv[1] if len(sys.argv) > 1 else "shop.db")
