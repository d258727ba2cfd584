"""Metrics and timers."""

from __future__ import annotations

import asyncio
import threading

import pytest

from rivven_connect import metric_names
from rivven_connect._metrics import (
    RESERVOIR_SIZE,
    InMemoryMetrics,
    Metrics,
    metrics_backend,
    series_key,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics(clock=clock)


def test_counters_add_up(metrics: Metrics) -> None:
    metrics.counter("written", 3)
    metrics.increment("written", 2)
    metrics.counter("written")
    assert metrics.snapshot().counters == {"written": 6}


def test_a_counter_cannot_go_down(metrics: Metrics) -> None:
    with pytest.raises(ValueError, match="use a gauge"):
        metrics.counter("written", -1)


def test_a_gauge_keeps_its_last_value(metrics: Metrics) -> None:
    metrics.gauge("lag", 3)
    metrics.gauge("lag", -1.5)
    assert metrics.snapshot().gauges == {"lag": -1.5}


def test_labels_make_series_of_their_own_whatever_their_order(metrics: Metrics) -> None:
    metrics.counter("n", 1)
    metrics.counter("n", 1, labels={"b": "2", "a": "1"})
    metrics.counter("n", 1, labels={"a": "1", "b": "2"})
    assert metrics.snapshot().counters == {"n": 1, "n{a=1,b=2}": 2}
    assert series_key("name", {"c": "d", "a": "b"}) == "name{a=b,c=d}"


def test_a_histogram_is_summarised(metrics: Metrics) -> None:
    for value in range(1, 101):
        metrics.histogram("size", value)
    found = metrics.snapshot().histograms["size"]
    assert (found.count, found.sum, found.min, found.max, found.mean) == (100, 5050, 1, 100, 50.5)
    assert (found.p50, found.p90, found.p95, found.p99) == (50, 90, 95, 99)


def test_one_value_is_all_its_percentiles(metrics: Metrics) -> None:
    metrics.histogram("size", 7)
    found = metrics.snapshot().histograms["size"]
    assert {found.p50, found.p90, found.p95, found.p99, found.mean} == {7}


def test_a_histogram_keeps_a_bounded_sample_and_exact_totals() -> None:
    """Regression: the original keeps every value for ever."""
    backend = InMemoryMetrics()
    metrics = Metrics(backend)
    for value in range(5 * RESERVOIR_SIZE):
        metrics.histogram("size", value)
    (reservoir,) = backend._histograms.values()
    assert len(reservoir._sample) == RESERVOIR_SIZE
    found = metrics.snapshot().histograms["size"]
    assert (found.count, found.min, found.max) == (5 * RESERVOIR_SIZE, 0, 5 * RESERVOIR_SIZE - 1)
    # A uniform sample of 1,024: ten standard deviations are 0.16 of the range.
    assert found.p50 == pytest.approx(2.5 * RESERVOIR_SIZE, abs=0.16 * 5 * RESERVOIR_SIZE)


def test_a_timer_records_seconds_once(metrics: Metrics, clock: Clock) -> None:
    """Regression: the original's timers record to nowhere."""
    timer = metrics.start_timer("write_duration")
    clock.now = 1.5
    assert timer.elapsed == 1.5
    assert timer.stop() == 1.5
    clock.now = 9
    assert (timer.stop(), timer.elapsed) == (1.5, 1.5)
    found = metrics.snapshot().histograms["write_duration"]
    assert (found.count, found.sum) == (1, 1.5)


def test_a_timer_records_at_the_end_of_its_block_even_after_an_error(
    metrics: Metrics, clock: Clock
) -> None:
    def work() -> None:
        with metrics.start_timer("t").with_labels({"stream": "orders"}):
            clock.now = 2
            raise KeyError("author's bug")

    with pytest.raises(KeyError):
        work()
    assert metrics.snapshot().histograms["t{stream=orders}"].sum == 2


def test_a_cancelled_timer_records_nothing(metrics: Metrics) -> None:
    with metrics.start_timer("t", labels={"a": "b"}) as timer:
        timer.cancel()
    assert metrics.snapshot().histograms == {}


def test_each_has_figures_of_its_own() -> None:
    first, second = Metrics(), Metrics()
    first.counter("n")
    assert second.snapshot().counters == {}


def test_a_surrounding_backend_collects_all_also_from_tasks() -> None:
    backend = InMemoryMetrics()

    async def work() -> None:
        Metrics().counter("n")

    async def scenario() -> None:
        await asyncio.gather(asyncio.create_task(work()), asyncio.create_task(work()))

    with metrics_backend(backend):
        Metrics().counter("n")
        asyncio.run(scenario())
    Metrics().counter("n")
    assert backend.snapshot().counters == {"n": 3}


def test_threads_lose_nothing() -> None:
    metrics = Metrics()

    def work() -> None:
        for _ in range(2_000):
            metrics.counter("n")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.snapshot().counters == {"n": 8_000}


def test_the_original_metric_names_are_there() -> None:
    names = {value for key, value in vars(metric_names).items() if key.isupper()}
    assert names >= {
        f"rivven_connect_{name}"
        for name in [
            "records_read_total",
            "records_written_total",
            "bytes_read_total",
            "bytes_written_total",
            "read_latency_seconds",
            "write_latency_seconds",
            "lag",
            "errors_total",
            "retries_total",
            "connected",
        ]
    }
