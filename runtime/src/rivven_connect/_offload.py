"""Blocking calls of an event loop: short ones run in it, long ones in a thread.

A hop to a thread and back costs more than a write to the page cache or a sync of a fast disk: the
two threads then contend for the interpreter. A slow disk must not hold up the loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

SHORT_S = 0.002
"""Seconds that a call may keep the loop to itself."""

_MEMORY = 0.8
"""Weight of the past in what a call is expected to take; one slow call is enough to change to a thread."""


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
    """Runs calls of one kind, in their order; the first goes to a thread, to see how long it takes."""

    def __init__(self, executor: concurrent.futures.Executor | None = None) -> None:
        self._executor = executor
        self._expected_s = SHORT_S
        self._running = 0

    async def run(self, call: Callable[[], T]) -> T:
        """Return what `call` returns; once begun it ends, even if its caller is cancelled.

        Raises:
            Exception: what `call` raises.
        """
        # Never beside one in the thread: calls of one kind may share a connection or a file.
        loop = asyncio.get_running_loop()
        if self._expected_s < SHORT_S and not self._running:
            return self._timed(call, loop)
        self._running += 1
        future = loop.run_in_executor(self._executor, self._timed, call, loop)
        future.add_done_callback(self._ended)
        return await asyncio.shield(future)

    def _timed(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop) -> T:
        started = loop.time()  # which a simulation decides, so that a seed is the same twice
        try:
            return call()
        finally:
            taken = loop.time() - started
            smoothed = _MEMORY * self._expected_s + (1 - _MEMORY) * taken
            self._expected_s = max(taken, smoothed) if taken > SHORT_S else smoothed

    def _ended(self, _: object) -> None:
        self._running -= 1
