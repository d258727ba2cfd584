"""One reading, from its first connection to its last: the slot, the rows that were there, the changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from rivven_connect import ConfiguredCatalog, ConnectorError, EventBatch, Item, State
from rivven_connect.connectors.postgres_cdc_source._generated import PostgresCdcSourceConfig
from rivven_connect.connectors.postgres_cdc_source.changes import Assembler
from rivven_connect.connectors.postgres_cdc_source.intake import Intake, Pulse
from rivven_connect.connectors.postgres_cdc_source.opening import (
    Opening,
    create_slot,
    look,
    open_readers,
)
from rivven_connect.connectors.postgres_cdc_source.place import Place, saved_place
from rivven_connect.connectors.postgres_cdc_source.relations import Relations
from rivven_connect.connectors.postgres_cdc_source.server import read_server
from rivven_connect.connectors.postgres_cdc_source.snapshot import (
    LEFT_OUT,
    TablePlan,
    TableReader,
    is_complete,
    read_tables_at_once,
    require_followed,
    saved_key,
)
from rivven_connect.connectors.postgres_cdc_source.stream import ReplicationStream, start_stream
from rivven_connect.connectors.postgres_cdc_source.tuples import ProtocolError
from rivven_connect.postgres import connect, connected, in_thread

if TYPE_CHECKING:
    import psycopg

_POLL_S = 0.1
"""Seconds between two questions how far the server is, where the reading is to end there."""

_NEVER = 1 << 64

_PATIENCE_S = 5.0
"""Seconds that the slot's creation waits for its announcement to be saved."""


class Session:
    """What one `read` holds; `close` ends what is left of it."""

    def __init__(
        self, config: PostgresCdcSourceConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> None:
        self._config = config
        self._chosen = {one.stream.full_name() for one in catalog.streams}
        self._state = state or State()
        self._opening = Opening([], {}, None, needs_slot=False)
        self._place: Place | None = None
        self._readers: list[psycopg.Connection[Any]] = []
        self._stream: ReplicationStream | None = None
        self.announced = asyncio.Event()
        """Set when it is saved that the slot will be created."""

    async def start(self) -> AsyncGenerator[Item, None]:
        """Yield the places to save while the slot and the publication are looked at or created.

        Raises:
            ConnectorError: changes are missing, or something is not as it must be.
        """
        saved = saved_place(self._state)
        async with connected(self._config) as connection:
            self._opening = await in_thread(
                connection, lambda: look(connection, self._config, self._chosen, saved)
            )
        place = self._place = self._opening.place
        if place is None:
            return
        require_followed(
            self._state,
            [plan.table for plan in self._opening.plans],
            slot=place.slot,
            is_new=self._opening.needs_slot and self._config.snapshot.mode == "initial",
        )
        for name in sorted({*self._state.stream_names()} - self._chosen):
            yield EventBatch(stream=name, records=[], state=LEFT_OUT)
        if self._opening.needs_slot:
            yield place.batch()
            # Not all who read do save.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await self.announced.wait()
            count = self._reader_count()
            async with connected(self._config, replication=True) as replication:
                self._place, self._readers = await in_thread(
                    replication,
                    lambda: create_slot(replication, self._config, place, count),
                    made=lambda found: found[1],
                )
        yield self._at.batch()

    async def rows(self) -> AsyncGenerator[Item, None]:
        """Yield the rows of the tables that were not read to their end yet."""
        count = self._reader_count()
        if not count:
            return
        try:
            if not self._readers:
                self._readers = await in_thread(
                    None, lambda: open_readers(self._config, count, None), made=list
                )
            readers = list(map(self._reader, self._unread()))
            async with contextlib.aclosing(read_tables_at_once(readers, self._readers)) as items:
                async for item in items:
                    yield item
        finally:
            self._close_readers()

    async def changes(self) -> AsyncGenerator[Item, None]:
        """Yield changes, for ever or until what was committed by now has been read.

        Raises:
            ConnectorError: the connection ended, or the server sends what cannot be read.
        """
        if self._place is None:
            return
        connection, end = await in_thread(None, self._connect, made=lambda found: found[:1])
        stream = self._stream = ReplicationStream(
            connection, self._at.lsn, self._config.heartbeat_interval_ms
        )
        until = end if self._config.mode == "catch_up" else _NEVER
        try:
            async with contextlib.aclosing(self._follow(stream, until)) as items:
                async for item in items:
                    yield item
        except ProtocolError as error:
            raise ConnectorError.fatal(f"what the server sends cannot be read: {error}") from error

    async def _follow(self, stream: ReplicationStream, until: int) -> AsyncGenerator[Item, None]:
        assembler = Assembler(self._at)
        relations = Relations(self._config, self._opening.plans, self._opening.types)
        pulse = Pulse(self._config.heartbeat_interval_ms / 1000, self._at.lsn)
        intake = Intake(stream, assembler, pulse)
        while True:
            frames = stream.receive()
            for relation in intake.take_in(frames):
                if relation is not None:
                    assembler.define(relation, *await relations.target(relation))
                    continue
                for item in assembler.take():
                    yield item
            at = assembler.place.lsn
            is_end = at >= until
            is_ripe = pulse.is_due(at, is_end=is_end) or (assembler.has_whole and not frames)
            if is_ripe:
                pulse.beat(at)
                for item in assembler.take_whole():
                    yield item
            if is_end:
                return
            if frames:
                await asyncio.sleep(0)  # others may have work, also where all of this is left out
                continue
            if not is_ripe:
                if until != _NEVER:
                    stream.tell(wants_reply=True)
                await stream.wait(pulse.interval_s if until == _NEVER else _POLL_S)

    def tell(self, place: Place) -> None:
        """Tell the server that everything before a place is delivered."""
        if self._stream is not None:
            self._stream.delivered = max(place.lsn, self._stream.delivered)
            self._stream.tell()

    async def close(self) -> None:
        """End all connections."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        self._close_readers()

    @property
    def _at(self) -> Place:
        if self._place is None:
            raise ConnectorError.internal("changes are read and no place is known")
        return self._place

    def _unread(self) -> list[TablePlan]:
        if self._config.snapshot.mode == "never":
            return []
        state = self._state
        plans = self._opening.plans
        return [one for one in plans if not is_complete(state.get_stream(one.table.full_name()))]

    def _reader_count(self) -> int:
        return min(self._config.snapshot.parallel_tables, len(self._unread()))

    def _reader(self, plan: TablePlan) -> TableReader:
        after = saved_key(self._state.get_stream(plan.table.full_name()), plan)
        return TableReader(
            plan, self._opening.types, after, batch_size=self._config.snapshot.batch_size
        )

    def _connect(self) -> tuple[psycopg.Connection[Any], int]:
        """Return a connection that streams, and where the server's log ends now."""
        place = self._at
        connection = connect(self._config, replication=True)
        try:
            end = read_server(connection).lsn
            start_stream(connection, place.slot, self._config.publication_name, place.lsn)
        except BaseException:
            connection.close()
            raise
        return connection, end

    def _close_readers(self) -> None:
        readers, self._readers = self._readers, []
        for one in readers:
            one.close()
