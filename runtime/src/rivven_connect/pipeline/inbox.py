"""What waits for one sink, and when it is time to write it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from rivven_connect._batch import BatchConfig
from rivven_connect.pipeline.ledger import Entry
from rivven_connect.pipeline.summary import Gauges


class Inbox:
    """Pieces from all sources of a sink, references only; the sink's task is the one that takes.

    It waits on one event with one deadline. A piece is never split: sources cut them to the
    smallest batch of their sinks.
    """

    def __init__(self, limits: BatchConfig, gauges: Gauges) -> None:
        self._limits = limits
        self._due_records = limits.due_records
        self._gauges = gauges
        self._entries: deque[Entry] = deque()
        self._records = 0
        self._bytes = 0
        self._since: float | None = None
        self._hurried = False
        self._changed = asyncio.Event()

    def put(self, entry: Entry) -> None:
        """Add a piece that the sink is to have."""
        self._entries.append(entry)
        self._count(entry.piece.records, entry.piece.size)
        self._hurried = self._hurried or entry.piece.urgent
        self.remind()
        if self._is_due():
            self._changed.set()

    def remind(self, *, hurry: bool = False) -> None:
        """Start the timer of `max_wait_ms` if it does not run; in a hurry, it has run out."""
        self._hurried = self._hurried or hurry
        if self._since is None:
            self._since = asyncio.get_running_loop().time()
            self._changed.set()

    async def take(self) -> tuple[list[Entry], bool]:
        """Wait until a batch is due; return its pieces, and whether somebody is in a hurry.

        The batch is empty where only the timer that `remind` started ran out. A change of schema
        comes alone.
        """
        while not self._is_due():
            await self._wait()
        batch: list[Entry] = []
        records = size = 0
        while self._entries:
            piece = self._entries[0].piece
            records += piece.records
            size += piece.size
            if batch and (
                piece.catalog is not None
                or records > self._limits.max_records
                or size > self._limits.max_bytes
            ):
                break
            batch.append(self._entries.popleft())
            self._count(-piece.records, -piece.size)
            if piece.catalog is not None:
                break
        hurried = self._hurried
        if not self._entries:
            self._since, self._hurried = None, False
        return batch, hurried

    def _count(self, records: int, size: int) -> None:
        self._records += records
        self._bytes += size
        self._gauges.in_flight_records = self._records
        self._gauges.in_flight_bytes = self._bytes

    def _is_due(self) -> bool:
        if self._since is None:
            return False
        return (
            self._hurried
            or self._records >= self._due_records
            or self._bytes >= self._limits.max_bytes
            or self._left() <= 0
        )

    def _left(self) -> float:
        since = self._since or 0.0
        return since + self._limits.max_wait_ms / 1000 - asyncio.get_running_loop().time()

    async def _wait(self) -> None:
        self._changed.clear()
        left = None if self._since is None else max(0.0, self._left())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._changed.wait()
