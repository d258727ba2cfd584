"""One source from open to close: read, deliver, commit, acknowledge, and try again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._errors import ConnectorError
from rivven_connect._failpoints import failpoint
from rivven_connect._json import JsonObject, decode_json, encode_json
from rivven_connect._retry import RetryGuard
from rivven_connect._source import Source
from rivven_connect._state import State
from rivven_connect.pipeline.chain import TransformChain
from rivven_connect.pipeline.committer import Committer
from rivven_connect.pipeline.delivery import SinkRunner
from rivven_connect.pipeline.failures import classify, stop_error
from rivven_connect.pipeline.lifecycle import open_connector
from rivven_connect.pipeline.loading import LoadedPipeline
from rivven_connect.pipeline.observer import Observer
from rivven_connect.pipeline.plan import SourcePlan
from rivven_connect.pipeline.reading import SourceReader
from rivven_connect.pipeline.selection import configured_catalog
from rivven_connect.pipeline.summary import ConnectorCounts
from rivven_connect.pipeline.window import FlushLimits, Unit, Window

_PLAIN_LIMITS = FlushLimits(max_records=1_000, max_bytes=1024 * 1024, max_wait=0.1)


class SourceRunner:
    """Moves the records of one source to its sinks, and its checkpoint behind them."""

    def __init__(
        self,
        plan: SourcePlan,
        sinks: Sequence[SinkRunner],
        committer: Committer,
        observer: Observer,
        *,
        max_records: int,
        max_bytes: int,
        loaded: LoadedPipeline,
    ) -> None:
        self.plan = plan
        self.catalog = ConfiguredCatalog()
        self._sinks = sinks
        self._committer = committer
        self._observer = observer
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._loaded = loaded
        self._chain = TransformChain(plan.transforms, plan.retry)
        self._stack = contextlib.AsyncExitStack()
        self._source: Source[Any] | None = None
        self._committed: dict[str, JsonObject] = {}
        self._draining = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._guard = RetryGuard(plan.retry)

    async def open(self) -> None:
        """Load the state, open the source and choose its streams.

        Raises:
            RivvenError: the state cannot be read, or the source cannot be opened.
        """
        self._committed = await self._committer.load(self.plan.name)
        while True:
            try:
                source = await self._connect()
                catalog = await source.discover(self.plan.config)
                self.catalog = configured_catalog(self.plan, catalog, self._loaded)
            except Exception as error:  # noqa: BLE001  # a connector may raise anything; `_back_off` decides
                await self._back_off(error)
            else:
                return

    async def run(self) -> None:
        """Read to the end, or until drained; a failure that may pass starts a new session.

        Raises:
            RivvenError: what ended the source; everything before it is committed.
        """
        while not self._draining.is_set():
            try:
                source = self._source or await self._connect()
                await self._acknowledge(source)
                await self._session(source)
            except Exception as error:  # noqa: BLE001  # a connector may raise anything; `_back_off` decides
                await self._back_off(error)
            else:
                return

    def drain(self) -> None:
        """Stop reading; what was read is still delivered."""
        self._draining.set()
        if self._reading is not None:
            self._reading.cancel()

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
        failure = classify(error)
        await self._close_after(error)
        if not (isinstance(failure, ConnectorError) and self._guard.should_retry(failure)):
            self._committer.failed(self.plan.name)
            raise stop_error(f"source {self.plan.name!r}", error) from error
        delay_ms = self._guard.record_attempt(failure)
        self._committer.retried(self.plan.name)
        self._observer.retrying(f"source {self.plan.name!r}", failure, delay_ms)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_ms / 1000):
                await self._draining.wait()

    async def _close_after(self, error: Exception) -> None:
        """Close what a failure left open; a connection that broke may not close well either."""
        self._source = None
        stack, self._stack = self._stack, contextlib.AsyncExitStack()
        with contextlib.suppress(type(error)):
            async with stack:
                raise error

    async def _session(self, source: Source[Any]) -> None:
        """Read from the last checkpoint until the source ends, fails, or is drained."""
        reader = SourceReader(self.plan, self.catalog, self._chain, self._window)
        state = State.from_json(self._snapshot()) if self._committed else None
        items = source.read(self.plan.config, self.catalog, state)
        reading = asyncio.create_task(reader.run(items), name=f"read {self.plan.name}")
        # Not only the reader's own end: a task that is cancelled before its first step never runs.
        reading.add_done_callback(lambda _: reader.window.end())
        self._reading = reading
        try:
            while (unit := await reader.window.take()) is not None:
                await self._deliver(source, unit)
                reader.window.release(unit)
        finally:
            self._reading = None
            reading.cancel()
            await asyncio.wait([reading])
        if not reading.cancelled() and (error := reading.exception()) is not None:
            raise error

    def _window(self, collect: Callable[[], None]) -> Window:
        return Window(
            max_records=self._max_records,
            max_bytes=self._max_bytes,
            limits=self._limits(),
            collect=collect,
        )

    def _limits(self) -> FlushLimits:
        """Return when to flush: as the most impatient of the batching sinks wants it."""
        batching = [sink.limits for sink in self._sinks if sink.plan.is_batching]
        if not batching:
            return _PLAIN_LIMITS
        return FlushLimits(
            max_records=min(one.max_records for one in batching),
            max_bytes=min(one.max_bytes for one in batching),
            max_wait=min(one.max_wait_ms for one in batching) / 1000,
        )

    async def _deliver(self, source: Source[Any], unit: Unit) -> None:
        """Bring one unit to its end in every sink; only then does the checkpoint move."""
        name = self.plan.name
        await self._committer.keep("source", name, unit.letters)
        failpoint("source_letters_kept")
        own = ConnectorCounts("source", name, self.plan.spec.connector_type)
        own.read, own.filtered, own.dropped = unit.read, unit.filtered, unit.dropped
        own.written, own.dead_letters, own.bytes = len(unit.events), len(unit.letters), unit.size
        counts = [own]
        if unit.events:
            for sink in self._sinks:
                delivered = await sink.deliver(name, unit.events)
                await self._committer.keep("sink", sink.plan.name, delivered.letters)
                failpoint("sink_letters_kept")
                counts.append(delivered.counts)
        states = {key: decode_json(encoded) for key, encoded in unit.states.items()}
        failpoint("before_commit")
        await self._committer.commit(name, states, counts)
        failpoint("after_commit")
        before = dict(self._committed)
        for (stream, partition), state in states.items():
            self._committed[f"{stream}/{partition}" if partition else stream] = state
        # A source that delivers the same again and fails again gets no further.
        if self._committed != before or not self.plan.spec.replayable:
            self._guard.reset()
        if states:
            await self._acknowledge(source)
            failpoint("after_acknowledge")

    async def _acknowledge(self, source: Source[Any]) -> None:
        """Tell the source what is durable; a failure is tried again and undoes nothing."""
        if not self._committed or type(source).acknowledge is Source.acknowledge:
            return
        guard = RetryGuard(self.plan.retry)
        while True:
            try:
                await source.acknowledge(self.plan.config, State.from_json(self._snapshot()))
            except Exception as error:
                failure = classify(error)
                if not (isinstance(failure, ConnectorError) and guard.should_retry(failure)):
                    where = f"source {self.plan.name!r}: acknowledge"
                    raise stop_error(where, error) from error
                delay_ms = guard.record_attempt(failure)
                self._observer.retrying(f"source {self.plan.name!r}", failure, delay_ms)
                await asyncio.sleep(delay_ms / 1000)
            else:
                return

    def _snapshot(self) -> dict[str, JsonObject]:
        """Return the committed state as a copy: a source may do with it what it likes."""
        found: dict[str, JsonObject] = decode_json(encode_json(self._committed))
        return found
