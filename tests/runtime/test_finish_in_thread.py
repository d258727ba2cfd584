"""Blocking calls that are made to their end, whatever becomes of the task that asked for them."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rivven_connect import finish_in_thread

_LONGEST_S = 5.0
"""Seconds that a thread waits: a test that fails must not wait for it for ever."""


async def cancelled_before(
    go: threading.Event, waiting: Coroutine[Any, Any, object], times: int
) -> None:
    """Cancel so many times what waits for a thread, which then may go."""
    task = asyncio.create_task(waiting)
    for _ in range(times):
        await asyncio.sleep(0.01)
        task.cancel()
    await asyncio.sleep(0.01)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_returns_and_raises_what_the_call_does() -> None:
    assert await finish_in_thread(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await finish_in_thread(lambda: 1 // 0)


async def test_a_cancelled_caller_waits_for_the_end() -> None:
    begun, go = threading.Event(), threading.Event()
    ended: list[str] = []

    def call() -> None:
        begun.set()
        go.wait(_LONGEST_S)
        ended.append("call")

    task = asyncio.create_task(finish_in_thread(call))
    await asyncio.to_thread(begun.wait, _LONGEST_S)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["call"]


@pytest.mark.parametrize("cancelled", [1, 2])
async def test_a_call_that_no_thread_has_begun_is_made_all_the_same(cancelled: int) -> None:
    go = threading.Event()
    ended: list[str] = []
    with ThreadPoolExecutor(1) as executor:
        executor.submit(go.wait, _LONGEST_S)
        await cancelled_before(
            go, finish_in_thread(lambda: ended.append("call"), executor), cancelled
        )
    assert ended == ["call"]


@pytest.mark.parametrize("cancelled", [1, 2])
def test_an_error_that_nobody_waits_for_is_not_logged(
    cancelled: int, caplog: pytest.LogCaptureFixture
) -> None:
    go = threading.Event()

    def call() -> None:
        go.wait(_LONGEST_S)
        raise ValueError("password=hidden")

    async def main() -> None:
        await cancelled_before(go, finish_in_thread(call), cancelled)

    asyncio.run(main())
    gc.collect()
    assert not caplog.records


def test_a_loop_that_ends_leaves_no_call_out() -> None:
    go = threading.Event()
    ended: list[str] = []

    async def main(executor: ThreadPoolExecutor) -> None:
        task = asyncio.create_task(finish_in_thread(lambda: ended.append("call"), executor))
        await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_later(0.05, go.set)
        del task  # left to `asyncio.run`, which cancels it

    with ThreadPoolExecutor(1) as executor:
        executor.submit(go.wait, _LONGEST_S)
        asyncio.run(main(executor))
    assert ended == ["call"]


async def test_the_call_sees_the_callers_context() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="")
    variable.set("ours")
    assert await finish_in_thread(variable.get) == "ours"
