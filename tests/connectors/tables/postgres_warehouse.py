"""A sink at a real server, and what stands in its database."""

from __future__ import annotations

from typing import Any

import psycopg
from warehouse import TableWarehouse

from rivven_connect import JsonObject
from rivven_connect.connectors.postgres_sink import PostgresSink
from rivven_connect.connectors.postgres_sink._generated import PostgresSinkConfig


class PostgresWarehouse(TableWarehouse):
    """One sink and its database."""

    def __init__(self, dsn: str, **config: Any) -> None:
        self.dsn = dsn
        self.config = PostgresSinkConfig.parse({"connection_string": dsn, **config})
        self.sink = PostgresSink()

    def query(self, text: str, *values: Any) -> list[Any]:
        with psycopg.connect(
            self.dsn, autocommit=True, cursor_factory=psycopg.RawCursor
        ) as connection:
            return connection.execute(text.encode(), values or None).fetchall()

    def run(self, text: str) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(text.encode())

    def tables(self, schema: str = "public") -> set[str]:
        found = self.query("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
        return {name for (name,) in found}

    def types(self, table: str = "s") -> list[str]:
        """Return the types of a table's columns, in their order."""
        found = self.query(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attnum",
            table,
        )
        return [name for (name,) in found]


def of_types(*types: str, **named: str) -> JsonObject:
    """Return the schema of a table as the PostgreSQL sources describe it: `c0`, `c1` and so on."""
    columns = {f"c{n}": kind for n, kind in enumerate(types)} | named
    return {"properties": {name: {"x-postgres-type": kind} for name, kind in columns.items()}}
