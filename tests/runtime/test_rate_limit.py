"""Rate limits and circuit breakers, alone and in a pipeline."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from engine_kit import (
    QUICK,
    SIMPLE,
    accept,
    make_sink,
    make_source,
    rows,
    run_plan,
    simple_plan,
    transient,
)

from rivven_connect._events import SourceEvent
from rivven_connect._rate_limit import RateLimitConfig, RateLimiter
from rivven_connect._sink import WriteResult
from rivven_connect.pipeline import Observer


class Clock:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def limiter(rate: float, burst: int = 0) -> tuple[RateLimiter, Clock]:
    clock = Clock()
    config = RateLimitConfig(events_per_second=rate, burst=burst)
    return RateLimiter(config, clock=clock, sleep=clock.sleep), clock


def test_f36_a_demand_ten_times_the_bucket_passes_after_its_debt() -> None:
    found, clock = limiter(100, burst=10)
    waited = asyncio.run(found.acquire(1100))
    assert waited == clock.now == pytest.approx((1100 - 110) / 100)
    assert found.stats.events == 1100
    assert found.stats.waited_ms == pytest.approx(9900)


@pytest.mark.parametrize("size", [1, 7, 100, 5000])
def test_the_rate_holds_whatever_the_size_of_the_demands(size: int) -> None:
    found, clock = limiter(100)

    async def drive() -> None:
        for _ in range(10_000 // size):
            await found.acquire(size)

    asyncio.run(drive())
    passed = 10_000 // size * size
    assert clock.now == pytest.approx((passed - 110) / 100)


def test_an_idle_time_fills_no_more_than_the_bucket() -> None:
    found, clock = limiter(10, burst=5)
    asyncio.run(found.acquire(1))
    clock.now += 3600
    assert asyncio.run(found.acquire(15)) == 0
    assert asyncio.run(found.acquire(10)) == pytest.approx(1)


def test_a_rate_of_zero_is_off() -> None:
    found, clock = limiter(0)
    assert asyncio.run(found.acquire(10**9)) == clock.now == 0


def test_the_default_burst_is_that_of_the_guide() -> None:
    assert RateLimitConfig(events_per_second=10).capacity == 20
    assert RateLimitConfig(events_per_second=1000).capacity == 1100


@pytest.mark.parametrize("side", ["connector: src", "connector: dst"])
def test_a_limited_pipeline_delivers_everything_and_counts_the_wait(
    tmp_path: Path, side: str
) -> None:
    source, _ = make_source(rows(range(400)))
    sink, sunk = make_sink()
    text = SIMPLE.replace(side, f"{side}, rate_limit: {{events_per_second: 1000, burst: 1}}")
    summary = run_plan(simple_plan(tmp_path, source, sink, text.replace("1000", "200") + QUICK))
    assert sunk.keys() == set(range(400))
    limited = summary.sources["a"] if "src" in side else summary.sinks["z"]
    assert limited.rate_limited > 0
    assert limited.rate_limit_wait_ms > 0
    assert summary.duration_s > 0.5, "400 records at 200 per second, 201 of them at once"


def test_f16_an_open_circuit_stops_the_calls_and_loses_nothing(tmp_path: Path) -> None:
    seen: list[str] = []
    calls: list[float] = []

    class Watch(Observer):
        def retrying(self, connector: str, error: Exception, delay_ms: float) -> None:
            assert self.summary is not None
            seen.append(self.summary.gauges["sink", "z"].circuit)
            assert self.summary.gauges["sink", "z"].pinned

    def script(events: Sequence[SourceEvent], call: int) -> WriteResult:
        calls.append(asyncio.get_running_loop().time())
        if call < 4:
            raise transient()
        return accept(sunk, events)

    source, _ = make_source(rows(range(50)))
    sink, sunk = make_sink(script)
    breaker = "circuit_breaker: {failure_threshold: 2, reset_timeout_ms: 60, success_threshold: 1}"
    text = SIMPLE.replace("connector: dst", f"connector: dst, {breaker}")
    settings = "settings: {retry: {max_retries: 9, initial_backoff_ms: 1, max_backoff_ms: 2}}\n"
    summary = run_plan(simple_plan(tmp_path, source, sink, text + settings), observer=Watch())
    assert sunk.keys() == set(range(50))
    assert seen == ["closed", "open", "open", "open"]
    pauses = [later - earlier for earlier, later in itertools.pairwise(calls)]
    assert all(pause >= 0.055 for pause in pauses[1:4]), "no call while the circuit is open"
    gauges = summary.gauges["sink", "z"]
    assert (gauges.circuit, gauges.pinned) == ("closed", False)
