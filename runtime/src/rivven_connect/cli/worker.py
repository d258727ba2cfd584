"""A worker: runs some sources and sinks of a pipeline, in a process of its own, for another process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from rivven_connect._documents import parse_document
from rivven_connect._errors import PipelineError
from rivven_connect._metrics import metrics_backend
from rivven_connect._redaction import redact_json
from rivven_connect._registry import Registries
from rivven_connect.cli.edge import describe, disk_full, exited, is_unforeseen, print_frames
from rivven_connect.cli.logs import configure_logging, watch_connector
from rivven_connect.cli.progress import collect_seldom, settle_memory
from rivven_connect.cli.signals import draining_on_signals, run_until_drained
from rivven_connect.cli.worker_link import CANCEL, DRAIN, GO, Job, Link
from rivven_connect.pipeline.engine import run_pipeline
from rivven_connect.pipeline.fingerprint import check_identity
from rivven_connect.pipeline.gathering import REPORT_EVERY_S, report_of
from rivven_connect.pipeline.joined_store import JoinedStore
from rivven_connect.pipeline.loading import loaded_pipeline
from rivven_connect.pipeline.monitoring import RunState
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.planning import plan_pipeline

_log = logging.getLogger("rivven_connect.pipeline")

_METRICS_EVERY = 4
"""Reports; there may be a thousand series, and nobody asks for them that often."""


def main(job: Mapping[str, Any], descriptor: int, received: bytes) -> NoReturn:
    """Do what `job` says, tell over `descriptor` how it is, and exit; `received` came after the job."""
    sys.exit(_Worker(Job(**job), Link(descriptor, received)).run())


class _Worker:
    def __init__(self, job: Job, link: Link) -> None:
        self._job = job
        self._link = link
        self._state: _WorkerState | None = None
        self._is_ordered = False

    def run(self) -> int:
        """Work to the end, say how it went, and return the exit code."""
        error: Exception | None = None
        try:
            self._work()
        except asyncio.CancelledError:
            error = PipelineError("cancelled")
        except SystemExit:
            error = exited()
        except Exception as caught:  # noqa: BLE001  # the edge of this process
            error = disk_full(caught) or caught
        if error is not None and self._job.debug:
            print_frames(error)
        described = _described(error) if error is not None else None
        report = report_of(self._state, with_metrics=True) if self._state is not None else None
        self._link.send("end", report=report, error=described)
        return described["exit_code"] if described is not None else 0

    def _work(self) -> None:
        job = self._job
        collect_seldom()
        self._log_to_link("warn", "text")
        loaded = loaded_pipeline(parse_document(job.text, path=job.file))
        whole = plan_pipeline(
            loaded, Registries.installed(), allow_inline_secrets=job.allow_inline_secrets
        )
        plan = whole.part(job.sources, job.sinks)
        self._log_to_link(plan.settings.log.level, plan.settings.log.format)
        store = JoinedStore.join(plan.state_dir, plan.name, descriptor=job.lock, term=job.term)
        try:
            # What stands in variables and files may have changed since the owner looked.
            check_identity(plan, store, accept=False)
            run_until_drained(self._drive(plan, store))
        finally:
            store.close()

    def _log_to_link(self, level: str, format_: str) -> None:
        """Let the other process write the log, so that lines do not mix; alone, write it here."""
        watch_connector()
        configure_logging(level, format_)
        root = logging.getLogger()
        root.handlers = [_ToLink(self._link, root.handlers[0])]

    async def _drive(self, plan: PipelinePlan, store: JoinedStore) -> None:
        stop, go = asyncio.Event(), asyncio.Event()
        state = self._state = _WorkerState(plan, self._link, go)
        with contextlib.ExitStack() as stack:
            drain = stack.enter_context(
                draining_on_signals(stop, plan.settings.shutdown_timeout_ms)
            )
            # Blocked since before this process began, so that none could end it half-way.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
            if plan.settings.metrics.enabled:
                stack.enter_context(metrics_backend(state.recorded))
            stack.enter_context(self._reporting(state))
            self._obey_in_thread(drain, go)
            stopped = asyncio.create_task(self._heed(stop), name="stop")
            try:
                async with state.beating():
                    state.summary = await run_pipeline(plan, store=store, observer=state, stop=stop)
            finally:
                stopped.cancel()
                await asyncio.wait([stopped])

    async def _heed(self, stop: asyncio.Event) -> None:
        """A stop that nobody ordered is one of the whole run."""
        await stop.wait()
        if not self._is_ordered:
            self._link.send("signalled")

    def _obey_in_thread(self, drain: Callable[[], None], go: asyncio.Event) -> None:
        """Do what the other process orders; where it has gone, deliver what was read and end."""
        loop, run = asyncio.get_running_loop(), asyncio.current_task()

        def obey() -> None:
            for command in self._link.commands():
                if command == GO:
                    loop.call_soon_threadsafe(go.set)
                elif command == DRAIN:
                    self._is_ordered = True
                    drain()
                elif command == CANCEL and run is not None:
                    loop.call_soon_threadsafe(run.cancel)
            self._is_ordered = True
            _log.warning("the process that started this worker has gone; delivering what was read")
            drain()

        def obey_while_it_runs() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it is over
                obey()

        threading.Thread(target=obey_while_it_runs, name="orders", daemon=True).start()

    @contextlib.contextmanager
    def _reporting(self, state: RunState) -> Iterator[None]:
        """Say how the run is while the block lasts, from a thread: the loop may be busy."""
        ended = threading.Event()

        def tell() -> None:
            number = 0
            while not ended.wait(REPORT_EVERY_S):
                number += 1
                report = report_of(state, with_metrics=number % _METRICS_EVERY == 0)
                self._link.send("report", report=report)

        thread = threading.Thread(target=tell, name="report", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()


def _described(error: Exception) -> dict[str, Any]:
    return {**describe(error), "is_unforeseen": is_unforeseen(error)}


class _WorkerState(RunState):
    """Watches a part of a run, which begins when all parts are ready."""

    def __init__(self, plan: PipelinePlan, link: Link, go: asyncio.Event) -> None:
        super().__init__(plan, settle_memory)
        self._link = link
        self._go = go

    async def ready(self) -> None:
        """Wait for the other parts: what keeps one of them from starting keeps all from reading."""
        self._link.send("ready")
        await self._go.wait()

    def draining(self) -> None:
        """Note it, without a word: it is said once for the whole run."""
        self.is_draining = True


class _ToLink(logging.Handler):
    """Sends masked records to the process that writes the log."""

    def __init__(self, link: Link, alone: logging.Handler) -> None:
        super().__init__()
        self._link = link
        self._alone = alone

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record, or write it here if nobody is there any more."""
        fields = {
            "name": record.name,
            "levelno": record.levelno,
            "levelname": record.levelname,
            "msg": record.getMessage(),
            "created": record.created,
            "exc_text": record.exc_text,
            "process": os.getpid(),
            "fields": redact_json(getattr(record, "fields", None)),
        }
        if not self._link.send("log", record=fields):
            self._alone.handle(record)
