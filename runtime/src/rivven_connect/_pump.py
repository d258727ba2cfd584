"""Pulls an author's generator, async or plain, and hands over what is there.

No task, timer or lock per record: one task per stream fills a list, and the reader empties it in
one go. A hook that never waits gives full chunks; one that trickles gives each record at once.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Self

import msgspec

from rivven_connect._errors import ConnectorError
from rivven_connect._json import UNENCODABLE
from rivven_connect._offload import finish_in_thread

CHUNK_ROWS = 500
"""The most rows that wait between a hook and its reader."""

_CHUNK_BYTES = 1024 * 1024
"""The most bytes that wait, as far as a sample of the rows tells."""

_SAMPLED = 7
"""One row in so many is measured: encoding all of them would cost as much as the work itself.

Odd, because every other row may be large and the rest small.
"""

_weigh = msgspec.msgpack.Encoder().encode_into
"""Of the encodings of a row the cheapest; into a buffer, which needs no memory each time."""

_GATHER_S = 0.005
"""Seconds that the first row of a plain generator waits for company; one timer per chunk."""


def as_rows(given: Any, hook: str) -> AsyncIterator[Any] | Iterator[Any]:
    """Return what the hook of that name gave, as something that can be read once.

    Raises:
        ConnectorError: it gave nothing that can be read; mostly, a `yield` was forgotten.
    """
    if isinstance(given, AsyncIterable):
        return aiter(given)
    if isinstance(given, Iterable):
        return iter(given)
    if inspect.iscoroutine(given):
        given.close()
    raise ConnectorError.internal(f"{hook} must yield its rows; it returned {type(given).__name__}")


class Pump:
    """Reads ahead by at most `CHUNK_ROWS` rows; used with `async with`, read with `chunks()`."""

    def __init__(self, rows: AsyncIterator[Any] | Iterator[Any]) -> None:
        self._rows = rows
        self._waiting: list[Any] = []
        self._arrived = asyncio.Event()
        self._announced = False
        self._bytes = 0
        self._due = 1
        self._scale = bytearray()
        self._space = asyncio.Event()
        self._stopped = False
        self._done = False
        self._task: asyncio.Task[None] | None = None
        self._thread: concurrent.futures.Executor | None = None

    async def __aenter__(self) -> Self:
        work = self._pull_async() if isinstance(self._rows, AsyncIterator) else self._pull_sync()
        self._task = asyncio.create_task(self._run(work), name="rivven-pump")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopped = True
        self._space.set()
        if self._task is not None:
            if isinstance(self._rows, AsyncIterator):
                self._task.cancel()
            await asyncio.wait([self._task])
        await self._close_rows()
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    async def chunks(self) -> AsyncIterator[list[Any]]:
        """Yield lists of rows, each with everything that has arrived; re-raise the hook's error."""
        while True:
            self._arrived.clear()  # before looking, so that what arrives meanwhile wakes us
            self._announced = False
            self._bytes = 0
            self._due = 1
            # A thread may append meanwhile, hence no exchange of the list: behind what is taken.
            chunk = self._waiting[:]
            if chunk:
                del self._waiting[: len(chunk)]
                yield chunk
                del chunk
                self._space.set()
            elif self._done:
                break
            else:
                await self._arrived.wait()
        if self._task is not None:
            await self._task

    async def _run(self, work: Any) -> None:
        try:
            await work
        finally:
            self._done = True
            self._arrived.set()

    async def _pull_async(self) -> None:
        waiting, append = self._waiting, self._waiting.append
        rows: Any = self._rows
        async for row in rows:
            append(row)
            # Most rows go no further than this; the first of a chunk does, and wakes the reader.
            if len(waiting) < self._due and row.__class__ is dict:
                continue
            self._arrived.set()
            if self._is_full(row):
                del row  # it may be a page, and the next one is made before its name is used again
                await self._wait_for_space()

    async def _pull_sync(self) -> None:
        loop = asyncio.get_running_loop()
        # A thread of its own: a hook that waits would take one of the few that all tasks share.
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "rivven-hook")
        while not self._stopped:
            if not await loop.run_in_executor(self._thread, self._pull_chunk, loop):
                break
            await self._wait_for_space()

    def _pull_chunk(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Pull in a thread until a chunk is full; say whether there may be more."""
        rows: Any = self._rows
        waiting = self._waiting
        for row in rows:
            waiting.append(row)
            if not self._announced:
                self._announced = True
                loop.call_soon_threadsafe(loop.call_later, _GATHER_S, self._arrived.set)
            if len(waiting) < self._due and row.__class__ is dict and not self._stopped:
                continue
            if self._stopped or self._is_full(row):
                return True
        return False

    def _is_full(self, row: Any) -> bool:
        """Whether the reader must take what waits, of which `row` is the last, before the next."""
        if len(self._waiting) > CHUNK_ROWS - _SAMPLED or not isinstance(row, dict):
            return True
        self._due = len(self._waiting) + _SAMPLED
        try:
            _weigh(row, self._scale)
        except (*UNENCODABLE, OverflowError):  # JSON has integers of any size, this has not
            return False  # found out, and said, by who writes it
        self._bytes += _SAMPLED * len(self._scale)
        return self._bytes >= _CHUNK_BYTES

    async def _wait_for_space(self) -> None:
        """Let the reader take what waits: a page, or a full chunk, is not read over."""
        while self._waiting and not self._stopped:
            self._space.clear()
            self._arrived.set()
            await self._space.wait()

    async def _close_rows(self) -> None:
        if inspect.isasyncgen(self._rows):
            await self._rows.aclose()
        elif inspect.isgenerator(self._rows) and self._thread is not None:
            await finish_in_thread(self._rows.close, self._thread)
