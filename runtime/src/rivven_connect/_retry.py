"""Trying again: how often, how long to wait in between, and when not to."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Self, TypeAlias, TypeVar

import msgspec
import msgspec.structs

from rivven_connect._errors import ConnectorError

T = TypeVar("T")

Rng: TypeAlias = Callable[[], float]
"""A source of numbers in [0, 1), such as `random.random`."""

Sleep: TypeAlias = Callable[[float], Awaitable[object]]
"""Waits for a number of seconds, such as `asyncio.sleep`."""

Clock: TypeAlias = Callable[[], float]
"""Monotonic seconds, such as `time.monotonic`."""

_LARGEST_EXPONENT = 30


class RetryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How often to try again and how long to wait: exponential, with random jitter.

    `max_retries` counts the tries after the first. `jitter` is the part of a delay, 0 to 1, by
    which it varies both ways. `max_retry_after_ms` bounds the wait that the other side may ask for.
    """

    max_retries: int = 3
    initial_backoff_ms: int = 100
    max_backoff_ms: int = 30_000
    backoff_multiplier: float = 2.0
    jitter: float = 0.1
    max_retry_after_ms: int = 300_000

    @classmethod
    def no_retry(cls) -> Self:
        """Try once."""
        return cls(max_retries=0)

    @classmethod
    def fixed_delay(cls, max_retries: int, delay_ms: int) -> Self:
        """Try `max_retries` times more, always after the same delay."""
        return cls(
            max_retries=max_retries,
            initial_backoff_ms=delay_ms,
            max_backoff_ms=delay_ms,
            backoff_multiplier=1.0,
            jitter=0.0,
        )

    def replace(self, **changes: Any) -> RetryConfig:
        """Return a copy with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    def delay_ms_for_attempt(self, attempt: int, *, rng: Rng = random.random) -> float:
        """Return how many milliseconds to wait before retry `attempt`; 0 for the first try.

        The delay never exceeds `max_backoff_ms`.
        """
        if attempt <= 0:
            return 0.0
        base = min(self._backoff_ms(min(attempt - 1, _LARGEST_EXPONENT)), self.max_backoff_ms)
        spread = min(max(self.jitter, 0.0), 1.0)
        delay = base * (1 + spread * (2 * rng() - 1))
        # What would exceed the maximum is mirrored below it: cutting it off would let half of all
        # clients come back in the same instant.
        return max(0.0, self.max_backoff_ms - abs(self.max_backoff_ms - delay))

    def delay_ms_after(
        self, attempt: int, error: ConnectorError, *, rng: Rng = random.random
    ) -> float:
        """Return how many milliseconds to wait after `error`, before retry `attempt`.

        The other side's `retry_after` (seconds) is a lower bound, cut to `max_retry_after_ms`; a
        negative or absurd one is ignored.
        """
        delay = self.delay_ms_for_attempt(attempt, rng=rng)
        asked = error.retry_after
        if asked is None or not math.isfinite(asked):
            return delay
        return max(delay, min(asked * 1000, self.max_retry_after_ms))

    def _backoff_ms(self, exponent: int) -> float:
        try:
            return float(self.initial_backoff_ms * self.backoff_multiplier**exponent)
        except OverflowError:
            return math.inf


class RetryResult(msgspec.Struct, Generic[T], frozen=True):
    """What came of all tries: `result` if one succeeded, the error of the last failed one."""

    result: T | None
    attempts: int
    total_duration_ms: float
    last_error: ConnectorError | None
    succeeded: bool

    def unwrap(self) -> T:
        """Return the value.

        Raises:
            ConnectorError: no try succeeded; it is the last error.
        """
        if not self.succeeded and self.last_error is not None:
            raise self.last_error
        # Without an error the operation returned, and `None` is then a value like any other.
        return self.result  # type: ignore[return-value]


class RetryGuard:
    """Counts the tries of an operation whose loop the caller writes.

    ```python
    guard = RetryGuard(config)
    while True:
        try:
            return await connect()
        except ConnectorError as error:
            if not guard.should_retry(error):
                raise
            await asyncio.sleep(guard.record_attempt(error) / 1000)
    ```
    """

    def __init__(
        self, config: RetryConfig, *, rng: Rng = random.random, clock: Clock = time.monotonic
    ) -> None:
        self.config = config
        self.attempt = 0
        """How many tries have failed so far."""
        self._rng = rng
        self._clock = clock
        self._started = clock()

    @property
    def elapsed_ms(self) -> float:
        """Milliseconds since the start or the last `reset`."""
        return (self._clock() - self._started) * 1000

    def should_retry(self, error: ConnectorError | None = None) -> bool:
        """Whether another try is allowed and, with an error, may help."""
        return self.attempt < self.config.max_retries and (error is None or error.retryable)

    def record_attempt(self, error: ConnectorError | None = None) -> float:
        """Count a failed try; return how many milliseconds to wait before the next."""
        self.attempt += 1
        if error is None:
            return self.config.delay_ms_for_attempt(self.attempt, rng=self._rng)
        return self.config.delay_ms_after(self.attempt, error, rng=self._rng)

    def reset(self) -> None:
        """Start counting afresh, after a success."""
        self.attempt = 0
        self._started = self._clock()


async def retry(
    config: RetryConfig,
    operation: Callable[[], Awaitable[T]],
    *,
    rng: Rng = random.random,
    sleep: Sleep = asyncio.sleep,
    clock: Clock = time.monotonic,
) -> T:
    """Call `operation` until it succeeds, at most 1 + `max_retries` times; return its value.

    Only a `ConnectorError` that is `retryable` is tried again: a foreign exception, `TimeoutError`
    and `OSError` among them, says nothing about whether that is safe. Cancellation passes through.

    Raises:
        ConnectorError: the last one.
    """
    found = await retry_detailed(config, operation, rng=rng, sleep=sleep, clock=clock)
    return found.unwrap()


async def retry_detailed(
    config: RetryConfig,
    operation: Callable[[], Awaitable[T]],
    *,
    rng: Rng = random.random,
    sleep: Sleep = asyncio.sleep,
    clock: Clock = time.monotonic,
) -> RetryResult[T]:
    """Do what `retry` does, and return what came of it instead of raising a `ConnectorError`."""
    guard = RetryGuard(config, rng=rng, clock=clock)
    last_error: ConnectorError | None = None
    while True:
        try:
            value = await operation()
        except ConnectorError as error:
            last_error = error
            if not guard.should_retry(error):
                return RetryResult(None, guard.attempt + 1, guard.elapsed_ms, error, False)
            await sleep(guard.record_attempt(error) / 1000)
        else:
            return RetryResult(value, guard.attempt + 1, guard.elapsed_ms, last_error, True)
