"""The session of the postgres sink."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rivven_connect import ConnectorError
from rivven_connect._tables.session import TableSession
from rivven_connect.connectors.postgres_sink._generated import PostgresSinkConfig
from rivven_connect.connectors.postgres_sink.database import Database
from rivven_connect.connectors.postgres_sink.faults import is_stale
from rivven_connect.connectors.postgres_sink.statements import Statements
from rivven_connect.connectors.postgres_sink.store import PostgresStore
from rivven_connect.connectors.postgres_sink.tables import Table, tables_of
from rivven_connect.postgres import translated

T = TypeVar("T")


class Session(TableSession[Table]):
    """A database; it outlives its connection.

    Who writes for a pipeline stays the same when the server was restarted.
    """

    def __init__(self, config: PostgresSinkConfig) -> None:
        self._database = Database(config)
        super().__init__(
            Statements(self._database),
            tables_of(
                self._database,
                schema=config.schema_,
                table=config.table,
                default_schema=config.default_schema,
            ),
            PostgresStore(self._database, config.default_schema),
        )
        self._connections = 0

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _transaction(self, doing: str, work: Callable[[], T]) -> T:
        """Do some work in one transaction, twice if a table turns out to be another than it was."""
        with translated(doing):
            try:
                return self._once(work)
            except ConnectorError:  # it says already what it means, also that the driver is missing
                raise
            except Exception as error:
                if not is_stale(error):
                    raise
            return self._once(work)

    def _once(self, work: Callable[[], T]) -> T:
        with self._writer.restoring(), self._database.transaction():
            if self._connections != self._database.connections:
                self._tables.forget()
                self._connections = self._database.connections
            return work()
