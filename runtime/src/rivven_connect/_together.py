"""Reads several streams of one source at once, a bounded number of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, Sequence

from rivven_connect._batch import Item
from rivven_connect._cancellation import connector_call
from rivven_connect._redaction import redact

_log = logging.getLogger("rivven_connect.read")


async def read_together(
    streams: Sequence[AsyncGenerator[Item, None]], concurrency: int, *, isolate: bool
) -> AsyncGenerator[Item, None]:
    """Yield the items of all streams, each in its order; at most `concurrency` are open at once.

    Raises:
        Exception: what the first failing stream raised, at once, or with `isolate` at the end.
    """
    if concurrency <= 1:
        reading = _one_by_one(streams, isolate=isolate)
    else:
        reading = _Merger(streams, concurrency, isolate=isolate).items()
    async with contextlib.aclosing(reading) as items:
        async for item in items:
            yield item


async def _one_by_one(
    streams: Sequence[AsyncGenerator[Item, None]], *, isolate: bool
) -> AsyncGenerator[Item, None]:
    failures: list[Exception] = []
    for stream in streams:
        try:
            async with contextlib.aclosing(stream) as items:
                async for item in items:
                    yield item
        except Exception as error:
            if not isolate:
                raise
            failures.append(error)
    _raise_first(failures)


class _Merger:
    """Tasks that each read one stream after the other; an item waits until it is taken."""

    def __init__(
        self, streams: Sequence[AsyncGenerator[Item, None]], concurrency: int, *, isolate: bool
    ) -> None:
        self._waiting = deque(streams)
        self._workers = min(concurrency, len(streams))
        self._isolate = isolate
        self._failures: list[Exception] = []
        # Items are batches of up to 1,000 records, so one hop of a queue each costs nothing.
        self._ready: asyncio.Queue[Item | None] = asyncio.Queue(self._workers)

    async def items(self) -> AsyncGenerator[Item, None]:
        """Yield what the tasks read, until all are done or one has failed."""
        tasks = [asyncio.create_task(self._work(), name="streams") for _ in range(self._workers)]
        running = len(tasks)
        try:
            while running:
                item = await self._ready.get()
                if item is not None:
                    yield item
                    continue
                running -= 1
                if self._failures and not self._isolate:
                    break
        finally:
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
            for stream in self._waiting:
                await stream.aclose()
        _raise_first(self._failures)

    async def _work(self) -> None:
        """Read streams while there are any; say at the end that this task is done."""
        while self._waiting:
            try:
                with connector_call("read"):
                    async with contextlib.aclosing(self._waiting.popleft()) as items:
                        async for item in items:
                            await self._ready.put(item)
            except Exception as error:  # noqa: BLE001  # raised by `items`, where the reader sees it
                self._failures.append(error)
                if not self._isolate:
                    break
        await self._ready.put(None)


def _raise_first(failures: Sequence[Exception]) -> None:
    """Raise the first failure; the others are logged."""
    for error in failures[1:]:
        _log.error("another stream failed: %s", redact(str(error)))
    if failures:
        raise failures[0]
