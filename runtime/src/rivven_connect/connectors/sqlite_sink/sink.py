"""The sqlite sink: one table a stream, one transaction a batch.

At least once, or each record once by its key (`upsert`), or rows and checkpoint in one transaction
(`transactional`). Every call commits before it returns, so `flush` has nothing to do.

A field is a column: of the type that the stream's schema declares, or of any type. Lists and objects are
JSON text, booleans 0 and 1. What SQLite would change is refused, record by record. Columns and tables
that begin with `_rivven` are the sink's own; `_rivven_type` says insert, update or delete where a row is
an event: in append mode, and in upsert mode for streams without a primary key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from rivven_connect import Batch, Checkpoint, ConfiguredCatalog, SourceEvent, WriteResult
from rivven_connect._sqlite import translated
from rivven_connect.connectors.sqlite_sink._generated import SqliteSinkBase, SqliteSinkConfig
from rivven_connect.connectors.sqlite_sink.database import (
    require_database,
    require_writable,
)
from rivven_connect.connectors.sqlite_sink.session import Session

T = TypeVar("T")


class SqliteSink(SqliteSinkBase):
    """Writes to a SQLite database from a thread of its own, so that the loop never waits."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._session: Session | None = None

    async def close(self) -> None:
        """Close the database, after what still runs."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                await asyncio.get_running_loop().run_in_executor(thread, self._close_session)
            finally:
                thread.shutdown()

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
        return await self._run(config, lambda session: session.write_transaction(batch))

    async def committed_checkpoint(
        self, config: SqliteSinkConfig, pipeline: str, sink: str
    ) -> Checkpoint | None:
        """Return the checkpoint that the database holds; from now on, only this sink moves it."""
        return await self._run(config, lambda session: session.committed_checkpoint(pipeline, sink))

    async def _run(self, config: SqliteSinkConfig, work: Callable[[Session], T]) -> T:
        """Do some work in the thread; it goes on to its end even if this task is cancelled."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="rivven-sqlite-sink")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._work, config, work)

    def _work(self, config: SqliteSinkConfig, work: Callable[[Session], T]) -> T:
        with translated(config.path, use="written"):
            if self._session is None:
                self._session = Session(config)
            return work(self._session)

    def _close_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()


def _checked(check: Callable[[Path], None], path: str) -> None:
    with translated(path, use="written"):
        check(Path(path))
