"""Retry: how often, how long in between, and when not."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Awaitable, Callable

import pytest

from rivven_connect._errors import ConnectorError
from rivven_connect._retry import RetryConfig, RetryGuard, retry, retry_detailed


class Sleeper:
    """Stands in for `asyncio.sleep` and the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


def failing(errors: list[Exception], value: str = "done") -> Callable[[], Awaitable[str]]:
    """Return an operation that raises each error once and then returns."""
    left = list(errors)

    async def operation() -> str:
        if left:
            raise left.pop(0)
        return value

    return operation


def transient() -> ConnectorError:
    return ConnectorError.transient("busy")


def test_the_default_numbers_are_the_guides() -> None:
    config = RetryConfig()
    assert (config.max_retries, config.initial_backoff_ms, config.max_backoff_ms) == (
        3,
        100,
        30_000,
    )
    assert (config.backoff_multiplier, config.jitter) == (2.0, 0.1)


def test_delays_double_up_to_the_maximum() -> None:
    config = RetryConfig(jitter=0)
    delays = [config.delay_ms_for_attempt(attempt) for attempt in range(11)]
    assert delays == [0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000]


def test_the_first_try_and_less_wait_nothing() -> None:
    assert {RetryConfig().delay_ms_for_attempt(n) for n in (0, -1)} == {0}


def test_exponent_is_capped() -> None:
    config = RetryConfig(jitter=0, max_backoff_ms=10**18)
    assert config.delay_ms_for_attempt(31) == config.delay_ms_for_attempt(10_000)


def test_an_absurd_multiplier_gives_the_maximum() -> None:
    config = RetryConfig(backoff_multiplier=1e300, jitter=0)
    assert config.delay_ms_for_attempt(30) == 30_000


def test_jitter_is_random_within_its_bounds() -> None:
    """Regression: the original computes jitter from the attempt, so all clients agree."""
    config = RetryConfig(jitter=0.5)
    delays = {config.delay_ms_for_attempt(1) for _ in range(50)}
    assert len(delays) > 1
    assert all(50 <= delay <= 150 for delay in delays)


def test_jitter_follows_the_given_rng() -> None:
    config = RetryConfig(jitter=0.1)
    delays = [
        config.delay_ms_for_attempt(1, rng=itertools.repeat(r).__next__) for r in (0.0, 0.5, 1.0)
    ]
    assert delays == pytest.approx([90, 100, 110])


def test_jitter_spreads_at_the_maximum_without_exceeding_it() -> None:
    config = RetryConfig(jitter=0.1)
    delays = [
        config.delay_ms_for_attempt(20, rng=itertools.repeat(r).__next__)
        for r in (0.0, 0.5, 0.75, 0.99)
    ]
    assert max(delays) == 30_000
    assert len(set(delays)) == 4


@pytest.mark.parametrize("jitter", [-1.0, 7.0])
def test_jitter_out_of_range_is_clamped(jitter: float) -> None:
    delays = [
        RetryConfig(jitter=jitter).delay_ms_for_attempt(1, rng=itertools.repeat(r).__next__)
        for r in (0.0, 1.0)
    ]
    assert all(0 <= delay <= 200 for delay in delays)


def test_fixed_delay_is_fixed() -> None:
    config = RetryConfig.fixed_delay(4, 250)
    assert [config.delay_ms_for_attempt(n) for n in (1, 2, 9)] == [250, 250, 250]
    assert config.max_retries == 4


def test_replace_changes_a_copy() -> None:
    config = RetryConfig()
    assert config.replace(max_retries=9).max_retries == 9
    assert config.max_retries == 3


def test_a_value_comes_back_after_failures() -> None:
    sleeper = Sleeper()
    operation = failing([transient(), transient()])
    assert asyncio.run(retry(RetryConfig(jitter=0), operation, sleep=sleeper.sleep)) == "done"
    assert sleeper.slept == [0.1, 0.2]


def test_there_are_one_plus_max_retries_calls() -> None:
    calls = 0

    async def operation() -> None:
        nonlocal calls
        calls += 1
        raise ConnectorError.connection(f"call {calls}")

    with pytest.raises(ConnectorError, match="call 4"):
        asyncio.run(retry(RetryConfig(), operation, sleep=Sleeper().sleep))
    assert calls == 4


def test_no_retry_tries_once() -> None:
    with pytest.raises(ConnectorError):
        asyncio.run(retry(RetryConfig.no_retry(), failing([transient()])))


@pytest.mark.parametrize(
    "error",
    [ConnectorError.auth("no"), ConnectorError.data("bad"), TimeoutError("slow"), OSError("disk")],
)
def test_what_is_not_retryable_is_raised_at_once(error: Exception) -> None:
    sleeper = Sleeper()
    with pytest.raises(type(error)):
        asyncio.run(retry(RetryConfig(), failing([error]), sleep=sleeper.sleep))
    assert sleeper.slept == []


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (7.0, 7.0),
        (1e9, 300.0),
        (0.0, 0.1),
        (-5.0, 0.1),
        (math.nan, 0.1),
        (math.inf, 0.1),
        (None, 0.1),
    ],
)
def test_retry_after_is_honoured_and_capped(retry_after: float | None, seconds: float) -> None:
    """Regression: the original ignores Retry-After."""
    sleeper = Sleeper()
    operation = failing([ConnectorError.rate_limited("slow down", retry_after=retry_after)])
    asyncio.run(retry(RetryConfig(jitter=0), operation, sleep=sleeper.sleep))
    assert sleeper.slept == [seconds]


def test_retry_can_be_cancelled_while_it_waits() -> None:
    async def scenario() -> bool:
        waiting = asyncio.Event()

        async def sleep(_seconds: float) -> None:
            waiting.set()
            await asyncio.Event().wait()

        async def always() -> None:
            raise transient()

        task = asyncio.create_task(retry(RetryConfig(), always, sleep=sleep))
        await waiting.wait()
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(scenario())


def test_detailed_result_of_a_success_holds_the_last_error() -> None:
    sleeper = Sleeper()
    found = asyncio.run(
        retry_detailed(
            RetryConfig(jitter=0), failing([transient()]), sleep=sleeper.sleep, clock=sleeper.clock
        )
    )
    assert (found.succeeded, found.result, found.attempts) == (True, "done", 2)
    assert found.total_duration_ms == pytest.approx(100)
    assert found.last_error is not None
    assert found.unwrap() == "done"


def test_detailed_result_of_a_failure_raises_when_unwrapped() -> None:
    async def none() -> None:
        raise ConnectorError.permission("closed")

    found = asyncio.run(retry_detailed(RetryConfig(), none))
    assert (found.succeeded, found.result, found.attempts) == (False, None, 1)
    with pytest.raises(ConnectorError, match="closed"):
        found.unwrap()


def test_a_result_of_none_is_a_success() -> None:
    async def nothing() -> None:
        return None

    assert asyncio.run(retry_detailed(RetryConfig(), nothing)).succeeded


def test_guard_counts_waits_and_resets() -> None:
    sleeper = Sleeper()
    guard = RetryGuard(RetryConfig(max_retries=2, jitter=0), clock=sleeper.clock)
    assert guard.should_retry(transient())
    assert [guard.record_attempt(), guard.record_attempt(transient())] == [100, 200]
    assert not guard.should_retry(transient())
    sleeper.now = 3
    assert guard.elapsed_ms == 3000
    guard.reset()
    assert (guard.attempt, guard.elapsed_ms) == (0, 0)
    assert not guard.should_retry(ConnectorError.fatal("no"))
