"""One picture of a run whose parts are in several processes.

A worker says how it is a few times a second, in plain JSON; whoever runs the workers puts that
together. Times are sent as ages, because clocks of processes need not have the same zero.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec.structs

from rivven_connect._json import JsonObject
from rivven_connect._redaction import redact
from rivven_connect.pipeline.monitoring import RunState
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.recorded import MOST_SERIES, RecordedMetrics, Series
from rivven_connect.pipeline.summary import ConnectorCounts, ConnectorStatus, Gauges, RunSummary

REPORT_EVERY_S = 0.25


def report_of(state: RunState, *, with_metrics: bool = False) -> JsonObject:
    """Return how a part of a run is, for `GatheredState.take`; known secrets are masked."""
    now = time.monotonic()
    summary = state.live()
    ages = {name: state.checkpoint_age_s(name) for name in summary.sources}
    report: JsonObject = {
        "connectors": [
            {"counts": msgspec.structs.asdict(counts), "gauges": _with_age(gauges, now)}
            for counts, gauges in state.connectors()
        ],
        "checkpoint_ages_s": ages,
        "waits_s": state.waits_s,
        "loop_lag_s": state.loop_lag_s,
        "drained": summary.drained,
    }
    if with_metrics:
        report["metrics"] = [
            [name, kind, [[_masked(labels), *value] for labels, value in series]]
            for name, kind, series in state.recorded.families()
        ]
    return report


def _with_age(gauges: Gauges, now: float) -> JsonObject:
    found = msgspec.structs.asdict(gauges)
    found["last_progress"] = now - gauges.last_progress
    return found


def _masked(labels: Mapping[str, str]) -> JsonObject:
    return {key: redact(text) for key, text in labels.items()}


class GatheredState(RunState):
    """The state of a whole run, as its workers tell it; `take` is called in the loop."""

    def __init__(self, plan: PipelinePlan, on_started: Callable[[], None] = lambda: None) -> None:
        super().__init__(plan, on_started)
        self.recorded: GatheredMetrics = GatheredMetrics()
        self._lags: dict[int, tuple[float, float]] = {}

    def gathered(self) -> RunSummary:
        """Return the summary that grows, also before reading begins."""
        return self._planned

    def expect(self, worker: int) -> None:
        """Note that a worker is ready: from now on, reports of it are due."""
        self._lags[worker] = (time.monotonic(), 0.0)

    def take(self, worker: int, report: Mapping[str, Any]) -> None:
        """Note how a worker is."""
        now = time.monotonic()
        summary = self._planned
        for one in report["connectors"]:
            counts = ConnectorCounts(**one["counts"])
            counts.status = ConnectorStatus(counts.status)
            gauges = Gauges(**one["gauges"])
            gauges.last_progress = now - gauges.last_progress
            known = summary.sources if counts.kind == "source" else summary.sinks
            known[counts.name] = counts
            summary.gauges[counts.kind, counts.name] = gauges
        for name, age in report["checkpoint_ages_s"].items():
            if age is not None:
                self._committed[name] = now - age
        self._waiting_until = max(self._waiting_until, now + report["waits_s"])
        self._lags[worker] = (now, report["loop_lag_s"])
        if "metrics" in report:
            self.recorded.take(worker, report["metrics"])

    def ended(self, worker: int, sources: Collection[str], sinks: Collection[str]) -> None:
        """Note that a worker is no more; what it did not say to be over has failed."""
        self._lags.pop(worker, None)
        for kind, names in (("source", sources), ("sink", sinks)):
            known = self._planned.sources if kind == "source" else self._planned.sinks
            for name in names:
                if known[name].status not in {ConnectorStatus.STOPPED, ConnectorStatus.FAILED}:
                    known[name].status = ConnectorStatus.FAILED

    @property
    def loop_lag_s(self) -> float:
        """Seconds by which the latest of the workers' loops is late, or by which it is overdue."""
        now = time.monotonic()
        heard = list(self._lags.values())
        # A process that has been stopped says nothing at all.
        lags = [lag + max(0.0, now - at - 2 * REPORT_EVERY_S) for at, lag in heard]
        return max((super().loop_lag_s, *lags))

    def idle_s(self) -> float:
        """Seconds in which no connector made progress, or in which a worker's loop did nothing.

        A loop that hangs stops all that one process does; here it stops its worker's part.
        """
        return max(super().idle_s(), self.loop_lag_s) if self.is_at_work else 0.0


class GatheredMetrics(RecordedMetrics):
    """What connectors recorded in all workers; bounded as that of one process is."""

    def __init__(self) -> None:
        super().__init__()
        self._of_workers: dict[int, list[Any]] = {}

    def take(self, worker: int, families: list[Any]) -> None:
        """Replace what a worker has recorded."""
        self._of_workers[worker] = families

    def families(self) -> Iterator[tuple[str, str, Series]]:
        """Yield name, kind and series; equal ones of several workers are added up.

        Of a gauge, which cannot be added up, the last worker's value is shown.
        """
        kinds: dict[str, str] = {}
        found: dict[str, dict[tuple[tuple[str, str], ...], tuple[int, float]]] = {}
        room = MOST_SERIES
        for name, kind, series in [one for of in list(self._of_workers.values()) for one in of]:
            if kinds.setdefault(name, kind) != kind:
                continue
            known = found.setdefault(name, {})
            for labels, count, total in series:
                key = tuple(sorted(labels.items()))
                if key not in known:
                    if room == 0:
                        continue
                    room -= 1
                count_before, total_before = known.get(key, (0, 0.0))
                known[key] = (
                    count_before + count,
                    total if kind == "gauge" else total_before + total,
                )
        for name, kind in kinds.items():
            yield name, kind, [(dict(key), value) for key, value in found[name].items()]
