"""Rows that no checkpoint covers yet: another attempt at the same sync replaces them.

The four rules are those of `Batch`. A row carries the number of its attempt in a column of its own, and
a table of ours says which attempts are unfinished; to make rows final is to forget their attempt.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from rivven_connect import Batch
from rivven_connect._sqlite import quoted
from rivven_connect.connectors.sqlite_sink.tables import SYNC

_EVERY_STREAM = "_state"
"""Under this name, a checkpoint holds what a source keeps for all of its streams."""

# AUTOINCREMENT: rows of a finished attempt keep its number, so no other attempt may get it.
_SCHEMA = """CREATE TABLE IF NOT EXISTS "_rivven_syncs" (
    id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, sink TEXT NOT NULL,
    source TEXT NOT NULL, stream TEXT NOT NULL, attempt TEXT NOT NULL,
    UNIQUE (pipeline, sink, source, stream, attempt))"""


class Syncs:
    """Numbers attempts and removes those that failed, in transactions that the caller holds."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def begin(self, batch: Batch) -> int | None:
        """Bring attempts to what the batch says; return the number that its rows must carry."""
        self._connection.execute(_SCHEMA)
        number = None
        if (sync := batch.sync) is not None:
            place = (batch.pipeline, batch.sink, sync.source, sync.stream)
            self._remove(
                "pipeline = ? AND sink = ? AND source = ? AND stream = ? AND attempt <> ?",
                (*place, sync.attempt),
            )
            if batch.events:
                number = self._number((*place, sync.attempt))
        for source, states in batch.checkpoint.changed.items():
            for stream in states:
                self._connection.execute(
                    'DELETE FROM "_rivven_syncs" WHERE pipeline = ? AND sink = ? AND source = ? '
                    "AND ? IN (stream, ?)",
                    (batch.pipeline, batch.sink, source, stream, _EVERY_STREAM),
                )
        return number

    def remove_unfinished(self, pipeline: str, sink: str) -> None:
        """Remove the rows of all unfinished attempts of an earlier run; they will be read again."""
        self._connection.execute(_SCHEMA)
        self._remove("pipeline = ? AND sink = ?", (pipeline, sink))

    def _remove(self, condition: str, values: Sequence[str]) -> None:
        """Remove the attempts that fulfil a condition, and their rows wherever they are."""
        run = self._connection.execute
        found = run(f'SELECT id FROM "_rivven_syncs" WHERE {condition}', values)  # noqa: S608  # ours
        numbers = found.fetchall()
        if not numbers:
            return
        tables = run(
            "SELECT m.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c "
            "WHERE m.type = 'table' AND c.name = ?",
            (SYNC,),
        )
        for (table,) in tables.fetchall():
            self._connection.executemany(
                f"DELETE FROM {quoted(table)} WHERE {quoted(SYNC)} = ?",  # noqa: S608  # quoted
                numbers,
            )
        self._connection.executemany('DELETE FROM "_rivven_syncs" WHERE id = ?', numbers)

    def _number(self, attempt: Sequence[str]) -> int:
        run = self._connection.execute
        run(
            'INSERT INTO "_rivven_syncs" (pipeline, sink, source, stream, attempt) '
            "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            attempt,
        )
        found = run(
            'SELECT id FROM "_rivven_syncs" WHERE pipeline = ? AND sink = ? AND source = ? '
            "AND stream = ? AND attempt = ?",
            attempt,
        )
        number: int = found.fetchone()[0]
        return number
