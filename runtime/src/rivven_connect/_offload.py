"""Blocking calls of an event loop: short ones run in it, long ones in a thread.

A hop to a thread and back costs more than a write to the page cache or a sync of a fast disk: the
two threads then contend for the interpreter. A slow disk must not hold up the loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import math
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

SHORT_S = 0.005
"""Seconds that a call may keep the loop to itself: as long as a thread may keep the interpreter."""

_LONG_S = 0.1
"""What takes so long in a thread does not only wait for the interpreter there."""

_SHORTEST_STINT, _LONGEST_STINT = 4, 256
"""Calls that are made in a thread before one shows in the loop how long it takes by now."""


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


class Offload:
    """Runs calls of one kind, in their order: in the loop while they are short, else in a thread.

    Only the loop shows how long a call takes. In a thread it waits for the interpreter as well, each
    time that it has let go of it, and beside a busy loop that is longer than the disk takes. Hence
    stints: behind so many calls in the thread one is made in the loop, to see. While that is not
    short, stints become longer.
    """

    def __init__(self, executor: concurrent.futures.Executor | None = None) -> None:
        self._executor = executor
        self._running = 0
        self._left = 1
        """Calls of this stint that are still to be made; the first call has one to itself."""
        self._next_stint = _SHORTEST_STINT
        self._quickest_s = math.inf
        """What the quickest call of this stint has taken."""

    async def run(self, call: Callable[[], T]) -> T:
        """Return what `call` returns; once begun it ends, even if its caller is cancelled.

        Raises:
            Exception: what `call` raises.
        """
        loop = asyncio.get_running_loop()
        # Never beside one in the thread: calls of one kind may share a connection or a file.
        if self._running == 0 and self._left <= 0:
            if self._quickest_s < _LONG_S:
                return self._in_loop(call, loop)
            self._begin_stint()
        self._left -= 1
        self._running += 1
        future = loop.run_in_executor(self._executor, self._in_thread, call, loop)
        future.add_done_callback(self._ended)
        return await asyncio.shield(future)

    def _in_loop(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop) -> T:
        started = loop.time()  # which a simulation decides, so that a seed is the same twice
        try:
            return call()
        finally:
            if loop.time() - started > SHORT_S:
                self._begin_stint()
            else:
                self._next_stint = max(_SHORTEST_STINT, self._next_stint // 2)

    def _in_thread(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop) -> T:
        started = loop.time()
        try:
            return call()
        finally:
            self._quickest_s = min(self._quickest_s, loop.time() - started)

    def _begin_stint(self) -> None:
        self._left, self._quickest_s = self._next_stint, math.inf
        self._next_stint = min(2 * self._next_stint, _LONGEST_STINT)

    def _ended(self, _: object) -> None:
        self._running -= 1
