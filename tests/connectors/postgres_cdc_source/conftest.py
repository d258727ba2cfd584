"""A database with two tables, and the source reading it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from rivven_connect.connectors.postgres_cdc_source._generated import PostgresCdcSourceConfig

from .cdc_kit import Database

ROWS = 2_500


@pytest.fixture
def database(postgres: str) -> Iterator[Database]:
    """An empty database, with its slots dropped behind the test."""
    with psycopg.connect(postgres, autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        yield Database(postgres, connection)


@pytest.fixture
def config(database: Database) -> PostgresCdcSourceConfig:
    """What the contract is tested with: it reads again and again, which a slot does not let it."""
    database.run("CREATE TABLE orders (id int PRIMARY KEY, note text)")
    database.run("CREATE TABLE lines (a int, b text, n numeric, PRIMARY KEY (a, b))")
    database.run(f"INSERT INTO orders SELECT g, 'note ' || g FROM generate_series(1, {ROWS}) g")
    database.run("INSERT INTO lines SELECT g % 7, 'b' || g, g / 8.0 FROM generate_series(1, 700) g")
    return database.config(snapshot={"mode": "initial_only"})
