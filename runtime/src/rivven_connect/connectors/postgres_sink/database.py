"""The connection: made when it is needed, used in whole transactions, and made anew when it is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rivven_connect import ConnectorError
from rivven_connect.postgres import PostgresSettings, Types, connect, read_types

if TYPE_CHECKING:
    import psycopg

LOCK_TIMEOUT_MS = 60_000
"""How long a statement waits for a lock before the batch is tried again."""

IDLE_TIMEOUT_MS = 300_000
"""How long a transaction may stand still: a process that is stopped in one holds up its successor."""


class Database:
    """One connection at a time, used by one thread."""

    def __init__(self, settings: PostgresSettings) -> None:
        self._settings = settings
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self.connections = 0
        """How many there have been; a new one knows nothing of the old."""

    def run(self, statement: str, values: Sequence[object] = ()) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run one statement; `$1` stands for the first value.

        Raises:
            psycopg.Error: what the server says.
        """
        return self._open().execute(statement.encode(), values or None)

    def run_many(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        """Run a statement once for each row of values, without waiting for each.

        Raises:
            psycopg.Error: what the server says.
        """
        if rows:
            with self._open().cursor() as cursor:
                cursor.executemany(statement.encode(), rows)

    def types_of(self, oids: Collection[int]) -> Types:
        """Return the types of these OIDs.

        Raises:
            psycopg.Error: what the server says.
        """
        return read_types(self._open(), oids)

    def copy(self, statement: str, rows: bytes) -> None:
        """Send rows to a COPY statement.

        Raises:
            psycopg.Error: what the server says.
        """
        with self._open().cursor() as cursor, cursor.copy(statement.encode()) as copy:
            copy.write(rows)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block as one transaction, durable when it ends and undone when it raises.

        Raises:
            psycopg.Error: also where it may have been committed and the answer was lost.
        """
        self._connect()
        self.run("BEGIN")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self._undo("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Return the connection of the transaction: one that is lost is not replaced in the middle."""
        if self._connection is None:
            raise ConnectorError.connection("there is no connection to the database")
        return self._connection

    def _connect(self) -> None:
        """Connect, unless there is a connection that works as far as is known."""
        if self._connection is not None and not self._connection.closed:
            return
        self.close()
        connection = connect(self._settings)
        try:
            connection.prepare_threshold = None  # statements differ, and poolers mix sessions up
            connection.execute(_session().encode())
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self.connections += 1

    def _undo(self, statement: str) -> None:
        """Leave the transaction; a connection that cannot is given up."""
        connection = self._connection
        try:
            if connection is not None and not connection.closed:
                connection.execute(statement.encode())
        except Exception:  # noqa: BLE001  # the error that led here is the one to tell
            self.close()


def _session() -> str:
    # A role's or a database's own setting may be off: then a commit could be lost with the machine.
    return (
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') = 'off'; "
        f"SET lock_timeout = {LOCK_TIMEOUT_MS}; "
        f"SET idle_in_transaction_session_timeout = {IDLE_TIMEOUT_MS}"
    )
