"""A circuit breaker: stop calling what keeps failing, and probe it after a while."""

from __future__ import annotations

import enum
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from rivven_connect._errors import ErrorKind, RecordError, RetryableError
from rivven_connect._retry import Clock

T = TypeVar("T")


class CircuitState(enum.StrEnum):
    """Whether calls pass: all, none, or a few probes."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitOpen(RetryableError):
    """The breaker refused the call; `retry_after` says when it will let a probe through."""

    kind = ErrorKind.CONNECTION


class CircuitBreakerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """When a breaker opens and closes.

    It opens after `failure_threshold` failures in a row, lets probes through after
    `reset_timeout_ms`, and closes after `success_threshold` of them succeeded. With `enabled` false
    it lets everything pass and counts nothing.
    """

    enabled: bool = True
    failure_threshold: int = 5
    reset_timeout_ms: int = 30_000
    success_threshold: int = 2


class CircuitDiagnostics(msgspec.Struct, frozen=True):
    """How a breaker stands, for logs and health pages; `retry_after` is in seconds."""

    state: CircuitState
    failures: int
    successes: int
    probes: int
    rejected: int
    opened: int
    retry_after: float | None


class CircuitBreaker:
    """Guards calls to one system.

    One event loop, no locks: any number of tasks of that loop may share a breaker as it is.
    """

    def __init__(
        self,
        config: CircuitBreakerConfig | None = None,
        *,
        name: str = "circuit",
        clock: Clock = time.monotonic,
    ) -> None:
        self.config = config or CircuitBreakerConfig()
        self.name = name
        self._clock = clock
        self._state = CircuitState.CLOSED
        self._opened_at = 0.0
        self._failures = 0
        self._successes = 0
        self._probes = 0
        self._rejected = 0
        self._opened = 0
        self._generation = 0

    @property
    def state(self) -> CircuitState:
        """Where the breaker stands now; an open one turns half-open when its time is up."""
        if self._state is CircuitState.OPEN and self._remaining() <= 0:
            self._enter(CircuitState.HALF_OPEN)
        return self._state

    def is_open(self) -> bool:
        """Whether calls are refused outright."""
        return self.state is CircuitState.OPEN

    def diagnostics(self) -> CircuitDiagnostics:
        """Return how the breaker stands."""
        state = self.state
        retry_after = self._remaining() if state is CircuitState.OPEN else None
        return CircuitDiagnostics(
            state,
            self._failures,
            self._successes,
            self._probes,
            self._rejected,
            self._opened,
            retry_after,
        )

    async def call(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Call `operation` if the breaker lets it pass, and learn from its outcome.

        A `RecordError` is an answer, so it counts as a success: a bad record does not mean that the
        system is down. A cancelled call counts as nothing and gives its place as a probe back.

        Raises:
            CircuitOpen: the call was not made.
            Exception: whatever `operation` raised.
        """
        if not self.config.enabled:
            return await operation()
        generation = self._admit()
        try:
            value = await operation()
        except RecordError:
            self._learn(generation, self.record_success)
            raise
        except Exception:
            self._learn(generation, self.record_failure)
            raise
        except BaseException:
            self._learn(generation, lambda: None)
            raise
        self._learn(generation, self.record_success)
        return value

    def record_success(self) -> None:
        """Count a success that was seen outside `call`."""
        if not self.config.enabled:
            return
        if self.state is CircuitState.CLOSED:
            self._failures = 0
        elif self._state is CircuitState.HALF_OPEN:
            self._successes += 1
            if self._successes >= self.config.success_threshold:
                self._enter(CircuitState.CLOSED)

    def record_failure(self) -> None:
        """Count a failure that was seen outside `call`."""
        if not self.config.enabled:
            return
        if self.state is CircuitState.HALF_OPEN:
            self._enter(CircuitState.OPEN)
        elif self._state is CircuitState.CLOSED:
            self._failures += 1
            if self._failures >= self.config.failure_threshold:
                self._enter(CircuitState.OPEN)

    def trip(self) -> None:
        """Open the breaker now, for one reset timeout; a disabled one stays as it is."""
        if self.config.enabled:
            self._enter(CircuitState.OPEN)

    def reset(self) -> None:
        """Close the breaker now and forget its failures."""
        self._enter(CircuitState.CLOSED)

    def _admit(self) -> int:
        state = self.state
        if state is CircuitState.OPEN:
            raise self._refusal(self._remaining())
        if state is CircuitState.HALF_OPEN:
            if self._probes + self._successes >= self.config.success_threshold:
                raise self._refusal(None)
            self._probes += 1
        return self._generation

    def _learn(self, generation: int, record: Callable[[], None]) -> None:
        # A call that began before the last change of state says nothing about the present one.
        if generation != self._generation:
            return
        if self._state is CircuitState.HALF_OPEN:
            self._probes -= 1
        record()

    def _refusal(self, retry_after: float | None) -> CircuitOpen:
        self._rejected += 1
        when = (
            "probes are under way" if retry_after is None else f"next probe in {retry_after:.1f} s"
        )
        return CircuitOpen(f"{self.name}: circuit open; {when}", retry_after=retry_after)

    def _enter(self, state: CircuitState) -> None:
        self._state = state
        self._generation += 1
        self._failures = self._successes = self._probes = 0
        if state is CircuitState.OPEN:
            self._opened += 1
            self._opened_at = self._clock()

    def _remaining(self) -> float:
        return self._opened_at + self.config.reset_timeout_ms / 1000 - self._clock()
