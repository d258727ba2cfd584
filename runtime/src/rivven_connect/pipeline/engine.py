"""Runs a pipeline: the order of operations at start, per flush and at the end.

At start: state -> open sinks -> open source -> discover, configured catalog -> prepare sinks ->
acknowledge the loaded state -> read. Per flush: read -> transform -> hand-off -> dead letters
durable -> write -> flush -> dead letters of the write durable -> commit -> acknowledge. At the end,
everything is closed once, in reverse.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Sequence

from rivven_connect._json import JsonObject
from rivven_connect._network import set_network_policy
from rivven_connect._redaction import redact
from rivven_connect.pipeline.committer import Committer
from rivven_connect.pipeline.delivery import SinkRunner
from rivven_connect.pipeline.failures import DrainDeadlinePassed
from rivven_connect.pipeline.ledger import SinkGone
from rivven_connect.pipeline.observer import Observer
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.sourcing import SourceRunner
from rivven_connect.pipeline.store import Store
from rivven_connect.pipeline.summary import ConnectorStatus, RunSummary
from rivven_connect.pipeline.transactions import States

_log = logging.getLogger("rivven_connect.pipeline")


async def run_pipeline(
    plan: PipelinePlan,
    *,
    store: Store,
    observer: Observer | None = None,
    stop: asyncio.Event | None = None,
) -> RunSummary:
    """Run a pipeline until its sources end or `stop` is set, and return what it did.

    After `stop`, nothing more is read; what was read is delivered and committed.

    Raises:
        RivvenError: what ended the pipeline; everything before it is committed.
        DrainDeadlinePassed: delivering took longer than `shutdown_timeout_ms` after `stop`.
    """
    set_network_policy(plan.settings.network)
    return await _Engine(plan, store, observer or Observer(), stop or asyncio.Event()).run()


class _Engine:
    def __init__(
        self, plan: PipelinePlan, store: Store, observer: Observer, stop: asyncio.Event
    ) -> None:
        self._plan = plan
        self._observer = observer
        self._stop = stop
        self._summary = plan.summary()
        self._committer = Committer(store, plan, self._summary, observer)
        self._sinks = {
            sink.name: SinkRunner(
                sink,
                self._committer,
                observer=observer,
                counts=self._summary.sinks[sink.name],
                gauges=self._summary.gauges["sink", sink.name],
                pipeline=plan.name,
                shares_events=_shares_events(plan, sink.topics),
            )
            for sink in plan.sinks
        }

    async def run(self) -> RunSummary:
        try:
            async with contextlib.AsyncExitStack() as stack:
                sources = await self._start(stack)
                if sources is not None:
                    self._summary.mark(ConnectorStatus.RUNNING)
                    self._observer.started(self._summary)
                    await self._move(sources)
        except BaseException:
            self._summary.failed = True
            raise
        finally:
            self._summary.mark(ConnectorStatus.STOPPED)
            await self._committer.close()
            self._summary.finished = time.monotonic()
        return self._summary

    async def _start(self, stack: contextlib.AsyncExitStack) -> list[SourceRunner] | None:
        """Open everything; None if a stop was asked for meanwhile, however long connecting takes.

        A connector is opened in the task that will close it, so the stop comes as a timeout.
        """
        sources: list[SourceRunner] = []
        async with _interrupted_by(self._stop) as stopped:
            states = {one.name: await self._committer.load(one.name) for one in self._plan.sources}
            for name, sink in self._sinks.items():
                held = await sink.open(stack)
                if held is not None:
                    await self._follow(name, held, states)
            sources = await self._open_sources(stack, states)
            chosen = [(source.plan, source.catalog) for source in sources]
            for sink in self._sinks.values():
                await sink.prepare([one for one in chosen if one[0].topic in sink.plan.topics])
            await self._observer.ready()
        if stopped.expired():
            self._summary.drained = True
            self._observer.draining()
            return None
        return sources

    async def _follow(
        self, sink: str, held: States, states: dict[str, dict[str, JsonObject]]
    ) -> None:
        """Let a transactional sink's checkpoint win where it leads; our store is then a cache."""
        for source in self._plan.sources:
            leader = self._plan.leader_of(source)
            if leader is None or leader.name != sink:
                continue
            ours, found = states[source.name], held.get(source.name, {})
            edited = await self._committer.edited(source.name)
            if edited:
                states[source.name] = _as_edited(ours, found, edited)
                continue
            if ours and not found:
                _log.warning(
                    "sink %s holds no checkpoint of source %s: it is read from its start",
                    sink,
                    source.name,
                )
            states[source.name] = found

    async def _open_sources(
        self, stack: contextlib.AsyncExitStack, states: dict[str, dict[str, JsonObject]]
    ) -> list[SourceRunner]:
        sources = []
        budget = max(1, self._plan.settings.queue_bytes // len(self._plan.sources))
        for source in self._plan.sources:
            runner = SourceRunner(
                source,
                [self._sinks[sink.name] for sink in self._plan.sinks_of(source)],
                self._committer,
                observer=self._observer,
                counts=self._summary.sources[source.name],
                gauges=self._summary.gauges["source", source.name],
                max_records=self._plan.settings.max_in_flight,
                max_bytes=budget,
                qualifies=self._plan.qualifies_positions(source),
                loaded=self._plan.loaded,
            )
            stack.push_async_callback(runner.close)
            await runner.open(states[source.name])
            sources.append(runner)
        return sources

    async def _move(self, sources: Sequence[SourceRunner]) -> None:
        """Run all sources and sinks; the first that fails, or `stop`, ends the reading of all."""
        reading = [asyncio.create_task(one.run(), name=one.plan.name) for one in sources]
        writing = [
            asyncio.create_task(one.run(), name=one.plan.name) for one in self._sinks.values()
        ]
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        late: list[str] = []
        try:
            await self._until_stop(reading, writing, stop)
            if any(not task.done() for task in reading):
                late = await self._drain(sources, reading)
        finally:
            for task in (stop, *reading, *writing):
                task.cancel()
            await asyncio.wait([stop, *reading, *writing])
        _raise_first([*writing, *reading])
        if late:
            raise DrainDeadlinePassed(
                f"{', '.join(late)} did not come to rest within "
                f"{self._plan.settings.shutdown_timeout_ms} ms; what was committed is valid and "
                "the next run continues from there"
            )

    async def _until_stop(
        self,
        reading: Sequence[asyncio.Task[None]],
        writing: Sequence[asyncio.Task[None]],
        stop: asyncio.Task[object],
    ) -> None:
        """Return when all sources are done, anything has failed, or a stop was asked for."""
        while any(not task.done() for task in reading):
            running = [task for task in (*reading, *writing) if not task.done()]
            await asyncio.wait([*running, stop], return_when=asyncio.FIRST_COMPLETED)
            done = [task for task in (*reading, *writing) if task.done()]
            failed = any(task.cancelled() or task.exception() for task in done)
            if failed or stop.done():
                return

    async def _drain(
        self, sources: Sequence[SourceRunner], tasks: Sequence[asyncio.Task[None]]
    ) -> list[str]:
        """Stop the reading and wait for the rest; return the names of what took too long."""
        self._summary.drained = self._stop.is_set()
        self._observer.draining()
        for source in sources:
            source.drain()
        timeout = self._plan.settings.shutdown_timeout_ms / 1000
        _, late = await asyncio.wait(tasks, timeout=timeout)
        return sorted(task.get_name() for task in late)


@contextlib.asynccontextmanager
async def _interrupted_by(stop: asyncio.Event) -> AsyncIterator[asyncio.Timeout]:
    """Leave the block as soon as `stop` is set; the timeout says whether that happened."""

    async def watch() -> None:
        await stop.wait()
        limit.reschedule(asyncio.get_running_loop().time())

    limit = asyncio.timeout(None)
    watcher: asyncio.Task[None] | None = None
    try:
        async with limit:
            watcher = asyncio.create_task(watch(), name="stop while opening")
            yield limit
    except TimeoutError:
        if not limit.expired():
            raise
    finally:
        if watcher is not None:
            watcher.cancel()
            await asyncio.wait([watcher])


def _as_edited(
    ours: dict[str, JsonObject], held: dict[str, JsonObject], edited: set[str]
) -> dict[str, JsonObject]:
    """Return where a source begins after `state reset` or `import`: ours, for what was edited."""
    if "" in edited:
        return ours
    kept = {stream: state for stream, state in held.items() if stream not in edited}
    return kept | {stream: ours[stream] for stream in edited if stream in ours}


def _raise_first(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Raise the first error of the tasks; the others are logged."""
    errors = [
        error
        for task in tasks
        if not task.cancelled()
        and (error := task.exception()) is not None
        and not isinstance(error, SinkGone)
    ]
    for error in errors[1:]:
        _log.error("%s", redact(str(error)))
    if errors:
        raise errors[0]


def _shares_events(plan: PipelinePlan, topics: Sequence[str]) -> bool:
    """Whether another sink gets the very events that a sink with these topics gets."""
    readers = [topic for sink in plan.sinks for topic in sink.topics]
    return any(readers.count(topic) > 1 for topic in topics)
