"""The circuit breaker."""

from __future__ import annotations

import asyncio

import pytest

from rivven_connect._circuit import (
    CircuitBreaker,
    CircuitBreakerConfig,
    CircuitOpen,
    CircuitState,
)
from rivven_connect._errors import ConnectorError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock=clock)


def state_of(breaker: CircuitBreaker) -> CircuitState:
    """Ask anew: a type checker would take the property for a constant."""
    return breaker.state


async def works() -> str:
    return "done"


async def breaks() -> str:
    raise ConnectorError.connection("down")


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(ConnectorError, match="down"):
            asyncio.run(breaker.call(breaks))


def test_default_numbers() -> None:
    config = CircuitBreakerConfig()
    assert (config.enabled, config.failure_threshold) == (True, 5)
    assert (config.reset_timeout_ms, config.success_threshold) == (30_000, 2)


def test_it_opens_at_the_threshold(breaker: CircuitBreaker) -> None:
    fail(breaker, 4)
    assert state_of(breaker) is CircuitState.CLOSED
    fail(breaker)
    assert breaker.is_open()


def test_a_success_forgets_earlier_failures(breaker: CircuitBreaker) -> None:
    fail(breaker, 4)
    assert asyncio.run(breaker.call(works)) == "done"
    fail(breaker, 4)
    assert state_of(breaker) is CircuitState.CLOSED


def test_an_open_one_refuses_without_calling(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.trip()
    clock.now += 10
    called = False

    async def operation() -> None:
        nonlocal called
        called = True

    with pytest.raises(CircuitOpen) as caught:
        asyncio.run(breaker.call(operation))
    assert not called
    assert caught.value.retryable
    assert caught.value.retry_after == pytest.approx(20)


def test_it_half_opens_after_the_reset_timeout(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.trip()
    clock.now += 29.9
    assert state_of(breaker) is CircuitState.OPEN
    clock.now += 0.1
    assert state_of(breaker) is CircuitState.HALF_OPEN


def test_enough_probes_close_it(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.trip()
    clock.now += 30
    asyncio.run(breaker.call(works))
    assert state_of(breaker) is CircuitState.HALF_OPEN
    asyncio.run(breaker.call(works))
    assert state_of(breaker) is CircuitState.CLOSED


def test_any_failed_probe_opens_it_again(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.trip()
    clock.now += 30
    asyncio.run(breaker.call(works))
    fail(breaker)
    assert breaker.is_open()
    assert breaker.diagnostics().retry_after == pytest.approx(30)


def test_no_more_probes_than_needed_run_at_once(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.trip()
    clock.now += 30

    async def scenario() -> set[str]:
        release = asyncio.Event()

        async def slow() -> str:
            await release.wait()
            return "probe"

        probes = [asyncio.create_task(breaker.call(slow)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(CircuitOpen):
            await breaker.call(works)
        release.set()
        return set(await asyncio.gather(*probes))

    assert asyncio.run(scenario()) == {"probe"}
    assert state_of(breaker) is CircuitState.CLOSED


def test_a_cancelled_probe_gives_its_place_back(breaker: CircuitBreaker, clock: Clock) -> None:
    breaker.trip()
    clock.now += 30

    async def scenario() -> None:
        for _ in range(5):
            task = asyncio.create_task(breaker.call(asyncio.Event().wait))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
        await breaker.call(works)
        await breaker.call(works)

    asyncio.run(scenario())
    assert state_of(breaker) is CircuitState.CLOSED


def test_a_call_from_before_the_opening_is_not_a_probe(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    async def scenario() -> None:
        release = asyncio.Event()

        async def slow() -> None:
            await release.wait()
            raise ConnectorError.connection("old failure")

        old = asyncio.create_task(breaker.call(slow))
        await asyncio.sleep(0)
        breaker.trip()
        clock.now += 30
        assert state_of(breaker) is CircuitState.HALF_OPEN
        release.set()
        await asyncio.wait([old])
        assert old.exception() is not None

    asyncio.run(scenario())
    assert state_of(breaker) is CircuitState.HALF_OPEN


def test_a_bad_record_does_not_open_it(breaker: CircuitBreaker) -> None:
    async def refuses() -> None:
        raise ConnectorError.data("malformed")

    for _ in range(10):
        with pytest.raises(ConnectorError, match="malformed"):
            asyncio.run(breaker.call(refuses))
    assert state_of(breaker) is CircuitState.CLOSED


def test_foreign_exceptions_count_as_failures(breaker: CircuitBreaker) -> None:
    async def operation() -> None:
        raise OSError("broken pipe")

    for _ in range(5):
        with pytest.raises(OSError, match="broken pipe"):
            asyncio.run(breaker.call(operation))
    assert breaker.is_open()


def test_a_disabled_one_lets_everything_pass(clock: Clock) -> None:
    """Regression: the original never looks at `enabled`."""
    breaker = CircuitBreaker(CircuitBreakerConfig(enabled=False), clock=clock)
    fail(breaker, 20)
    breaker.trip()
    breaker.record_failure()
    assert asyncio.run(breaker.call(works)) == "done"
    assert state_of(breaker) is CircuitState.CLOSED


def test_reset_closes_it(breaker: CircuitBreaker) -> None:
    breaker.trip()
    breaker.reset()
    assert asyncio.run(breaker.call(works)) == "done"


def test_outcomes_seen_elsewhere_count(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(5):
        breaker.record_failure()
    assert breaker.is_open()
    clock.now += 30
    assert state_of(breaker) is CircuitState.HALF_OPEN
    breaker.record_success()
    breaker.record_success()
    assert state_of(breaker) is CircuitState.CLOSED


def test_diagnostics_say_how_it_stands(breaker: CircuitBreaker) -> None:
    fail(breaker, 3)
    found = breaker.diagnostics()
    assert (found.state, found.failures, found.retry_after) == (CircuitState.CLOSED, 3, None)
    fail(breaker, 2)
    with pytest.raises(CircuitOpen):
        asyncio.run(breaker.call(works))
    found = breaker.diagnostics()
    assert (found.state, found.opened, found.rejected) == (CircuitState.OPEN, 1, 1)
