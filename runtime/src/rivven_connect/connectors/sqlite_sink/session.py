"""The session of the sqlite sink."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rivven_connect._sqlite import translated
from rivven_connect._tables.session import TableSession
from rivven_connect.connectors.sqlite_sink._generated import SqliteSinkConfig
from rivven_connect.connectors.sqlite_sink.database import Database
from rivven_connect.connectors.sqlite_sink.statements import Statements
from rivven_connect.connectors.sqlite_sink.store import SqliteStore
from rivven_connect.connectors.sqlite_sink.tables import Table, tables_of

T = TypeVar("T")


class Session(TableSession[Table]):
    """An open database."""

    def __init__(self, config: SqliteSinkConfig) -> None:
        self._path = config.path
        with translated(self._path, use="written"):
            self._database = Database(
                config.path,
                busy_timeout_ms=config.busy_timeout_ms,
                journal_mode=config.journal_mode,
            )
        connection = self._database.connection
        super().__init__(
            Statements(connection), tables_of(connection, config.table), SqliteStore(connection)
        )
        self._schema_version = -1

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _transaction(self, doing: str, work: Callable[[], T]) -> T:
        """Do some work in one transaction; SQLite's messages say enough of what was done."""
        with (
            translated(self._path, use="written"),
            self._writer.restoring(),
            self._database.transaction(),
        ):
            (version,) = self._database.connection.execute("PRAGMA schema_version").fetchone()
            if version != self._schema_version:
                self._tables.forget()
                self._schema_version = version
            return work()
