"""A sink at a real server, and what stands in its database."""

from __future__ import annotations

from typing import Any

import psycopg
from warehouse import TableWarehouse

from rivven_connect import JsonObject
from rivven_connect.connectors.postgres_sink import PostgresSink
from rivven_connect.connectors.postgres_sink._generated import PostgresSinkConfig
from rivven_connect.postgres import (
    connect,
    quoted,
    read_tables,
    read_types,
    table_schema,
    text_decoder,
)


class PostgresWarehouse(TableWarehouse):
    """One sink and its database."""

    def __init__(self, dsn: str, **config: Any) -> None:
        self.dsn = dsn
        self.config = PostgresSinkConfig.parse({"connection_string": dsn, **config})
        self.sink = PostgresSink()

    def rows(self, columns: str = "*", table: str = "s", schema: str = "public") -> list[Any]:
        """Return rows in the order of their place in the table."""
        found = self.query(
            f"SELECT {columns} FROM {quoted(schema)}.{quoted(table)} AS t ORDER BY t.ctid"
        )
        return [row[0] if len(row) == 1 else row for row in found]

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

    def as_source(self, table: str) -> tuple[JsonObject, list[JsonObject]]:
        """Return the schema and the rows of a table as a source would give them."""
        with connect(self.config) as connection:
            (found,) = read_tables(connection, schemas=["public"], tables=[table])
            types = read_types(connection, [column.type_oid for column in found.columns])
            decoders = [text_decoder(column.type_oid, types) for column in found.columns]
            texts = connection.pgconn.exec_(f"SELECT * FROM {quoted(table)}".encode())
            rows: list[JsonObject] = []
            for row in range(texts.ntuples):
                record: JsonObject = {}
                for place, column in enumerate(found.columns):
                    raw = texts.get_value(row, place)
                    record[column.name] = None if raw is None else decoders[place](raw)
                rows.append(record)
        return table_schema(found.columns, types), rows

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
