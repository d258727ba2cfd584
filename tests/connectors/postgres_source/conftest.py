"""The table that the contract reads: a key, a time that many rows share, and a little of each type."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.postgres_source._generated import PostgresSourceConfig

from .shop import Shop


@pytest.fixture
def shop(postgres: str) -> Shop:
    """An empty database."""
    return Shop(postgres)


@pytest.fixture
def config(shop: Shop) -> PostgresSourceConfig:
    shop.sql(
        "CREATE TABLE orders (id int8 PRIMARY KEY, at timestamptz NOT NULL, total numeric(10,2),"
        " tags text[], doc jsonb)",
        "INSERT INTO orders SELECT i, '2026-01-01'::timestamptz + i / 50 * interval '1 s', i / 4.0,"
        " ARRAY['a', i::text], jsonb_build_object('n', i) FROM generate_series(1, 900) i",
    )
    return shop.config(read={"mode": "timestamp", "column": "at"})
