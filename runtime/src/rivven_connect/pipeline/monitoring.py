"""What a run is doing at this moment: written by its loop, read by threads that show it.

Nothing here takes a lock: each value is replaced whole, and a reader that is one step behind shows
what was true a moment ago. Times are `time.monotonic`, the clock of a real event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import ipaddress
import time
from collections.abc import AsyncIterator, Callable, Iterator

from rivven_connect._problems import Problem
from rivven_connect.pipeline.loading import LoadedPipeline
from rivven_connect.pipeline.observer import Observer
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.recorded import RecordedMetrics
from rivven_connect.pipeline.summary import ConnectorCounts, Gauges, RunSummary

BEAT_S = 0.25
"""How often the loop says that it is alive."""


class RunState(Observer):
    """Watches one run. `on_started` is called in the loop when reading begins."""

    def __init__(self, plan: PipelinePlan, on_started: Callable[[], None] = lambda: None) -> None:
        self.begun = time.monotonic()
        self.recorded = RecordedMetrics()
        self.reading_since: float | None = None
        self.is_draining = False
        self.stalled = False
        """Whether the watchdog has given this run up."""
        self.stall_timeout_s = plan.settings.stall_timeout_ms / 1000
        """Seconds without progress that mean a stall; 0 is never."""
        self._on_started = on_started
        self._planned = plan.summary()
        self._committed: dict[str, float] = {}
        self._waiting_until = 0.0
        self._beat: float | None = None
        self._late = 0.0

    def started(self, summary: RunSummary) -> None:
        """Note that reading begins."""
        super().started(summary)
        self.reading_since = time.monotonic()
        self._on_started()

    def committed(self, source: str, records: int) -> None:
        """Note when a source's checkpoint moved."""
        self._committed[source] = time.monotonic()

    def retrying(self, connector: str, error: Exception, delay_ms: float) -> None:
        """Note that a wait is on purpose, so that it is not taken for a stall."""
        super().retrying(connector, error, delay_ms)
        self._waiting_until = max(self._waiting_until, time.monotonic() + delay_ms / 1000)

    def draining(self) -> None:
        """Note that the run is coming to its end."""
        super().draining()
        self.is_draining = True

    def live(self) -> RunSummary:
        """Return the live counts; before reading begins, the planned connectors with zeros."""
        return self.summary or self._planned

    def connectors(self) -> Iterator[tuple[ConnectorCounts, Gauges]]:
        """Yield the counts and gauges of every source, then of every sink."""
        summary = self.live()
        for one in summary.connectors():
            yield one, summary.gauges.get((one.kind, one.name)) or Gauges()

    @property
    def uptime_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.begun

    @property
    def is_waiting(self) -> bool:
        """Whether a connector waits before its next try."""
        return self.waits_s > 0

    @property
    def waits_s(self) -> float:
        """Seconds until the last connector that waits tries again."""
        return max(0.0, self._waiting_until - time.monotonic())

    @property
    def is_at_work(self) -> bool:
        """Whether it reads, and nobody has asked it to stop."""
        summary = self.summary
        return summary is not None and not self.is_draining and summary.finished is None

    def checkpoint_age_s(self, source: str) -> float | None:
        """Seconds since the source's checkpoint moved, or since reading began."""
        since = self._committed.get(source, self.reading_since)
        return None if since is None else time.monotonic() - since

    def idle_s(self) -> float:
        """Seconds in which no connector made progress, although one could have.

        A wait before a retry, the circuit breaker's included, is no idleness; nor is what comes
        before the reading and behind a stop.
        """
        if self.summary is None or not self.is_at_work:
            return 0.0
        now = time.monotonic()
        gauges = list(self.summary.gauges.values())
        known = (self.reading_since or now, self._waiting_until, *list(self._committed.values()))
        return max(0.0, now - max(*known, *(one.last_progress for one in gauges)))

    def has_stalled(self) -> bool:
        """Whether nothing has moved for the stall timeout."""
        return self.stalled or 0 < self.stall_timeout_s < self.idle_s()

    @property
    def loop_lag_s(self) -> float:
        """Seconds by which the event loop is late: now, or at its last beat if that was worse."""
        if self._beat is None:
            return 0.0
        return max(0.0, self._late, time.monotonic() - self._beat - BEAT_S)

    @contextlib.asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Measure the loop's lag while the block runs."""
        task = asyncio.create_task(self._keep_beating(), name="heartbeat")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_beating(self) -> None:
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(BEAT_S)
            self._late = time.monotonic() - self._beat - BEAT_S


def endpoint_problems(loaded: LoadedPipeline) -> Iterator[Problem]:
    """Yield what stands against the endpoints that a pipeline file asks for.

    RVN736 is an error: the library for the metrics is not installed. RVN737 is a warning: others
    than this machine may ask.
    """
    settings = loaded.file.settings
    for key, block in (("health", settings.health), ("metrics", settings.metrics)):
        if block.enabled and not is_loopback(block.host):
            yield loaded.problem(
                "RVN737",
                ("settings", key, "host"),
                f"{key} listens on {block.host}, where other machines can read it",
                hint="let a firewall or the platform decide who reaches it",
                severity="warning",
            )
    if settings.metrics.enabled and importlib.util.find_spec("prometheus_client") is None:
        yield loaded.problem(
            "RVN736",
            ("settings", "metrics"),
            "settings.metrics needs the extra `metrics`",
            hint='pip install "rivven-connect[metrics]"',
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
