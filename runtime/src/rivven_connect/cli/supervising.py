"""Runs the parts of a pipeline in processes of their own, as one run.

Whoever starts, stops and watches the run deals with this process alone. The workers share its lock
and its term; they outlive it only to deliver what they have read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Sequence
from typing import Any

from rivven_connect._errors import PipelineError
from rivven_connect._redaction import redact
from rivven_connect.cli.signals import before_exit_now
from rivven_connect.cli.worker_end import failure_of
from rivven_connect.cli.worker_link import CANCEL, DRAIN, GO, Job
from rivven_connect.cli.worker_process import Worker, start_worker
from rivven_connect.pipeline.gathering import GatheredState
from rivven_connect.pipeline.groups import Group
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.store import StateStore
from rivven_connect.pipeline.summary import RunSummary

_log = logging.getLogger("rivven_connect.pipeline")

_LAST_WORDS_S = 1.0
_END_GRACE_S = 3.0


class Supervisor:
    """Runs one pipeline in workers; `state` shows the whole of it."""

    def __init__(
        self,
        plan: PipelinePlan,
        shares: Sequence[Sequence[Group]],
        state: GatheredState,
        *,
        allow_inline_secrets: bool,
        debug: bool,
    ) -> None:
        self._plan = plan
        self._shares = shares
        self._state = state
        self._allow_inline_secrets = allow_inline_secrets
        self._debug = debug
        self._workers: list[Worker] = []
        self._errors: list[Exception] = []
        self._stop = asyncio.Event()
        self._kill_at: float | None = None

    async def run(self, store: StateStore, stop: asyncio.Event) -> RunSummary:
        """Run until all sources end, a worker fails or `stop` is set; as `run_pipeline` does.

        Raises:
            RivvenError: what ended the first worker that failed. The others have delivered what they
                had read.
        """
        self._stop = stop
        summary = self._state.gathered()
        with before_exit_now(self._kill_all):
            try:
                await self._start(store)
                await self._until_ended()
            except BaseException:
                summary.failed = True
                raise
            finally:
                await self._end_rest()
                summary.finished = time.monotonic()
        summary.drained = stop.is_set() and any(one.drained for one in self._workers)
        for error in self._errors[1:]:
            _log.error("%s", redact(str(error)))
        if self._errors:
            raise self._errors[0]
        return summary

    async def _start(self, store: StateStore) -> None:
        for number, share in enumerate(self._shares, 1):
            job = Job(
                file=str(self._plan.path),
                text=self._plan.loaded.document.text,
                sources=[name for group in share for name in group.sources],
                sinks=[name for group in share for name in group.sinks],
                lock=store.lock.descriptor,
                term=store.term,
                allow_inline_secrets=self._allow_inline_secrets,
                debug=self._debug,
            )
            try:
                worker = await start_worker(number, job)
            except OSError as error:
                reason = f"worker {number} cannot be started: {error.strerror}"
                raise PipelineError(reason) from error
            self._workers.append(worker)
            _log.info("%s is process %d", worker, worker.process.pid)
        store.lock.name_holders([one.process.pid for one in self._workers])

    async def _until_ended(self) -> None:
        """Return when all have ended; a stop, or the first that fails, drains the others."""
        following = {asyncio.create_task(self._follow(one)): one for one in self._workers}
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        pending: set[asyncio.Task[Any]] = {*following}
        try:
            while pending:
                watched = pending if stopping.done() else {*pending, stopping}
                done, _ = await asyncio.wait(
                    watched, timeout=self._patience(), return_when=asyncio.FIRST_COMPLETED
                )
                if self._stop.is_set():
                    self._drain()
                for task in done & pending:
                    task.result()
                    self._over(following[task])
                pending -= done
                if self._patience() == 0:
                    self._kill_all()
        finally:
            for task in (stopping, *following):
                task.cancel()
            await asyncio.wait([stopping, *following])

    def _patience(self) -> float | None:
        if self._kill_at is None:
            return None
        return max(0.0, self._kill_at - asyncio.get_running_loop().time())

    async def _follow(self, worker: Worker) -> None:
        """Hear a worker until its process has ended."""
        hearing = asyncio.create_task(self._hear(worker), name=f"worker {worker.number}")
        ended = asyncio.create_task(worker.process.wait())
        try:
            done, _ = await asyncio.wait([ended, hearing], return_when=asyncio.FIRST_COMPLETED)
            if hearing in done:
                hearing.result()
                await ended
            # What a child of the worker has inherited may keep the link open.
            await asyncio.wait([hearing], timeout=_LAST_WORDS_S)
        finally:
            hearing.cancel()
            ended.cancel()
            await asyncio.wait([hearing, ended])

    async def _hear(self, worker: Worker) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await worker.reader.readline():
                message = json.loads(line)
                self._take(worker, message.pop("kind"), message)

    def _take(self, worker: Worker, kind: str, message: dict[str, Any]) -> None:
        if kind == "log":
            record = logging.makeLogRecord(message["record"])
            logging.getLogger(record.name).handle(record)
        elif kind == "ready":
            worker.is_ready = True
            self._state.expect(worker.number)
            if all(one.is_ready for one in self._workers):
                self._begin()
        elif kind == "signalled":
            self._stop.set()
        elif kind == "end":
            worker.end = message
        report = message.get("report")
        if report is not None:
            worker.drained = report["drained"]
            self._state.take(worker.number, report)

    def _begin(self) -> None:
        self._state.started(self._state.gathered())
        for worker in self._workers:
            worker.order(GO)

    def _over(self, worker: Worker) -> None:
        self._state.ended(worker.number, worker.sources, worker.sinks)
        error = failure_of(str(worker), worker.process.returncode or 0, worker.end)
        if error is not None:
            self._errors.append(error)
            self._state.gathered().failed = True
            self._drain()

    def _drain(self) -> None:
        """Let all deliver what they have read; who takes too long is killed."""
        if self._kill_at is not None:
            return
        timeout_s = self._plan.settings.shutdown_timeout_ms / 1000
        self._kill_at = asyncio.get_running_loop().time() + timeout_s + _END_GRACE_S
        self._state.draining()
        for worker in self._workers:
            worker.order(DRAIN)

    async def _end_rest(self) -> None:
        """End what still runs because this run is given up; nothing is delivered any more."""
        running = [one for one in self._workers if one.process.returncode is None]
        waiting = [asyncio.create_task(one.process.wait()) for one in running]
        if waiting:
            for worker in running:
                worker.order(CANCEL)
            await asyncio.wait(waiting, timeout=self._plan.settings.shutdown_timeout_ms / 1000)
            self._kill_all()
            await asyncio.wait(waiting)
        for worker in self._workers:
            worker.writer.close()

    def _kill_all(self) -> None:
        """End all at once and see them end, so that nobody holds the lock any more."""
        for worker in self._workers:
            worker.kill()
        deadline = time.monotonic() + _LAST_WORDS_S
        while any(one.is_running for one in self._workers):
            if time.monotonic() > deadline:
                return
            time.sleep(0.005)
