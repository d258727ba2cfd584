"""SIGTERM and SIGINT of a run: the first drains, the second ends the process at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, NoReturn, TypeVar

from rivven_connect._errors import ExitCode

T = TypeVar("T")

_GRACE_S = 1.0
_STDERR = 2
_SHOW_CURSOR = b"\x1b[?25h"


_before_exit: list[Callable[[], None]] = []
_deadlines: list[threading.Timer] = []
"""Of drains that have begun; at most one."""


def exit_now(code: int) -> NoReturn:
    """End the process without another word; a terminal gets back the cursor that a table hid."""
    for act in _before_exit:
        act()
    with contextlib.suppress(OSError):
        if os.isatty(_STDERR):
            os.write(_STDERR, _SHOW_CURSOR)
    os._exit(code)


@contextlib.contextmanager
def before_exit_now(act: Callable[[], None]) -> Iterator[None]:
    """Let `exit_now` call `act` first, while the block runs; it must neither fail nor wait long."""
    _before_exit.append(act)
    try:
        yield
    finally:
        _before_exit.remove(act)


def run_until_drained(main: Coroutine[Any, Any, T]) -> T:
    """Run what drains on signals in a loop of its own.

    A drain's deadline holds until the loop is closed, which waits for threads: one whose call was
    given up may still be waiting for an answer.
    """
    try:
        return asyncio.run(main)
    finally:
        while _deadlines:
            _deadlines.pop().cancel()


@contextlib.contextmanager
def draining_on_signals(stop: asyncio.Event, deadline_ms: int) -> Iterator[Callable[[], None]]:
    """Set `stop` at the first signal; used inside the loop of `run_until_drained`.

    Yields what begins the same drain without a signal, from any thread. A thread watches the
    deadline too: code that blocks the loop, or a thread that cannot be cancelled, must not keep the
    process. The state is valid whenever it ends.
    """
    loop = asyncio.get_running_loop()
    signalled: list[int] = []

    def drain() -> None:
        if _deadlines:
            return
        timer = threading.Timer(
            deadline_ms / 1000 + _GRACE_S, exit_now, [int(ExitCode.DRAIN_DEADLINE)]
        )
        timer.daemon = True
        _deadlines.append(timer)
        timer.start()
        loop.call_soon_threadsafe(stop.set)

    def handle(number: int, _frame: FrameType | None) -> None:
        if signalled:
            exit_now(128 + number)
        signalled.append(number)
        drain()

    signals = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield drain
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
