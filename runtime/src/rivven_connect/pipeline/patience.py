"""When a connector may go on: backoff, the other side's wish, circuit breaker, rate limit."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rivven_connect._cancellation import connector_call
from rivven_connect._circuit import CircuitBreaker, CircuitState
from rivven_connect._errors import ConnectorError
from rivven_connect._failures import classify
from rivven_connect._metrics import Metrics, Timer
from rivven_connect._rate_limit import RateLimiter
from rivven_connect._retry import RetryGuard
from rivven_connect.pipeline.failures import stop_error
from rivven_connect.pipeline.observer import Observer
from rivven_connect.pipeline.plan import ConnectorPlan
from rivven_connect.pipeline.summary import ConnectorCounts, ConnectorStatus, Gauges

T = TypeVar("T")

_log = logging.getLogger("rivven_connect.pipeline")

_PROBE_JITTER = 0.1
"""Part of the reset time by which probes of several processes are spread."""


class Patience:
    """Decides, for one source or sink, whether a failure is waited out, and for how long.

    While the circuit is open nothing is tried; waiting for it costs no try of the budget.
    """

    def __init__(
        self,
        where: str,
        plan: ConnectorPlan,
        observer: Observer,
        counts: ConnectorCounts,
        gauges: Gauges,
        *,
        pipeline: str,
    ) -> None:
        self.where = where
        self._retry = plan.retry
        self._observer = observer
        self._counts = counts
        self._gauges = gauges
        self._limiter = RateLimiter(plan.rate_limit)
        self._metrics = Metrics()
        self._labels = {
            "pipeline": pipeline,
            "kind": counts.kind,
            "name": counts.name,
            "connector": counts.connector,
        }
        self._circuit: CircuitBreaker | None = None
        if plan.circuit_breaker is not None:
            clock = asyncio.get_running_loop().time
            self._circuit = CircuitBreaker(plan.circuit_breaker, name=where, clock=clock)

    def guard(self) -> RetryGuard:
        """Return a fresh budget of tries."""
        return RetryGuard(self._retry)

    def succeeded(self) -> None:
        """Note that the other side answered."""
        self._gauges.pinned = False
        self._counts.status = ConnectorStatus.RUNNING
        if self._circuit is not None:
            self._circuit.record_success()
            self._gauges.circuit = self._circuit.state.value

    def after(self, guard: RetryGuard, error: Exception) -> float:
        """Return how many seconds to wait before the next try.

        Raises:
            RivvenError: there is no next try; it says where, and what was wrong.
        """
        failure = classify(error)
        if self._counts.status is ConnectorStatus.FAILED:
            raise stop_error(self.where, error) from error  # on its way out, and counted
        self._counts.errors += 1
        self._counts.status = ConnectorStatus.UNHEALTHY
        self._gauges.pinned = True
        if self._circuit is not None:
            self._circuit.record_failure()
            self._gauges.circuit = self._circuit.state.value
            if self._circuit.is_open():
                _log.warning("%s: the circuit is open; nothing is tried meanwhile", self.where)
        if not (isinstance(failure, ConnectorError) and guard.should_retry(failure)):
            self._counts.status = ConnectorStatus.FAILED
            tried = f" (gave up after {guard.attempt + 1} tries)" if guard.attempt else ""
            raise stop_error(self.where, error, tried) from error
        delay_ms = max(guard.record_attempt(failure), self._closed_for_ms())
        self._counts.retries += 1
        self._observer.retrying(self.where, failure, delay_ms)
        return delay_ms / 1000

    async def pause(self, guard: RetryGuard, error: Exception) -> None:
        """Wait before the next try.

        Raises:
            RivvenError: there is no next try.
        """
        await asyncio.sleep(self.after(guard, error))

    async def insist(self, what: str, operation: Callable[[], Awaitable[T]]) -> T:
        """Call until it succeeds; return what it gave.

        Raises:
            RivvenError: there is no next try.
        """
        guard = self.guard()
        while True:
            try:
                with connector_call(what):
                    return await operation()
            except Exception as error:  # noqa: BLE001  # a connector may raise anything; `pause` decides
                await self.pause(guard, error)

    def timing(self, metric: str) -> Timer:
        """Return a timer that records how long a call took."""
        return self._metrics.start_timer(metric, labels=self._labels)

    async def pace(self, events: int) -> None:
        """Wait until the rate limit lets so many events pass; called before every call."""
        if self._circuit is not None:
            self._gauges.circuit = self._circuit.state.value
        waited = await self._limiter.acquire(events)
        if waited:
            self._counts.rate_limited += events
            self._counts.rate_limit_wait_ms += round(waited * 1000)
            self._gauges.last_progress = asyncio.get_running_loop().time()

    def _closed_for_ms(self) -> float:
        if self._circuit is None or self._circuit.state is not CircuitState.OPEN:
            return 0.0
        left = self._circuit.diagnostics().retry_after or 0.0
        return left * 1000 * (1 + _PROBE_JITTER * random.random())  # noqa: S311  # not a secret
