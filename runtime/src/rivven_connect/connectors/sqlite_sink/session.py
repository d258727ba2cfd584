"""What the sink does with its database: learn streams, write, tell where it stands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from rivven_connect import Batch, Checkpoint, ConfiguredCatalog, SourceEvent, WriteResult
from rivven_connect._tables.checkpoints import Checkpoints
from rivven_connect._tables.results import Refused, nothing_written, require_none, result_of
from rivven_connect._tables.syncs import Syncs
from rivven_connect._tables.writer import Writer
from rivven_connect.connectors.sqlite_sink._generated import SqliteSinkConfig
from rivven_connect.connectors.sqlite_sink.database import Database
from rivven_connect.connectors.sqlite_sink.statements import Statements
from rivven_connect.connectors.sqlite_sink.store import SqliteStore
from rivven_connect.connectors.sqlite_sink.tables import tables_of


class Session:
    """An open database. Every method blocks and belongs to the thread that made the session."""

    def __init__(self, config: SqliteSinkConfig) -> None:
        self._database = Database(
            config.path,
            busy_timeout_ms=config.busy_timeout_ms,
            journal_mode=config.journal_mode,
        )
        connection = self._database.connection
        self._tables = tables_of(connection, config.table)
        self._writer = Writer(Statements(connection), self._tables)
        store = SqliteStore(connection)
        self._syncs = Syncs(store)
        self._checkpoints = Checkpoints(store)
        self._schema_version = -1

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def prepare(self, catalog: ConfiguredCatalog) -> None:
        """Make and widen the tables of the catalog's streams."""
        with self._transaction():
            self._tables.learn(catalog)

    def write(self, events: Sequence[SourceEvent]) -> WriteResult:
        """Write the events that can be stored, in one transaction, and name the others."""
        if not events:
            return WriteResult()
        with self._transaction():
            failed = self._writer.write(events, None)
        return result_of(events, failed)

    def write_transaction(self, batch: Batch) -> WriteResult:
        """Write all events and the checkpoint, or nothing and name the events that are to blame."""
        try:
            with self._transaction():
                sync = None
                if batch.pipeline:
                    self._checkpoints.save(batch)
                    sync = self._syncs.begin(batch)
                require_none(self._writer.write(batch.events, sync))
        except Refused as refused:
            return nothing_written(refused.failed)
        if batch.pipeline:
            self._checkpoints.saved(batch)
        return result_of(batch.events, [])

    def committed_checkpoint(self, pipeline: str, sink: str) -> Checkpoint | None:
        """Return the stored checkpoint, become its one writer, remove what it does not cover."""
        with self._database.transaction():
            found = self._checkpoints.take_over(pipeline, sink)
            self._syncs.remove_unfinished(pipeline, sink)
        self._checkpoints.taken_over(pipeline, sink)
        return found

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Run the block as one transaction, on what the database is by now."""
        with self._writer.restoring(), self._database.transaction():
            (version,) = self._database.connection.execute("PRAGMA schema_version").fetchone()
            if version != self._schema_version:
                self._tables.forget()
                self._schema_version = version
            yield
