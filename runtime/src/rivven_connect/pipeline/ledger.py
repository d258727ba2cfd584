"""Which pieces of a source every sink has: the one rule that decides what may be committed."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from rivven_connect.pipeline.summary import ConnectorCounts
from rivven_connect.pipeline.window import Piece


class SinkGone(Exception):
    """A sink of this source has failed; its own error ends the pipeline."""


class Entry(msgspec.Struct, eq=False):
    """One piece on its way, and how many sinks have not made it durable."""

    source: str
    piece: Piece
    ledger: Ledger
    waiting: int
    counts: list[ConnectorCounts] = msgspec.field(default_factory=list)

    def done(self, counts: ConnectorCounts | None = None) -> None:
        """Say that one more sink has brought every record of the piece to its end, durably."""
        if counts is not None:
            self.counts.append(counts)
        self.waiting -= 1
        if not self.waiting:
            self.ledger.advance()


class Ledger:
    """The pieces of one source in the order they were read.

    Only the prefix that no sink waits for is settled: the checkpoint is the minimum over the sinks,
    and a piece that is done never passes one before it that is not.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._entries: deque[Entry] = deque()
        self._changed = asyncio.Event()
        self._closed = False
        self._broken = False

    def add(self, piece: Piece, sinks: int) -> Entry:
        """Enter a piece that `sinks` sinks must have."""
        entry = Entry(self._source, piece, self, sinks)
        self._entries.append(entry)
        if not sinks:
            self.advance()
        return entry

    def advance(self) -> None:
        """Wake whoever waits for settled pieces, if the first one is."""
        if self._entries and not self._entries[0].waiting:
            self._changed.set()

    def close(self) -> None:
        """Say that nothing more will be added."""
        self._closed = True
        self._changed.set()

    def break_off(self) -> None:
        """Say that a sink has failed: what waits for it will never settle."""
        self._broken = True
        self._changed.set()

    async def settled(self) -> list[Entry]:
        """Wait for settled pieces and take them out; an empty list after the last one.

        Raises:
            SinkGone: a sink that this source needs has failed.
        """
        while True:
            self._changed.clear()
            found = []
            while self._entries and not self._entries[0].waiting:
                found.append(self._entries.popleft())
            if found or (self._closed and not self._entries):
                return found
            if self._broken:
                raise SinkGone
            await self._changed.wait()
