"""A token bucket that never deadlocks: more than fits at once is paid for afterwards."""

from __future__ import annotations

import asyncio

import msgspec

from rivven_connect._retry import Clock, Sleep


class RateLimitConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How many events per second may pass; 0 is off.

    The bucket holds `events_per_second` + `burst` events; a `burst` of 0 means a tenth of a second's
    events, at least 10.
    """

    events_per_second: float = 0.0
    burst: int = 0

    @property
    def capacity(self) -> float:
        """Events that may pass at once after a pause."""
        return self.events_per_second + (self.burst or max(10, self.events_per_second / 10))


class RateLimitStats(msgspec.Struct):
    """What a limiter has held up: events, and the time that they waited."""

    events: int = 0
    waited_ms: float = 0.0


class RateLimiter:
    """Lets events pass at a rate.

    A demand larger than the bucket is granted on credit: it waits until its debt is paid, so no
    demand waits for ever. Time is the event loop's unless `clock` and `sleep` say otherwise.
    """

    def __init__(
        self, config: RateLimitConfig, *, clock: Clock | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.config = config
        self.stats = RateLimitStats()
        self._clock = clock
        self._sleep = sleep
        self._tokens = config.capacity
        self._filled: float | None = None

    async def acquire(self, events: int = 1) -> float:
        """Wait until `events` more may pass; return the seconds waited."""
        rate = self.config.events_per_second
        if rate <= 0 or events <= 0:
            return 0.0
        self._fill(rate)
        self._tokens -= events
        wait = max(0.0, -self._tokens / rate)
        if wait:
            self.stats.events += events
            self.stats.waited_ms += wait * 1000
            await self._sleep(wait)
        return wait

    def _fill(self, rate: float) -> None:
        now = self._clock() if self._clock else asyncio.get_running_loop().time()
        if self._filled is not None:
            gained = (now - self._filled) * rate
            self._tokens = min(self.config.capacity, self._tokens + gained)
        self._filled = now
