"""The statements that write rows. Names are quoted, values are bound."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

from rivven_connect import Json, JsonObject
from rivven_connect._sqlite import quoted
from rivven_connect.connectors.sqlite_sink.tables import SYNC, Table
from rivven_connect.connectors.sqlite_sink.values import column_values


def write_rows(
    connection: sqlite3.Connection,
    table: Table,
    records: Sequence[JsonObject],
    own: Mapping[str, Sequence[Json]],
) -> None:
    """Write one row a record; where the table has a key, a row of that key becomes the new one.

    Args:
        connection: in a transaction.
        table: of the stream.
        records: field -> value; fields that the table lacks become columns.
        own: columns of ours -> one value a record.
    """
    fields = dict.fromkeys(field for record in records for field in record)
    bound: dict[str, Sequence[Json]] = {}
    for field in fields:
        column = table.column_of(field)
        values = [record.get(field) for record in records]
        bound[column] = column_values(values, table.columns[column], column)
    bound |= {table.own(column): values for column, values in own.items()}
    if not bound:  # empty records, into a table that has columns from other ones
        bound[next(iter(table.columns))] = [None] * len(records)
    connection.executemany(_insert(table, list(bound)), zip(*bound.values(), strict=True))


def remove_rows(
    connection: sqlite3.Connection, table: Table, keys: Iterable[tuple[Json, ...]]
) -> None:
    """Remove the rows of some primary keys, of whatever ordinal."""
    condition = " AND ".join(f"{quoted(column)} = ?" for column in table.key[:-1])
    connection.executemany(f"DELETE FROM {quoted(table.name)} WHERE {condition}", keys)  # noqa: S608  # quoted


def _insert(table: Table, columns: Sequence[str]) -> str:
    names = ", ".join(map(quoted, columns))
    places = ", ".join("?" * len(columns))
    text = f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({places})"  # noqa: S608  # quoted
    if not table.key:
        return text
    key = ", ".join(map(quoted, table.key))
    changed = [
        f"{quoted(column)} = excluded.{quoted(column)}"
        for column in table.columns
        # A row that a checkpoint covers stays one, and so does one of this attempt.
        if column not in (*table.key, SYNC)
    ]
    action = f"UPDATE SET {', '.join(changed)}" if changed else "NOTHING"
    return f"{text} ON CONFLICT ({key}) DO {action}"
