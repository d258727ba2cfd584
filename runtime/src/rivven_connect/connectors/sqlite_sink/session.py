"""What the sink does with its database: learn streams, write, tell where it stands."""

from __future__ import annotations

from collections.abc import Sequence

from rivven_connect import Batch, Checkpoint, ConfiguredCatalog, SourceEvent, WriteResult
from rivven_connect.connectors.sqlite_sink._generated import SqliteSinkConfig
from rivven_connect.connectors.sqlite_sink.checkpoints import Checkpoints
from rivven_connect.connectors.sqlite_sink.database import Database
from rivven_connect.connectors.sqlite_sink.syncs import Syncs
from rivven_connect.connectors.sqlite_sink.tables import Tables
from rivven_connect.connectors.sqlite_sink.writer import Writer


class Session:
    """An open database. Every method blocks and belongs to the thread that made the session."""

    def __init__(self, config: SqliteSinkConfig) -> None:
        self._database = Database(
            config.path,
            busy_timeout_ms=config.busy_timeout_ms,
            journal_mode=config.journal_mode,
        )
        connection = self._database.connection
        self._tables = Tables(connection, config.table)
        self._writer = Writer(connection, self._tables)
        self._syncs = Syncs(connection)
        self._checkpoints = Checkpoints(connection)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def prepare(self, catalog: ConfiguredCatalog) -> None:
        """Make and widen the tables of the catalog's streams."""
        with self._writer.restoring(), self._database.transaction():
            self._tables.begin()
            self._tables.learn(catalog)

    def write(self, events: Sequence[SourceEvent]) -> WriteResult:
        """Write the events that can be stored, in one transaction, and name the others."""
        if not events:
            return WriteResult()
        with self._writer.restoring(), self._database.transaction():
            self._tables.begin()
            failed = self._writer.write(events, None)
        return _result(len(events) - len(failed), failed)

    def write_transaction(self, batch: Batch) -> WriteResult:
        """Write all events and the checkpoint, or nothing and name the events that are to blame."""
        try:
            with self._writer.restoring(), self._database.transaction():
                self._tables.begin()
                sync = None
                if batch.pipeline:
                    self._checkpoints.save(batch)
                    sync = self._syncs.begin(batch)
                _require_none(self._writer.write(batch.events, sync))
        except _Refused as refused:
            return _result(0, refused.failed)
        if batch.pipeline:
            self._checkpoints.saved(batch)
        return _result(len(batch.events), [])

    def committed_checkpoint(self, pipeline: str, sink: str) -> Checkpoint | None:
        """Return the stored checkpoint, become its one writer, remove what it does not cover."""
        with self._database.transaction():
            found = self._checkpoints.take_over(pipeline, sink)
            self._syncs.remove_unfinished(pipeline, sink)
        self._checkpoints.taken_over(pipeline, sink)
        return found


class _Refused(Exception):
    """Undoes a transaction because of some events."""

    def __init__(self, failed: Sequence[tuple[SourceEvent, str]]) -> None:
        super().__init__()
        self.failed = failed


def _require_none(failed: Sequence[tuple[SourceEvent, str]]) -> None:
    if failed:
        raise _Refused(failed)


def _result(written: int, failed: Sequence[tuple[SourceEvent, str]]) -> WriteResult:
    result = WriteResult()
    result.add_success(written)
    for event, reason in failed:
        result.add_failed_event(event, reason)
    return result
