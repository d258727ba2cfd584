"""Cancelling a reading, and seeing that it obeys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from rivven_connect.testing._contract import expect

CANCEL_S = 5.0
"""Seconds within which a cancelled reading must end."""


async def cancel_after(items: AsyncIterator[Any], count: int, seconds: float) -> None:
    """Read `count` items in a task, cancel it, and expect that it obeys."""
    reached = asyncio.Event()
    cancelled = False
    obeyed = True

    async def consume() -> None:
        nonlocal obeyed
        taken = 0
        if count == 0:
            reached.set()
        async for _ in items:
            if cancelled:
                obeyed = False
                return
            taken += 1
            if taken >= count:
                reached.set()
                # One hand-off, as in the engine, so that a source that never waits can be cancelled.
                await asyncio.sleep(0)

    task = asyncio.create_task(consume())
    waiter = asyncio.create_task(reached.wait())
    await asyncio.wait([task, waiter], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    cancelled = True
    task.cancel()
    _, running = await asyncio.wait([task, waiter], timeout=CANCEL_S)
    expect(task not in running, f"read() is still running {CANCEL_S:g} s after it was cancelled")
    expect(obeyed, "read() swallows cancellation: it goes on with the next item")
    if not task.cancelled():
        task.result()
