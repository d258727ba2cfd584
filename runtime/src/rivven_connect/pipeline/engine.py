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

from rivven_connect._redaction import redact
from rivven_connect.pipeline.committer import Committer
from rivven_connect.pipeline.delivery import SinkRunner
from rivven_connect.pipeline.failures import DrainDeadlinePassed
from rivven_connect.pipeline.observer import Observer
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.selection import catalog_for_sink
from rivven_connect.pipeline.sourcing import SourceRunner
from rivven_connect.pipeline.store import Store
from rivven_connect.pipeline.summary import ConnectorCounts, ConnectorStatus, Gauges, RunSummary

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
    return await _Engine(plan, store, observer or Observer(), stop or asyncio.Event()).run()


class _Engine:
    def __init__(
        self, plan: PipelinePlan, store: Store, observer: Observer, stop: asyncio.Event
    ) -> None:
        self._plan = plan
        self._observer = observer
        self._stop = stop
        self._summary = _new_summary(plan)
        self._committer = Committer(store, plan, self._summary, observer)
        self._sinks = {
            sink.name: SinkRunner(sink, observer, shares_events=_shares_events(plan, sink.topics))
            for sink in plan.sinks
        }

    async def run(self) -> RunSummary:
        try:
            async with contextlib.AsyncExitStack() as stack:
                sources = await self._start(stack)
                if sources is not None:
                    self._summary.mark(ConnectorStatus.RUNNING)
                    self._observer.started(self._summary)
                    await self._read_all(sources)
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
            for sink in self._sinks.values():
                await sink.open(stack)
            sources = await self._open_sources(stack)
            chosen = [(source.plan, source.catalog) for source in sources]
            for sink in self._sinks.values():
                await sink.prepare(catalog_for_sink(sink.plan, chosen))
        if stopped.expired():
            self._summary.drained = True
            self._observer.draining()
            return None
        return sources

    async def _open_sources(self, stack: contextlib.AsyncExitStack) -> list[SourceRunner]:
        sources = []
        budget = max(1, self._plan.settings.queue_bytes // len(self._plan.sources))
        for source in self._plan.sources:
            runner = SourceRunner(
                source,
                [self._sinks[sink.name] for sink in self._plan.sinks_of(source)],
                self._committer,
                self._observer,
                max_records=self._plan.settings.max_in_flight,
                max_bytes=budget,
                loaded=self._plan.loaded,
            )
            stack.push_async_callback(runner.close)
            await runner.open()
            sources.append(runner)
        return sources

    async def _read_all(self, sources: Sequence[SourceRunner]) -> None:
        """Run all sources; the first that fails, or `stop`, ends the reading of all."""
        tasks = [asyncio.create_task(one.run(), name=one.plan.name) for one in sources]
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        late: list[str] = []
        try:
            await self._until_stop(tasks, stop)
            if any(not task.done() for task in tasks):
                late = await self._drain(sources, tasks)
        finally:
            stop.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.wait([stop, *tasks])
        _raise_first(tasks)
        if late:
            raise DrainDeadlinePassed(
                f"{', '.join(late)} did not come to rest within "
                f"{self._plan.settings.shutdown_timeout_ms} ms; what was committed is valid and "
                "the next run continues from there"
            )

    async def _until_stop(
        self, tasks: Sequence[asyncio.Task[None]], stop: asyncio.Task[object]
    ) -> None:
        """Return when all tasks are done, one has failed, or a stop was asked for."""
        running = set(tasks)
        while running:
            await asyncio.wait([*running, stop], return_when=asyncio.FIRST_COMPLETED)
            failed = any(task.done() and task.exception() for task in tasks)
            running = {task for task in running if not task.done()}
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


def _raise_first(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Raise the first error of the tasks; the others are logged."""
    errors = [
        error for task in tasks if not task.cancelled() and (error := task.exception()) is not None
    ]
    for error in errors[1:]:
        _log.error("%s", redact(str(error)))
    if errors:
        raise errors[0]


def _new_summary(plan: PipelinePlan) -> RunSummary:
    summary = RunSummary(plan.name)
    for source in plan.sources:
        summary.sources[source.name] = ConnectorCounts(
            "source", source.name, source.spec.connector_type
        )
    for sink in plan.sinks:
        summary.sinks[sink.name] = ConnectorCounts("sink", sink.name, sink.spec.connector_type)
    summary.gauges = {(one.kind, one.name): Gauges() for one in summary.connectors()}
    return summary


def _shares_events(plan: PipelinePlan, topics: Sequence[str]) -> bool:
    """Whether another sink gets the very events that a sink with these topics gets."""
    readers = [topic for sink in plan.sinks for topic in sink.topics]
    return any(readers.count(topic) > 1 for topic in topics)
