"""SIGTERM and SIGINT of a run: the first drains, the second ends the process at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from rivven_connect._errors import ExitCode

_GRACE_S = 1.0
_STDERR = 2
_SHOW_CURSOR = b"\x1b[?25h"


def exit_now(code: int) -> NoReturn:
    """End the process without another word; a terminal gets back the cursor that a table hid."""
    with contextlib.suppress(OSError):
        if os.isatty(_STDERR):
            os.write(_STDERR, _SHOW_CURSOR)
    os._exit(code)


@contextlib.contextmanager
def draining_on_signals(stop: asyncio.Event, deadline_ms: int) -> Iterator[None]:
    """Set `stop` at the first signal; used inside the running loop.

    A thread watches the deadline too: code that blocks the loop, or a thread that cannot be
    cancelled, must not keep the process. The state is valid whenever it ends.
    """
    loop = asyncio.get_running_loop()
    watchdog: list[threading.Timer] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        if watchdog:
            exit_now(128 + number)
        timer = threading.Timer(
            deadline_ms / 1000 + _GRACE_S, exit_now, [int(ExitCode.DRAIN_DEADLINE)]
        )
        timer.daemon = True
        timer.start()
        watchdog.append(timer)
        loop.call_soon_threadsafe(stop.set)

    signals = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for timer in watchdog:
            timer.cancel()
