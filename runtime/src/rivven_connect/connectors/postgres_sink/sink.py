"""The postgres sink: one table a stream, one transaction a batch.

At least once, or each record once by its key (`upsert`), or rows and checkpoint in one transaction
(`transactional`). Every call commits before it returns, so `flush` has nothing to do.

A field is a column: of PostgreSQL's own type where the source is one, else of the type that the stream's
schema declares, else `jsonb`. Columns that are there keep their type, and what they cannot hold is
refused, record by record. Columns and tables that begin with `_rivven` are the sink's own;
`_rivven_type` says insert, update or delete where a row is an event: in append mode, and in upsert mode
for streams without a primary key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import ClassVar, TypeVar

from rivven_connect import Batch, Checkpoint, ConfiguredCatalog, SourceEvent, WriteResult
from rivven_connect._tables.threads import SessionThread
from rivven_connect.connectors.postgres_sink._generated import PostgresSinkBase, PostgresSinkConfig
from rivven_connect.connectors.postgres_sink.checks import require_connection, require_rights
from rivven_connect.connectors.postgres_sink.session import Session

T = TypeVar("T")


class PostgresSink(PostgresSinkBase):
    """Writes to a PostgreSQL database from a thread of its own, so that the loop never waits."""

    truncates: ClassVar[bool] = True

    def __init__(self) -> None:
        self._thread: SessionThread[Session] = SessionThread("rivven-postgres-sink")

    async def close(self) -> None:
        """Close the connection, after what still runs."""
        await self._thread.close()

    async def check_connect(self, config: PostgresSinkConfig) -> None:
        """Return if the database can be reached."""
        await asyncio.to_thread(require_connection, config)

    async def check_permissions(self, config: PostgresSinkConfig) -> None:
        """Return if tables can be made or written to; nothing is changed."""
        await asyncio.to_thread(require_rights, config)

    async def prepare(self, config: PostgresSinkConfig, catalog: ConfiguredCatalog) -> None:
        """Make and widen the tables of the streams; nothing is ever removed from them."""
        await self._run(config, lambda session: session.prepare(catalog))

    async def write(
        self, config: PostgresSinkConfig, events: AsyncIterator[SourceEvent]
    ) -> WriteResult:
        """Write the events that can be stored, in one transaction without a checkpoint."""
        collected = [event async for event in events]
        return await self._run(config, lambda session: session.write(collected))

    async def write_transaction(self, config: PostgresSinkConfig, batch: Batch) -> WriteResult:
        """Write all events and the checkpoint in one transaction, or nothing."""
        return await self._thread.write_transaction(lambda: Session(config), batch)

    async def committed_checkpoint(
        self, config: PostgresSinkConfig, pipeline: str, sink: str
    ) -> Checkpoint | None:
        """Return the checkpoint that the database holds; from now on, only this sink moves it."""
        return await self._run(config, lambda session: session.committed_checkpoint(pipeline, sink))

    async def _run(self, config: PostgresSinkConfig, work: Callable[[Session], T]) -> T:
        return await self._thread.run(lambda: Session(config), work)
