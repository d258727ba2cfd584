"""Blocking calls of an event loop: short ones run in it, long ones in a thread.

A hop to a thread and back costs more than a write to the page cache or a sync of a fast disk: the
two threads then contend for the interpreter. A slow disk must not hold up the loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import math
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_SHORT_S = 0.003
"""Seconds that a call may keep the loop to itself."""

_LONG_S = 0.1
"""What takes so long in a thread does not only wait for the interpreter there."""

_SHORTEST_REST, _LONGEST_REST = 10, 160
"""Times as long as a call was that was not short, calls of its kind are made in a thread."""

_SHARE = 1 / 3
"""Of a loop's time, for all calls that are made in it."""

_MOST_SAVED_S = 0.05
"""Seconds of that share that may be left over for later."""


async def finish_in_thread(
    call: Callable[[], T], executor: concurrent.futures.Executor | None = None
) -> T:
    """Return what a blocking call returns that runs in a thread; once asked for, it is made.

    A caller that is cancelled waits for its end, so that nothing which the call opens is left
    behind. `asyncio.to_thread` drops a call that no thread has begun, also one that closes something.

    Raises:
        Exception: what `call` raises.
    """
    running = begin_in_thread(call, executor)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def begin_in_thread(
    call: Callable[[], T], executor: concurrent.futures.Executor | None = None
) -> asyncio.Future[T]:
    """Return what a call in a thread will come to; who cancels that, and has not shielded it, drops it."""
    run = contextvars.copy_context().run
    # A future, not a task: tasks are cancelled when the loop ends, and what they wait for with them.
    running = asyncio.get_running_loop().run_in_executor(executor, run, call)
    running.add_done_callback(_settle)
    return running


def _settle(running: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waits for: else asyncio logs it, unmasked."""
    if not running.cancelled():
        running.exception()


class _Allowance:
    """What is left of the share of a loop's time that calls may have."""

    def __init__(self, now: float) -> None:
        self._left_s = _MOST_SAVED_S
        self._since = now

    def has_any(self, now: float) -> bool:
        """Whether another call may be made in the loop."""
        self._left_s = min(_MOST_SAVED_S, self._left_s + _SHARE * (now - self._since))
        self._since = now
        return self._left_s > 0

    def take(self, seconds: float) -> None:
        """Note what a call has taken."""
        self._left_s -= seconds


_allowances: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Allowance] = (
    weakref.WeakKeyDictionary()
)


class Offload:
    """Runs calls of one kind, in their order: in the loop while they are short, else in a thread.

    Only the loop shows how long a call takes. In a thread it waits for the interpreter as well, each
    time that it has let go of it, and beside a busy loop that is longer than a disk takes. Hence a
    call that was not short in the loop sends those of its kind to the thread for a while, and then
    the next one shows how it is by now. The while is ten times as long as the call was; it doubles
    as long as they are not short.
    """

    def __init__(self, executor: concurrent.futures.Executor | None = None) -> None:
        self._executor = executor
        self._running = 0
        self._is_first = True
        self._away_until = -math.inf
        self._rest = _SHORTEST_REST

    async def run(self, call: Callable[[], T]) -> T:
        """Return what `call` returns; once begun it ends, even if its caller is cancelled.

        Raises:
            Exception: what `call` raises.
        """
        loop = asyncio.get_running_loop()
        if self._may_run_in(loop):
            return self._in_loop(call, loop)
        self._is_first = False
        self._running += 1
        future = loop.run_in_executor(self._executor, self._in_thread, call, loop)
        future.add_done_callback(self._ended)
        return await asyncio.shield(future)

    def _may_run_in(self, loop: asyncio.AbstractEventLoop) -> bool:
        # Never beside one in the thread: calls of one kind may share a connection or a file. The
        # first goes there, because a disk may be very slow.
        now = loop.time()
        if self._running or self._is_first or now < self._away_until:
            return False
        return _allowance_of(loop, now).has_any(now)

    def _in_loop(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop) -> T:
        started = loop.time()  # which a simulation decides, so that a seed is the same twice
        try:
            return call()
        finally:
            now = loop.time()
            taken = now - started
            _allowance_of(loop, now).take(taken)
            if taken > _SHORT_S:
                self._stay_away(now, taken)
                self._rest = min(2 * self._rest, _LONGEST_REST)
            else:
                self._rest = max(self._rest // 2, _SHORTEST_REST)

    def _in_thread(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop) -> T:
        started = loop.time()
        try:
            return call()
        finally:
            now = loop.time()
            if now - started > _LONG_S:
                self._stay_away(now, now - started)

    def _stay_away(self, now: float, taken: float) -> None:
        self._away_until = max(self._away_until, now + self._rest * taken)

    def _ended(self, _: object) -> None:
        self._running -= 1


def _allowance_of(loop: asyncio.AbstractEventLoop, now: float) -> _Allowance:
    found = _allowances.get(loop)
    if found is None:
        found = _allowances[loop] = _Allowance(now)
    return found
