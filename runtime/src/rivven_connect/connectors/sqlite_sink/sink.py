"""The sqlite sink: one table a stream, one transaction a batch.

At least once, or each record once by its key (`upsert`), or rows and checkpoint in one transaction
(`transactional`). Every call commits before it returns, so `flush` has nothing to do.

A field is a column: of the type that the stream's schema declares, or of any type. Lists and objects are
JSON text, booleans 0 and 1. What SQLite would change is refused, record by record. Columns and tables
that begin with `_rivven` are the sink's own; `_rivven_type` says insert, update, delete or truncate where
a row is an event: in append mode, and in upsert mode for streams without a primary key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import ClassVar, TypeVar

from rivven_connect import Batch, Checkpoint, ConfiguredCatalog, SourceEvent, WriteResult
from rivven_connect._sqlite import translated
from rivven_connect._tables.threads import SessionThread
from rivven_connect.connectors.sqlite_sink._generated import SqliteSinkBase, SqliteSinkConfig
from rivven_connect.connectors.sqlite_sink.database import (
    require_database,
    require_writable,
)
from rivven_connect.connectors.sqlite_sink.session import Session

T = TypeVar("T")


class SqliteSink(SqliteSinkBase):
    """Writes to a SQLite database from a thread of its own, so that the loop never waits."""

    truncates: ClassVar[bool] = True

    def __init__(self) -> None:
        self._thread: SessionThread[Session] = SessionThread("rivven-sqlite-sink")

    async def close(self) -> None:
        """Close the database, after what still runs."""
        await self._thread.close()

    async def check_open_database(self, config: SqliteSinkConfig) -> None:
        """Return if the file is a database that can be read, or is still to be made."""
        await asyncio.to_thread(_checked, require_database, config.path)

    async def check_writable(self, config: SqliteSinkConfig) -> None:
        """Return if the database can be written; nothing is created or changed."""
        await asyncio.to_thread(_checked, require_writable, config.path)

    async def prepare(self, config: SqliteSinkConfig, catalog: ConfiguredCatalog) -> None:
        """Make and widen the tables of the streams; nothing is ever removed from them."""
        await self._run(config, lambda session: session.prepare(catalog))

    async def write(
        self, config: SqliteSinkConfig, events: AsyncIterator[SourceEvent]
    ) -> WriteResult:
        """Write the events that can be stored, in one transaction without a checkpoint."""
        collected = [event async for event in events]
        return await self._run(config, lambda session: session.write(collected))

    async def write_transaction(self, config: SqliteSinkConfig, batch: Batch) -> WriteResult:
        """Write all events and the checkpoint in one transaction, or nothing."""
        return await self._thread.write_transaction(lambda: Session(config), batch)

    async def committed_checkpoint(
        self, config: SqliteSinkConfig, pipeline: str, sink: str
    ) -> Checkpoint | None:
        """Return the checkpoint that the database holds; from now on, only this sink moves it."""
        return await self._run(config, lambda session: session.committed_checkpoint(pipeline, sink))

    async def _run(self, config: SqliteSinkConfig, work: Callable[[Session], T]) -> T:
        return await self._thread.run(lambda: Session(config), work)


def _checked(check: Callable[[Path], None], path: str) -> None:
    with translated(path, use="written"):
        check(Path(path))
