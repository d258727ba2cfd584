"""What a sink does with its database: learn streams, write, tell where it stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from rivven_connect._batch import Batch, Checkpoint
from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._events import SourceEvent
from rivven_connect._sink import WriteResult
from rivven_connect._tables.checkpoints import Checkpoints
from rivven_connect._tables.results import Refused, nothing_written, require_none, result_of
from rivven_connect._tables.store import Store
from rivven_connect._tables.syncs import Syncs
from rivven_connect._tables.tables import Tables
from rivven_connect._tables.writer import Dialect, TableT, Writer

T = TypeVar("T")


class TableSession(ABC, Generic[TableT]):
    """A database. Every method blocks and belongs to the thread that made the session."""

    def __init__(self, dialect: Dialect[TableT], tables: Tables[TableT, Any], store: Store) -> None:
        self._tables = tables
        self._writer = Writer(dialect, tables)
        self._syncs = Syncs(store)
        self._checkpoints = Checkpoints(store)

    @abstractmethod
    def close(self) -> None:
        """Close the database."""

    @abstractmethod
    def _transaction(self, doing: str, work: Callable[[], T]) -> T:
        """Do some work in one transaction, on what the database is by now.

        Raises:
            ConnectorError: it failed; where the answer to a commit was lost, it may have been done.
        """

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
