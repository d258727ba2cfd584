"""Collecting events to chunks of bounded size, bytes and age."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Sequence
from typing import Self, TypeVar

import msgspec

from rivven_connect._batch import BatchConfig
from rivven_connect._events import SourceEvent
from rivven_connect._retry import Clock

K = TypeVar("K", bound=Hashable)

BatcherConfig = BatchConfig
"""When a chunk is full; 0 in `max_bytes` means no limit of bytes."""


class Chunk(msgspec.Struct, frozen=True):
    """Events that go together, and their estimated size."""

    events: Sequence[SourceEvent]
    total_bytes: int

    def __len__(self) -> int:
        return len(self.events)


class Batcher:
    """Collects events until a chunk is full.

    It has no timer: the caller asks `should_flush` or waits `time_until_flush`; `AsyncBatcher` does
    that by itself.
    """

    def __init__(
        self, config: BatcherConfig | None = None, *, clock: Clock = time.monotonic
    ) -> None:
        self.config = config or BatcherConfig()
        self._clock = clock
        self._events: list[SourceEvent] = []
        self._bytes = 0
        self._since = 0.0

    def __len__(self) -> int:
        return len(self._events)

    @property
    def bytes(self) -> int:
        """Estimated size of what is collected."""
        return self._bytes

    def add(self, event: SourceEvent) -> Chunk | None:
        """Add an event; return the chunk that it completes, if it does.

        An event that would exceed `max_bytes` starts a chunk of its own, so one event larger than
        the limit travels alone.
        """
        size = event.estimated_size()
        limit = self.config.max_bytes
        full = self.flush() if limit and self._bytes + size > limit else None
        if not self._events:
            self._since = self._clock()
        self._events.append(event)
        self._bytes += size
        # Never both: a chunk that one event completes had none before it.
        return self.flush() if len(self._events) >= self.config.max_records else full

    def flush(self) -> Chunk | None:
        """Return what is collected, or None, and start afresh."""
        if not self._events:
            return None
        chunk = Chunk(self._events, self._bytes)
        self._events, self._bytes = [], 0
        return chunk

    def should_flush(self) -> bool:
        """Whether a limit is reached: records, bytes, or the age of the first event."""
        if not self._events:
            return False
        by_bytes = 0 < self.config.max_bytes <= self._bytes
        by_size = len(self._events) >= self.config.max_records
        return by_bytes or by_size or self.time_until_flush() == 0

    def time_until_flush(self) -> float | None:
        """Return the seconds until the first event is too old: 0 if it is, None without events."""
        if not self._events:
            return None
        return max(0.0, self._since + self.config.max_wait_ms / 1000 - self._clock())


class AsyncBatcher:
    """Collects events and delivers each chunk when it is full or `max_wait_ms` old.

    Use it as `async with AsyncBatcher(config, deliver) as batcher: await batcher.add(event)`. One
    delivery runs at a time, in order; `add` waits for it, which is the backpressure. `deliver` must
    not call the batcher. An error of a delivery is raised by the next call. Leaving the block
    delivers the rest, unless an exception leaves it.
    """

    def __init__(
        self,
        config: BatcherConfig | None,
        deliver: Callable[[Chunk], Awaitable[object]],
    ) -> None:
        self.config = config or BatcherConfig()
        self._deliver = deliver
        self._lock = asyncio.Lock()
        self._filled = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        # The loop's clock, because the loop's timer is what ends the wait.
        self._batcher = Batcher(self.config, clock=loop.time)
        self._timer = loop.create_task(self._run_timer())
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        try:
            async with self._lock:
                if kind is None:
                    self._raise_failure()
                    await self._deliver_collected()
        finally:
            self._timer.cancel()
            await asyncio.wait([self._timer])
            if not self._timer.cancelled():
                # Read it, for the exception that leaves the block is the one to report.
                self._timer.exception()

    def __len__(self) -> int:
        return len(self._batcher)

    async def add(self, event: SourceEvent) -> None:
        """Add an event, and deliver the chunk that it completes."""
        async with self._lock:
            self._raise_failure()
            chunk = self._batcher.add(event)
            self._filled.set()
            if chunk is not None:
                await self._deliver(chunk)

    async def flush(self) -> None:
        """Deliver what is collected."""
        async with self._lock:
            self._raise_failure()
            await self._deliver_collected()

    async def _run_timer(self) -> None:
        while True:
            await self._filled.wait()
            remaining = self._batcher.time_until_flush()
            if remaining is None:
                self._filled.clear()
            elif remaining > 0:
                await asyncio.sleep(remaining)
            else:
                async with self._lock:
                    # Meanwhile the chunk may have gone, and a younger one begun.
                    if self._batcher.should_flush():
                        await self._deliver_collected()

    async def _deliver_collected(self) -> None:
        chunk = self._batcher.flush()
        if chunk is not None:
            await self._deliver(chunk)

    def _raise_failure(self) -> None:
        if self._timer.done():
            self._timer.result()


def chunk_events(events: Iterable[SourceEvent], config: BatcherConfig) -> Iterator[Chunk]:
    """Yield the events in chunks within `config`, in order; age plays no part."""
    batcher = Batcher(config)
    for event in events:
        chunk = batcher.add(event)
        if chunk is not None:
            yield chunk
    rest = batcher.flush()
    if rest is not None:
        yield rest


def partition_events(
    events: Iterable[SourceEvent], key: Callable[[SourceEvent], K]
) -> dict[K, list[SourceEvent]]:
    """Return the events by `key`; keys in order of appearance, events in their order."""
    found: dict[K, list[SourceEvent]] = {}
    for event in events:
        found.setdefault(key(event), []).append(event)
    return found
