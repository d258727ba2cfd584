"""Counters, gauges, histograms and timers, kept in memory unless a backend takes them."""

from __future__ import annotations

import contextlib
import contextvars
import math
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, Self, TypeAlias

import msgspec

from rivven_connect._retry import Clock, Rng

Labels: TypeAlias = Mapping[str, str]

RESERVOIR_SIZE = 1024
"""How many values of a histogram are kept for its percentiles."""


class HistogramSummary(msgspec.Struct, frozen=True):
    """A histogram: all but the percentiles are exact; those come from a uniform sample."""

    count: int
    sum: float
    min: float
    max: float
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float


class MetricsSnapshot(msgspec.Struct, frozen=True):
    """All metrics at one moment, by key: `name`, or `name{a=b,c=d}` with the labels sorted."""

    counters: Mapping[str, float]
    gauges: Mapping[str, float]
    histograms: Mapping[str, HistogramSummary]


class MetricsBackend(Protocol):
    """Where metrics go; its methods may be called from several threads."""

    def counter(self, name: str, value: float, labels: Labels) -> None:
        """Add `value` to a counter."""
        ...

    def gauge(self, name: str, value: float, labels: Labels) -> None:
        """Set a gauge."""
        ...

    def histogram(self, name: str, value: float, labels: Labels) -> None:
        """Record one value of a distribution."""
        ...

    def snapshot(self) -> MetricsSnapshot:
        """Return what is known here; a backend that only forwards returns nothing."""
        ...


class InMemoryMetrics:
    """Keeps metrics in memory, bounded per series."""

    def __init__(self, *, rng: Rng = random.random) -> None:
        self._lock = threading.Lock()
        self._rng = rng
        self._counters: dict[str, float] = {}
        self._gauges: dict[str, float] = {}
        self._histograms: dict[str, _Reservoir] = {}

    def counter(self, name: str, value: float, labels: Labels) -> None:
        """Add `value` to a counter."""
        key = series_key(name, labels)
        with self._lock:
            self._counters[key] = self._counters.get(key, 0) + value

    def gauge(self, name: str, value: float, labels: Labels) -> None:
        """Set a gauge."""
        with self._lock:
            self._gauges[series_key(name, labels)] = value

    def histogram(self, name: str, value: float, labels: Labels) -> None:
        """Record one value of a distribution."""
        key = series_key(name, labels)
        with self._lock:
            reservoir = self._histograms.get(key)
            if reservoir is None:
                reservoir = self._histograms[key] = _Reservoir(self._rng)
            reservoir.add(value)

    def snapshot(self) -> MetricsSnapshot:
        """Return all metrics as they are now."""
        with self._lock:
            return MetricsSnapshot(
                dict(self._counters),
                dict(self._gauges),
                {key: reservoir.summary() for key, reservoir in self._histograms.items()},
            )


_backend: contextvars.ContextVar[MetricsBackend | None] = contextvars.ContextVar(
    "rivven_metrics_backend", default=None
)


@contextlib.contextmanager
def metrics_backend(backend: MetricsBackend) -> Iterator[None]:
    """Make `backend` the one that `Metrics()` takes, in this context and the tasks it starts."""
    token = _backend.set(backend)
    try:
        yield
    finally:
        _backend.reset(token)


class Metrics:
    """What a connector records its work with.

    `Metrics()` takes the backend of the surrounding `metrics_backend`, which a running pipeline
    sets; elsewhere it keeps its own figures in memory.
    """

    def __init__(
        self, backend: MetricsBackend | None = None, *, clock: Clock = time.monotonic
    ) -> None:
        self.backend: MetricsBackend = backend or _backend.get() or InMemoryMetrics()
        self._clock = clock

    def counter(self, name: str, value: float = 1, *, labels: Labels | None = None) -> None:
        """Add `value`, which is not negative, to a counter."""
        if value < 0:
            raise ValueError(f"counter {name!r} cannot go down; use a gauge")
        self.backend.counter(name, value, labels or {})

    increment = counter
    """The original's name for the same."""

    def gauge(self, name: str, value: float, *, labels: Labels | None = None) -> None:
        """Set a gauge."""
        self.backend.gauge(name, value, labels or {})

    def histogram(self, name: str, value: float, *, labels: Labels | None = None) -> None:
        """Record one value of a distribution."""
        self.backend.histogram(name, value, labels or {})

    def start_timer(self, name: str, *, labels: Labels | None = None) -> Timer:
        """Start a timer that records seconds to the histogram `name`."""
        return Timer(self, name, labels or {}, self._clock)

    def snapshot(self) -> MetricsSnapshot:
        """Return all metrics of the backend as they are now."""
        return self.backend.snapshot()


class Timer:
    """Measures from its creation to `stop()`, or to the end of its `with` block.

    It records once; a block that ends with an exception is recorded as well.
    """

    def __init__(self, metrics: Metrics, name: str, labels: Labels, clock: Clock) -> None:
        self._metrics = metrics
        self._name = name
        self._labels = dict(labels)
        self._clock = clock
        self._started = clock()
        self._stopped: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.stop()

    @property
    def elapsed(self) -> float:
        """Seconds since the start, or between start and stop."""
        return (self._clock() if self._stopped is None else self._stopped) - self._started

    def with_labels(self, labels: Labels) -> Self:
        """Add labels and return the timer."""
        self._labels.update(labels)
        return self

    def stop(self) -> float:
        """Record the time, unless that has happened or the timer is cancelled; return seconds."""
        if self._stopped is None:
            self._stopped = self._clock()
            self._metrics.histogram(self._name, self.elapsed, labels=self._labels)
        return self.elapsed

    def cancel(self) -> None:
        """Stop without recording."""
        if self._stopped is None:
            self._stopped = self._clock()


class _Reservoir:
    """A uniform sample of bounded size (Vitter's algorithm R), beside exact totals."""

    __slots__ = ("_count", "_max", "_min", "_rng", "_sample", "_sum")

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._count = 0
        self._sum = 0.0
        self._min = math.inf
        self._max = -math.inf
        self._sample: list[float] = []

    def add(self, value: float) -> None:
        self._count += 1
        self._sum += value
        self._min = min(self._min, value)
        self._max = max(self._max, value)
        if len(self._sample) < RESERVOIR_SIZE:
            self._sample.append(value)
            return
        place = int(self._rng() * self._count)
        if place < RESERVOIR_SIZE:
            self._sample[place] = value

    def summary(self) -> HistogramSummary:
        ordered = sorted(self._sample)
        return HistogramSummary(
            count=self._count,
            sum=self._sum,
            min=self._min,
            max=self._max,
            mean=self._sum / self._count,
            p50=_percentile(ordered, 0.50),
            p90=_percentile(ordered, 0.90),
            p95=_percentile(ordered, 0.95),
            p99=_percentile(ordered, 0.99),
        )


def series_key(name: str, labels: Labels) -> str:
    """Return the key of a series: `name{a=b,c=d}`, labels sorted; the name alone without labels."""
    if not labels:
        return name
    return f"{name}{{{','.join(f'{key}={labels[key]}' for key in sorted(labels))}}}"


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value at the nearest rank: the smallest that `share` of all do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
