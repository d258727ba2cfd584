"""Many deadlines and one timer.

`asyncio.timeout_at` sets a timer for each wait, and the loop has to clear away those that never rang:
that costs a tenth of a request. Here the timer stays set while waits come and go.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Deadlines:
    """Ends waits that last too long, of tasks of one loop."""

    def __init__(self) -> None:
        self._waits: set[_Wait] = set()
        self._timer: asyncio.TimerHandle | None = None

    def until(self, deadline: float) -> _Wait:
        """Return a context that raises `TimeoutError` at `deadline`, in the loop's time."""
        return _Wait(self, deadline)

    def close(self) -> None:
        """Stop the timer; nothing may wait any more."""
        if self._timer is not None:
            self._timer.cancel()

    def begin(self, wait: _Wait) -> None:
        """Watch a wait, and ring at its deadline if no other is due before."""
        self._waits.add(wait)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(wait.deadline, self._ring)
        elif wait.deadline < self._timer.when():
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_at(wait.deadline, self._ring)

    def end(self, wait: _Wait) -> None:
        """Leave a wait alone."""
        self._waits.discard(wait)

    def _ring(self) -> None:
        """End what is overdue, and ring again at the next deadline."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for wait in [wait for wait in self._waits if wait.deadline <= now]:
            self.end(wait)
            wait.expire()
        self._timer = None
        if self._waits:
            self._timer = loop.call_at(min(wait.deadline for wait in self._waits), self._ring)


class _Wait:
    """One wait of the current task; it ends and counts cancellations as `asyncio.Timeout` does."""

    __slots__ = ("_cancelling", "_deadlines", "_is_over", "_task", "deadline")

    def __init__(self, deadlines: Deadlines, deadline: float) -> None:
        self._deadlines = deadlines
        self.deadline = deadline
        self._is_over = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be told that its time is up")
        self._task = task
        self._cancelling = task.cancelling()
        self._deadlines.begin(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._deadlines.end(self)
        if (
            self._is_over
            and self._task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise TimeoutError from error

    def expire(self) -> None:
        """Cancel what the task waits for."""
        self._is_over = True
        self._task.cancel()
