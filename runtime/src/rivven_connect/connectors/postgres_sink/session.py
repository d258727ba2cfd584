"""What the sink does with its database: learn streams, write, tell where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from rivven_connect import Batch, Checkpoint, ConfiguredCatalog, SourceEvent, WriteResult
from rivven_connect._tables.checkpoints import Checkpoints
from rivven_connect._tables.results import Refused, nothing_written, require_none, result_of
from rivven_connect._tables.syncs import Syncs
from rivven_connect._tables.writer import Writer
from rivven_connect.connectors.postgres_sink._generated import PostgresSinkConfig
from rivven_connect.connectors.postgres_sink.database import Database
from rivven_connect.connectors.postgres_sink.faults import is_stale
from rivven_connect.connectors.postgres_sink.statements import Statements
from rivven_connect.connectors.postgres_sink.store import PostgresStore
from rivven_connect.connectors.postgres_sink.tables import tables_of
from rivven_connect.postgres import translated

T = TypeVar("T")


class Session:
    """A database. Every method blocks and belongs to the thread that made the session.

    It outlives its connection: who writes for a pipeline stays the same when the server was restarted.
    """

    def __init__(self, config: PostgresSinkConfig) -> None:
        self._database = Database(config)
        self._tables = tables_of(
            self._database,
            schema=config.schema_,
            table=config.table,
            default_schema=config.default_schema,
        )
        self._writer = Writer(Statements(self._database), self._tables)
        store = PostgresStore(self._database, config.default_schema)
        self._syncs = Syncs(store)
        self._checkpoints = Checkpoints(store)
        self._connections = 0

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def prepare(self, catalog: ConfiguredCatalog) -> None:
        """Make and widen the tables of the catalog's streams."""
        self._transaction("preparing tables", lambda: self._tables.learn(catalog))

    def write(self, events: Sequence[SourceEvent]) -> WriteResult:
        """Write the events that can be stored, in one transaction, and name the others."""
        if not events:
            return WriteResult()
        failed = self._transaction("writing", lambda: self._writer.write(events, None))
        return result_of(events, failed)

    def write_transaction(self, batch: Batch, *, may_be_done: bool) -> WriteResult:
        """Write all events and the checkpoint, or nothing and name the events that are to blame.

        Args:
            batch: what to write.
            may_be_done: whether this process has tried before and never learnt what came of it.
        """

        def work() -> None:
            sync = None
            if batch.pipeline:
                if may_be_done and self._checkpoints.has_committed(batch):
                    self._writer.follow(batch.events)
                    return
                self._checkpoints.save(batch)
                sync = self._syncs.begin(batch)
            require_none(self._writer.write(batch.events, sync))

        try:
            self._transaction("writing", work)
        except Refused as refused:
            return nothing_written(refused.failed)
        if batch.pipeline:
            self._checkpoints.saved(batch)
        return result_of(batch.events, [])

    def committed_checkpoint(self, pipeline: str, sink: str) -> Checkpoint | None:
        """Return the stored checkpoint, become its one writer, remove what it does not cover."""

        def work() -> Checkpoint | None:
            found = self._checkpoints.take_over(pipeline, sink)
            self._syncs.remove_unfinished(pipeline, sink)
            return found

        found = self._transaction("reading the checkpoint", work)
        self._checkpoints.taken_over(pipeline, sink)
        return found

    def _transaction(self, doing: str, work: Callable[[], T]) -> T:
        """Do some work in one transaction, twice if a table turns out to be another than it was.

        Raises:
            ConnectorError: it failed; where the connection was lost, it may have been committed.
        """
        with translated(doing):
            try:
                return self._once(work)
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
