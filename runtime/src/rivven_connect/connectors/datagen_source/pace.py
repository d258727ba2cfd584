"""Keeping to a rate, batch by batch."""

from __future__ import annotations

import asyncio
import time

_TICK_S = 0.1
_SHORTEST_SLEEP_S = 0.01
_MOST_ARREARS_S = 1.0


class Pace:
    """Spreads events over time: one sleep per batch, none while less than 10 ms are to be waited.

    Without a rate, others still get their turn between batches. What falls behind, because a sink was slow, is caught up by at most one second's events.
    """

    def __init__(self, events_per_second: int) -> None:
        self._rate = events_per_second
        self._due = time.monotonic()

    def batch_size(self, most: int) -> int:
        """Return how many events make a batch: at most a tenth of a second's, at least one."""
        return min(most, max(1, round(self._rate * _TICK_S))) if self._rate else most

    async def wait(self, events: int) -> None:
        """Wait until the next events are due, and note how many they are."""
        if not self._rate:
            await asyncio.sleep(0)
            return
        now = time.monotonic()
        self._due = max(self._due, now - _MOST_ARREARS_S)
        if self._due - now >= _SHORTEST_SLEEP_S:
            await asyncio.sleep(self._due - now)
        self._due += events / self._rate
