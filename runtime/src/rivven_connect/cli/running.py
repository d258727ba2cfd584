"""A run and what stands around it: signals, endpoints, progress, watchdog."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading

from rivven_connect._errors import ExitCode, PipelineError
from rivven_connect._metrics import metrics_backend
from rivven_connect.cli.progress import Progress
from rivven_connect.cli.signals import draining_on_signals, exit_now
from rivven_connect.pipeline.engine import run_pipeline
from rivven_connect.pipeline.monitoring import RunState
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.recorded import RecordedMetrics
from rivven_connect.pipeline.store import StateStore
from rivven_connect.pipeline.summary import RunSummary
from rivven_connect.pipeline.watchdog import Watchdog

_log = logging.getLogger("rivven_connect.pipeline")

_LAST_WORDS_S = 1.0


def run_watched(
    plan: PipelinePlan, store: StateStore, state: RunState, progress: Progress
) -> RunSummary:
    """Run a pipeline to its end, and show how it is meanwhile.

    Raises:
        InputError: an endpoint cannot be opened; nothing has been read.
        PipelineError: what ended the run, a stall included.
    """
    watchdog = Watchdog(
        state, give_up=_give_up, end_grace_s=plan.settings.shutdown_timeout_ms / 1000
    )
    with contextlib.ExitStack() as stack:
        _open_endpoints(stack, plan, state)
        stack.enter_context(progress.showing(state))
        # Behind `asyncio.run`, which itself waits for threads that may never end.
        stack.callback(watchdog.stop)
        return asyncio.run(_drive(plan, store, state, watchdog))


async def _drive(
    plan: PipelinePlan, store: StateStore, state: RunState, watchdog: Watchdog
) -> RunSummary:
    stop = asyncio.Event()
    task = asyncio.current_task()
    if task is not None:
        watchdog.start(task)
    with draining_on_signals(stop, plan.settings.shutdown_timeout_ms):
        try:
            async with state.beating():
                return await run_pipeline(plan, store=store, observer=state, stop=stop)
        except asyncio.CancelledError:
            if watchdog.error is None:
                raise
            raise watchdog.error from None


def _open_endpoints(stack: contextlib.ExitStack, plan: PipelinePlan, state: RunState) -> None:
    if not (plan.settings.health.enabled or plan.settings.metrics.enabled):
        return
    from rivven_connect.pipeline.endpoints import serving  # noqa: PLC0415  # the rest runs without

    recorded = RecordedMetrics()
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
