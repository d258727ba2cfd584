"""Ends a run that makes no progress: first by asking its loop, then without asking.

Everything committed is durable at any moment, so ending the process by force loses nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from rivven_connect._errors import PipelineError
from rivven_connect.pipeline.monitoring import RunState

_LOOP_GRACE_S = 2.0
_SHORTEST_CHECK_S = 0.02
_LONGEST_CHECK_S = 1.0


class Watchdog:
    """Watches the age of a run's progress from a thread of its own.

    When nothing has moved for `state.stall_timeout_s`, it asks the loop to cancel the run's task. A
    loop that does not hear within two seconds, or a run that has not ended `end_grace_s` after
    that, is given up: `give_up` gets the reason, in the watchdog's thread, and ends the process.
    """

    def __init__(
        self, state: RunState, *, give_up: Callable[[PipelineError], None], end_grace_s: float
    ) -> None:
        self._state = state
        self._give_up = give_up
        self._end_grace_s = end_grace_s
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.error: PipelineError | None = None
        """Why the run was asked to end, once it was."""

    def start(self, run: asyncio.Task[Any]) -> None:
        """Begin to watch `run`, in its loop; with a stall timeout of 0 there is nothing to watch."""
        if self._state.stall_timeout_s > 0:
            self._thread = threading.Thread(
                target=self._watch, args=(run,), name="watchdog", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End the watch: the run is over."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, run: asyncio.Task[Any]) -> None:
        timeout = self._state.stall_timeout_s
        interval = min(max(timeout / 10, _SHORTEST_CHECK_S), _LONGEST_CHECK_S)
        while not self._state.has_stalled():
            if self._ended.wait(interval):
                return
        self.error = PipelineError(_reason(self._state))
        self._state.stalled = True
        heard = _cancel(run)
        grace = self._end_grace_s if heard.wait(_LOOP_GRACE_S) else 0.0
        if not self._ended.wait(grace):
            self._give_up(self.error)


def _cancel(run: asyncio.Task[Any]) -> threading.Event:
    """Ask the loop to cancel a task; the event is set once it has heard, or has ended by itself."""
    heard = threading.Event()

    def cancel() -> None:
        heard.set()
        run.cancel()

    try:
        run.get_loop().call_soon_threadsafe(cancel)
    except RuntimeError:  # the loop has been closed meanwhile
        heard.set()
    return heard


def _reason(state: RunState) -> str:
    """Say since when nothing moves, and who holds records meanwhile."""
    holding = [
        f"{one.kind} {one.name!r} holds {gauges.in_flight_records:,} records"
        for one, gauges in state.connectors()
        if gauges.in_flight_records
    ]
    detail = f" ({', '.join(holding)})" if holding else ""
    return (
        f"no progress for {state.idle_s() * 1000:,.0f} ms{detail}; stall_timeout_ms is "
        f"{state.stall_timeout_s * 1000:,.0f}. What was committed is valid and the next run "
        "continues from there"
    )
