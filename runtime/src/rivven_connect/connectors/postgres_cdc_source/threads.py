"""Blocking calls in threads, none of which outlives its caller."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")


async def in_thread(connection: psycopg.Connection[Any] | None, call: Callable[[], T]) -> T:
    """Return what a call returns that runs in a thread; a cancelled caller waits for its end.

    If it uses a connection, the server is asked to give up what it does there.
    """
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if connection is not None:
            await asyncio.to_thread(_interrupt, connection)
        await asyncio.wait([running])
        running.exception()  # nobody will ask for it
        raise


def _interrupt(connection: psycopg.Connection[Any]) -> None:
    import psycopg  # noqa: PLC0415  # optional: the extra `postgres`

    with contextlib.suppress(psycopg.Error):
        connection.cancel_safe(timeout=5)
