"""Settings for PostgreSQL as a generated config would have them, and what a table's values become."""

from __future__ import annotations

import dataclasses
from typing import Any

import psycopg

from rivven_connect import Json, JsonObject, Secret
from rivven_connect.postgres import (
    RowDecoder,
    Table,
    TlsSettings,
    connect,
    qualified,
    quoted,
    read_tables,
    read_types,
    row_query,
    text_decoder,
)


@dataclasses.dataclass
class Tls:
    mode: Any = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


@dataclasses.dataclass
class Settings:
    connection_string: Secret | None = None
    host: str | None = None
    port: int = 5432
    database: str | None = None
    user: str | None = None
    password: Secret | None = None
    tls: TlsSettings | None = None
    connect_timeout_ms: int = 10_000


def settings(dsn: str, **changes: Any) -> Settings:
    return dataclasses.replace(Settings(connection_string=Secret(dsn)), **changes)


def connected(dsn: str) -> psycopg.Connection[tuple[Any, ...]]:
    return connect(settings(dsn))


def run(connection: psycopg.Connection[Any], *statements: str) -> None:
    for statement in statements:
        connection.execute(statement.encode())


def table_of(connection: psycopg.Connection[Any], name: str, schema: str = "public") -> Table:
    (found,) = read_tables(connection, schemas=[schema], tables=[name], kinds="rpvmf")
    return found


def both_ways(
    connection: psycopg.Connection[Any], name: str
) -> tuple[list[JsonObject], list[JsonObject]]:
    """Return a table's rows as the client decodes its texts, and as the server makes JSON of them."""
    table = table_of(connection, name)
    types = read_types(connection, [column.type_oid for column in table.columns])
    decoders = [text_decoder(column.type_oid, types) for column in table.columns]
    columns = ", ".join(quoted(column.name) for column in table.columns)
    rows = f"FROM {qualified(table.schema, name)}"
    texts = connection.pgconn.exec_(f"SELECT {columns} {rows} ORDER BY ctid".encode())
    assert texts.error_message == b""
    by_client: list[JsonObject] = []
    for row in range(texts.ntuples):
        record: dict[str, Json] = {}
        for place, column in enumerate(table.columns):
            raw = texts.get_value(row, place)
            record[column.name] = None if raw is None else decoders[place](raw)
        by_client.append(record)
    made = connection.pgconn.exec_(
        row_query(table.columns, types, f"{rows} ORDER BY ctid").encode()
    )
    assert made.error_message == b""
    lines = [made.get_value(row, 0) or b"" for row in range(made.ntuples)]
    return by_client, RowDecoder(table.columns, types).decode_many(lines)
