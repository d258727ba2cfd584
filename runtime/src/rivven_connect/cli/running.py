"""A run and what stands around it: signals, endpoints, progress, watchdog."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable

from rivven_connect._errors import ExitCode, PipelineError
from rivven_connect._metrics import metrics_backend
from rivven_connect.cli.progress import Progress
from rivven_connect.cli.signals import draining_on_signals, exit_now, run_until_drained
from rivven_connect.pipeline.engine import run_pipeline
from rivven_connect.pipeline.monitoring import RunState
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.store import StateStore
from rivven_connect.pipeline.summary import RunSummary
from rivven_connect.pipeline.watchdog import Watchdog

_log = logging.getLogger("rivven_connect.pipeline")

_LAST_WORDS_S = 1.0
_WORKERS_MS = 1_500


Run = Callable[[StateStore, asyncio.Event], Awaitable[RunSummary]]
"""Runs a pipeline whose state it gets, until its sources end or the event is set."""


def run_watched(
    plan: PipelinePlan,
    store: StateStore,
    state: RunState,
    progress: Progress,
    run: Run | None = None,
) -> RunSummary:
    """Run a pipeline to its end, and show how it is meanwhile; `run` instead of in this process.

    Raises:
        InputError: an endpoint cannot be opened; nothing has been read.
        PipelineError: what ended the run, a stall included.
    """
    # Other processes watch their deadline themselves, and then have to be heard.
    deadline_ms = plan.settings.shutdown_timeout_ms + (_WORKERS_MS if run is not None else 0)
    run = run or (lambda store, stop: run_pipeline(plan, store=store, observer=state, stop=stop))
    watchdog = Watchdog(state, give_up=_give_up, end_grace_s=deadline_ms / 1000)
    with contextlib.ExitStack() as stack:
        _open_endpoints(stack, plan, state)
        stack.enter_context(progress.showing(state))
        # Behind the end of the loop, which itself waits for threads that may never end.
        stack.callback(watchdog.stop)
        return run_until_drained(_drive(run, store, state, watchdog, deadline_ms))


async def _drive(
    run: Run, store: StateStore, state: RunState, watchdog: Watchdog, deadline_ms: int
) -> RunSummary:
    stop = asyncio.Event()
    task = asyncio.current_task()
    if task is not None:
        watchdog.start(task)
    with draining_on_signals(stop, deadline_ms):
        try:
            async with state.beating():
                return await run(store, stop)
        except asyncio.CancelledError:
            if watchdog.error is None:
                raise
            raise watchdog.error from None


def _open_endpoints(stack: contextlib.ExitStack, plan: PipelinePlan, state: RunState) -> None:
    if not (plan.settings.health.enabled or plan.settings.metrics.enabled):
        return
    from rivven_connect.pipeline.endpoints import serving  # noqa: PLC0415  # the rest runs without

    recorded = state.recorded
    if plan.settings.metrics.enabled:
        stack.enter_context(metrics_backend(recorded))
    stack.enter_context(serving(plan, state, recorded))


def _give_up(error: PipelineError) -> None:
    """Say why and end the process, also where saying hangs: nobody may be reading the log."""
    code = int(ExitCode.CONNECTOR)
    timer = threading.Timer(_LAST_WORDS_S, exit_now, [code])
    timer.daemon = True
    timer.start()
    _log.error("%s; the run did not end when asked to", error)
    exit_now(code)
