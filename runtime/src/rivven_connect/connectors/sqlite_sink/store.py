"""The tables that are ours, as the checkpoints and syncs use them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from rivven_connect._tables.names import SYNC, quoted
from rivven_connect._tables.store import CHECKPOINTS, SYNCS, WRITERS, Answer

# AUTOINCREMENT: rows of a finished attempt keep its number, so no other attempt may get it.
_SCHEMA = (
    f"""CREATE TABLE IF NOT EXISTS "{WRITERS}" (
        pipeline TEXT NOT NULL, sink TEXT NOT NULL, token TEXT NOT NULL, epoch INTEGER NOT NULL,
        PRIMARY KEY (pipeline, sink)) WITHOUT ROWID""",
    f"""CREATE TABLE IF NOT EXISTS "{CHECKPOINTS}" (
        pipeline TEXT NOT NULL, sink TEXT NOT NULL, source TEXT NOT NULL, stream TEXT NOT NULL,
        state TEXT NOT NULL, PRIMARY KEY (pipeline, sink, source, stream)) WITHOUT ROWID""",
    f"""CREATE TABLE IF NOT EXISTS "{SYNCS}" (
        id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline TEXT NOT NULL, sink TEXT NOT NULL,
        source TEXT NOT NULL, stream TEXT NOT NULL, attempt TEXT NOT NULL,
        UNIQUE (pipeline, sink, source, stream, attempt))""",
)


class SqliteStore:
    """Our tables in the database of the rows."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def own(self, table: str) -> str:
        """Return one of our tables as SQL."""
        return quoted(table)

    def make_own_tables(self) -> None:
        """Make those that are missing."""
        for statement in _SCHEMA:
            self._connection.execute(statement)

    def run(self, statement: str, values: Sequence[str | int] = ()) -> Answer:
        """Run a statement on them."""
        return self._connection.execute(statement, values)

    def run_many(self, statement: str, rows: Sequence[Sequence[str | int]]) -> None:
        """Run a statement once for each row of values."""
        self._connection.executemany(statement, rows)

    def remove_rows_of(self, numbers: Sequence[int]) -> None:
        """Delete the rows of some attempts, in whatever table they are."""
        tables = self._connection.execute(
            "SELECT m.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c "
            "WHERE m.type = 'table' AND c.name = ?",
            (SYNC,),
        )
        for (table,) in tables.fetchall():
            self._connection.executemany(
                f"DELETE FROM {quoted(table)} WHERE {quoted(SYNC)} = ?",  # noqa: S608  # quoted
                [(number,) for number in numbers],
            )
