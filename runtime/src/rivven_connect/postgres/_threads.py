"""Blocking calls in threads, none of which outlives its caller."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from rivven_connect._offload import begin_in_thread
from rivven_connect.postgres._connecting import connect
from rivven_connect.postgres._settings import PostgresSettings

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

_PATIENCE_S = 1.0
"""Seconds until the server is asked again: a call may have gone on to its next statement."""


async def in_thread(
    connection: psycopg.Connection[Any] | None,
    call: Callable[[], T],
    *,
    made: Callable[[T], Iterable[psycopg.Connection[Any]]] = lambda _: (),
) -> T:
    """Return what a call returns that runs in a thread; a cancelled caller waits for its end.

    If it uses a connection, the server is asked to give up what it does there, until it has. `made`
    are connections in the result, which are closed where nobody will have it.
    """
    running = begin_in_thread(call)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while connection is not None and not running.done():
            await asyncio.to_thread(_interrupt, connection)
            await asyncio.wait([running], timeout=_PATIENCE_S)
        await asyncio.wait([running])
        if running.exception() is None:
            for one in made(running.result()):
                one.close()
        raise


def _interrupt(connection: psycopg.Connection[Any]) -> None:
    import psycopg  # noqa: PLC0415  # optional: the extra `postgres`

    with contextlib.suppress(psycopg.Error):
        connection.cancel_safe(timeout=5)


@contextlib.asynccontextmanager
async def connected(
    settings: PostgresSettings, *, replication: bool = False
) -> AsyncIterator[psycopg.Connection[Any]]:
    """Connect, in a thread, for the time of a block; for calls by `in_thread`, which interrupts it.

    Raises:
        ConnectorError: as `connect` does.
    """
    connection = await in_thread(
        None, lambda: connect(settings, replication=replication), made=lambda one: [one]
    )
    with contextlib.closing(connection):
        yield connection
