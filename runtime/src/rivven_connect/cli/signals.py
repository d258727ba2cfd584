"""SIGTERM and SIGINT of a run: the first drains, the second ends the process at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

from rivven_connect._errors import ExitCode

_GRACE_S = 1.0
_STDERR = 2
_SHOW_CURSOR = b"\x1b[?25h"


_before_exit: list[Callable[[], None]] = []


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


@contextlib.contextmanager
def draining_on_signals(stop: asyncio.Event, deadline_ms: int) -> Iterator[Callable[[], None]]:
    """Set `stop` at the first signal; used inside the running loop.

    Yields what begins the same drain without a signal, from any thread. A thread watches the
    deadline too: code that blocks the loop, or a thread that cannot be cancelled, must not keep the
    process. The state is valid whenever it ends.
    """
    loop = asyncio.get_running_loop()
    watchdog: list[threading.Timer] = []
    signalled: list[int] = []

    def drain() -> None:
        if watchdog:
            return
        timer = threading.Timer(
            deadline_ms / 1000 + _GRACE_S, exit_now, [int(ExitCode.DRAIN_DEADLINE)]
        )
        timer.daemon = True
        watchdog.append(timer)
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
        for timer in watchdog:
            timer.cancel()
