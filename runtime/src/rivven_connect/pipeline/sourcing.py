"""One source from open to close: read, hand to the sinks, commit behind them, acknowledge."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from rivven_connect import _hooks
from rivven_connect._batch import Item
from rivven_connect._cancellation import connector_call
from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._failpoints import failpoint
from rivven_connect._json import JsonObject
from rivven_connect._sink import JsonForm
from rivven_connect._source import Source
from rivven_connect._state import State
from rivven_connect.pipeline.chain import TransformChain
from rivven_connect.pipeline.committer import Committer
from rivven_connect.pipeline.cutting import PieceLimits
from rivven_connect.pipeline.delivery import SinkRunner
from rivven_connect.pipeline.ledger import Ledger, SinkGone
from rivven_connect.pipeline.lifecycle import open_connector
from rivven_connect.pipeline.loading import LoadedPipeline
from rivven_connect.pipeline.observer import Observer
from rivven_connect.pipeline.patience import Patience
from rivven_connect.pipeline.plan import SourcePlan
from rivven_connect.pipeline.reading import SourceReader
from rivven_connect.pipeline.schemas import StreamSchemas
from rivven_connect.pipeline.selection import configured_catalog, read_again
from rivven_connect.pipeline.settling import Settler
from rivven_connect.pipeline.summary import ConnectorCounts, Gauges
from rivven_connect.pipeline.window import Piece, Window

_log = logging.getLogger("rivven_connect.source")

_TICK_S = 0.1
"""Seconds that a trickle waits for company before it is handed to the sinks."""


class SourceRunner:
    """Moves the records of one source to its sinks, and its checkpoint behind them."""

    def __init__(
        self,
        plan: SourcePlan,
        sinks: Sequence[SinkRunner],
        committer: Committer,
        *,
        observer: Observer,
        counts: ConnectorCounts,
        gauges: Gauges,
        max_records: int,
        max_bytes: int,
        qualifies: bool,
        loaded: LoadedPipeline,
    ) -> None:
        self.plan = plan
        self.catalog = ConfiguredCatalog()
        self._schemas = StreamSchemas(plan, self.catalog)
        self._sinks = sinks
        self._committer = committer
        self._gauges = gauges
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._qualifies = qualifies
        self._loaded = loaded
        self._chain = TransformChain(plan.transforms, plan.retry)
        self._stack = contextlib.AsyncExitStack()
        self._source: Source[Any] | None = None
        self._draining = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._reader: SourceReader | None = None
        self._patience = Patience(
            f"source {plan.name!r}", plan, observer, counts, gauges, pipeline=loaded.path.stem
        )
        self._guard = self._patience.guard()
        self._settler = Settler(plan, committer, self._patience, self._guard, gauges)

    async def open(self, state: dict[str, JsonObject]) -> None:
        """Open the source and choose its streams; `state` is where it begins.

        Raises:
            RivvenError: the source cannot be opened.
        """
        self._settler.committed = state
        for sink in self._sinks:
            sink.start_at(self.plan.name, self._settler.snapshot())
        while True:
            try:
                source = await self._connect()
                with connector_call("discover"):
                    catalog = await source.discover(self.plan.config)
                self.catalog = configured_catalog(self.plan, catalog, self._loaded)
                self._schemas = StreamSchemas(self.plan, self.catalog)
            except Exception as error:  # noqa: BLE001  # a connector may raise anything; `_back_off` decides
                await self._back_off(error)
            else:
                self._tell_of_repetition(state)
                return

    def _tell_of_repetition(self, state: dict[str, JsonObject]) -> None:
        """Say where rows of an earlier run will stand a second time: no guarantee is about that."""
        names = read_again(self.catalog, state)
        sinks = [sink.plan.name for sink in self._sinks if sink.plan.mode == "append"]
        if names and sinks:
            _log.warning(
                "source %s reads %s whole again, and %s appends to what it has: rows that were there "
                "come again; a cursor, or `mode: upsert`, keeps them apart",
                self.plan.name,
                ", ".join(names),
                ", ".join(sinks),
            )

    async def run(self) -> None:
        """Read to the end, or until drained; a failure that may pass starts a new session.

        Raises:
            SinkGone: a sink has failed; its own error says why.
            RivvenError: what ended the source; everything before it is committed.
        """
        while not self._draining.is_set():
            try:
                source = self._source or await self._connect()
                await self._settler.acknowledge(source)
                if not self._draining.is_set():
                    await self._session(source)
            except SinkGone:
                raise
            except Exception as error:  # noqa: BLE001  # a connector may raise anything; `_back_off` decides
                await self._back_off(error)
            else:
                return

    def drain(self) -> None:
        """Stop reading; what was read is still delivered."""
        self._draining.set()
        if self._reading is not None:
            self._reading.cancel()
            asyncio.get_running_loop().call_later(_TICK_S, self._deliver_early, self._reading)

    def _deliver_early(self, reading: asyncio.Task[None]) -> None:
        """Deliver what is there while the reader still waits for a thread, which may take long."""
        if self._reader is not None and not reading.done():
            self._reader.rush()

    async def close(self) -> None:
        """Close the source and its transforms, in reverse."""
        self._source = None
        stack, self._stack = self._stack, contextlib.AsyncExitStack()
        await stack.aclose()

    async def _connect(self) -> Source[Any]:
        source = self.plan.factory.create()
        context = open_connector(source, self.plan.config, f"source {self.plan.name!r}")
        await self._stack.enter_async_context(context)
        await self._chain.open(self._stack)
        self._source = source
        return source

    async def _back_off(self, error: Exception) -> None:
        """Close, then wait before the next try, or raise what ends the source."""
        await self._close_after(error)
        delay = self._patience.after(self._guard, error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._draining.wait()

    async def _close_after(self, error: Exception) -> None:
        """Close what a failure left open; a connection that broke may not close well either."""
        self._source = None
        stack, self._stack = self._stack, contextlib.AsyncExitStack()
        with contextlib.suppress(type(error)):
            async with stack:
                raise error

    async def _session(self, source: Source[Any]) -> None:
        """Read from the last checkpoint until the source ends, fails, or is drained.

        Three tasks: the reader fills the window, this one hands its pieces to the sinks, and the
        settler commits what all of them have.
        """
        ledger = Ledger(self.plan.name)
        for sink in self._sinks:
            await sink.begin(self.plan.name, self._settler.snapshot(), ledger)
        reader = SourceReader(
            self.plan,
            self._schemas,
            chain=self._chain,
            patience=self._patience,
            limits=self._piece_limits(),
            forms={sink.form for sink in self._sinks},
            json_form=JsonForm.of_all(
                [sink.json_form for sink in self._sinks if sink.form == "json"]
            ),
            qualifies=self._qualifies,
            make_window=self._window,
        )
        window = reader.window
        reading = asyncio.create_task(reader.run(self._items(source)), name="read")
        settling = asyncio.create_task(self._settler.run(source, ledger, window), name="settle")
        # Not only the reader's own end: a task that is cancelled before its first step never runs.
        reading.add_done_callback(lambda _: window.end())
        settling.add_done_callback(lambda _: window.end())
        self._reading, self._reader = reading, reader
        if self._draining.is_set():
            reading.cancel()
        try:
            while (piece := await window.next()) is not None:
                await self._hand_out(piece, ledger)
            await self._hand_out(Piece(urgent=True), ledger)
            ledger.close()
            await settling
            # The source may still be closing its cursor: a second cancel would break that.
            await asyncio.wait([reading])
        finally:
            self._reading = self._reader = None
            if not reading.cancelling():
                reading.cancel()
            settling.cancel()
            await asyncio.wait([reading, settling])
            for sink in self._sinks:
                sink.end(ledger)
        if not reading.cancelled() and (error := reading.exception()) is not None:
            raise error

    def _items(self, source: Source[Any]) -> AsyncIterator[Item]:
        saved = self._settler.snapshot()
        state = State.from_json(saved) if saved else None
        if not self.plan.reads_by_hooks:
            return source.read(self.plan.config, self.catalog, state)
        return _hooks.read_streams(
            source,
            self.plan.config,
            self.catalog,
            state,
            concurrency=self.plan.concurrency,
            isolate=self.plan.isolate_streams,
        )

    async def _hand_out(self, piece: Piece, ledger: Ledger) -> None:
        """Enter a piece and put it before the sinks; its dead letters are durable first."""
        await self._committer.keep("source", self.plan.name, piece.letters)
        failpoint("source_letters_kept")
        sinks = [sink for sink in self._sinks if _concerns(piece, sink)]
        entry = ledger.add(piece, len(sinks))
        for sink in sinks:
            sink.inbox.put(entry)
        self._gauges.last_progress = asyncio.get_running_loop().time()

    def _window(self, collect: Callable[[], None]) -> Window:
        waits = [sink.limits.max_wait_ms / 1000 for sink in self._sinks]
        return Window(
            max_records=self._max_records,
            max_bytes=self._max_bytes,
            tick=min([_TICK_S, *waits]),
            collect=collect,
            gauges=self._gauges,
        )

    def _piece_limits(self) -> PieceLimits:
        """Return how large a piece may be: as the smallest batch of the sinks, and even paced."""
        largest = PieceLimits()
        records = [sink.limits.max_records for sink in self._sinks]
        if self.plan.rate_limit.events_per_second:
            records.append(max(1, int(self.plan.rate_limit.events_per_second / 10)))
        return PieceLimits(
            max_records=min([largest.max_records, *records]),
            max_bytes=min([largest.max_bytes, *(sink.limits.max_bytes for sink in self._sinks)]),
            columnar_records=min(records) if records else largest.max_records,
            columnar_bytes=min(
                [self._max_bytes // 8, *(one.limits.max_bytes for one in self._sinks)]
            ),
        )


def _concerns(piece: Piece, sink: SinkRunner) -> bool:
    """Whether a sink must see a piece: for its events, or for what they mean to it."""
    if piece.records or piece.urgent or piece.catalog is not None:
        return True
    return bool(piece.states) and sink.plan.delivery == "transactional"
