"""The page `/metrics`: a run's counts and gauges in the text format of Prometheus.

Needs the extra `metrics`; import it only where a run has the endpoint.
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from rivven_connect import metric_names as names
from rivven_connect._redaction import redact
from rivven_connect.pipeline.monitoring import RunState
from rivven_connect.pipeline.recorded import RecordedMetrics
from rivven_connect.pipeline.summary import ConnectorCounts, ConnectorStatus, Gauges

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LABELS = ("pipeline", "kind", "name", "connector")
_CIRCUITS = {"closed": 0, "half_open": 1, "open": 2}
_AT_WORK = (ConnectorStatus.RUNNING, ConnectorStatus.UNHEALTHY)

_Value = Callable[[ConnectorCounts, Gauges], float | None]
_BOTH = ("source", "sink")
_SOURCE = ("source",)
_SINK = ("sink",)


def _running(one: ConnectorCounts, _gauges: Gauges) -> float:
    return one.status in _AT_WORK


_SERIES: tuple[tuple[str, str, tuple[str, ...], _Value], ...] = (
    (names.RECORDS_READ_TOTAL, "Records read.", _SOURCE, lambda one, _: one.read),
    (names.RECORDS_WRITTEN_TOTAL, "Records written.", _SINK, lambda one, _: one.written),
    (names.BYTES_READ_TOTAL, "Bytes of the records read.", _SOURCE, lambda one, _: one.bytes),
    (names.BYTES_WRITTEN_TOTAL, "Bytes of the records written.", _SINK, lambda one, _: one.bytes),
    (names.LAG, "Seconds between an event's time and its commit.", _BOTH, lambda _, now: now.lag_s),
    (names.ERRORS_TOTAL, "Failures.", _BOTH, lambda one, _: one.errors),
    (names.RETRIES_TOTAL, "Further tries after a failure.", _BOTH, lambda one, _: one.retries),
    (
        names.CONNECTED, "1 while the connector is open and its circuit is not.", _BOTH,
        lambda one, now: one.status in _AT_WORK and now.circuit != "open",
    ),
    (names.FILTERED_TOTAL, "Records filtered out.", _BOTH, lambda one, _: one.filtered),
    (names.DROPPED_TOTAL, "Records dropped by on_error.", _BOTH, lambda one, _: one.dropped),
    (names.DEAD_LETTERS_TOTAL, "Dead letters.", _BOTH, lambda one, _: one.dead_letters),
    (
        names.IN_FLIGHT_RECORDS, "Records read and not committed, or waiting to be written.", _BOTH,
        lambda _, now: now.in_flight_records,
    ),
    (names.IN_FLIGHT_BYTES, "Their bytes.", _BOTH, lambda _, now: now.in_flight_bytes),
    (
        names.CHECKPOINT_PINNED, "1 while a failure holds the checkpoint.", _BOTH,
        lambda _, now: now.pinned,
    ),
    (
        names.CIRCUIT_STATE, "0 closed, 1 half-open, 2 open.", _BOTH,
        lambda _, now: _CIRCUITS.get(now.circuit, 2),
    ),
    (names.SOURCE_EVENTS_TOTAL, "Records read.", _SOURCE, lambda one, _: one.read),
    (names.SOURCE_ERRORS_TOTAL, "Failures.", _SOURCE, lambda one, _: one.errors),
    (names.SOURCE_RUNNING, "1 while the source runs.", _SOURCE, _running),
    (names.SINK_EVENTS_TOTAL, "Records written.", _SINK, lambda one, _: one.written),
    (names.SINK_ERRORS_TOTAL, "Failures.", _SINK, lambda one, _: one.errors),
    (names.SINK_RUNNING, "1 while the sink runs.", _SINK, _running),
    (
        names.SINK_RATE_LIMITED_EVENTS_TOTAL, "Records that a rate limit held up.", _SINK,
        lambda one, _: one.rate_limited,
    ),
    (
        names.SINK_RATE_LIMIT_WAIT_MS_TOTAL, "Milliseconds waited for a rate limit.", _SINK,
        lambda one, _: one.rate_limit_wait_ms,
    ),
)  # fmt: skip


class MetricsPage(Collector):
    """Renders the page from what is true when it is asked for; keeps nothing."""

    def __init__(self, state: RunState, recorded: RecordedMetrics) -> None:
        self._state = state
        self._recorded = recorded
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render(self) -> bytes:
        """Return the page."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Name nothing ahead: the registry is ours alone, so nothing can collide."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family; own names come before those that connectors recorded."""
        taken = set()
        for family in self._own():
            taken.add(family.name)
            yield family
        for family in self._of_connectors():
            if family.name not in taken:
                yield family

    def _own(self) -> Iterator[Metric]:
        pipeline = redact(self._state.live().pipeline)
        connectors = list(self._state.connectors())
        labels = {
            id(one): (pipeline, one.kind, redact(one.name), redact(one.connector))
            for one, _ in connectors
        }
        for name, text, kinds, value in _SERIES:
            family = _family(name, text, _LABELS)
            for one, gauges in connectors:
                if one.kind in kinds and (found := value(one, gauges)) is not None:
                    family.add_metric(labels[id(one)], float(found))
            yield family
        ages = _family(names.CHECKPOINT_AGE_SECONDS, "Seconds since the checkpoint moved.", _LABELS)
        for one, _ in connectors:
            age = self._state.checkpoint_age_s(one.name) if one.kind == "source" else None
            if age is not None:
                ages.add_metric(labels[id(one)], age)
        yield ages
        for name, text, figure in (
            (names.UPTIME_SECONDS, "Seconds since the run began.", self._state.uptime_s),
            (names.LOOP_LAG_SECONDS, "Seconds by which the loop is late.", self._state.loop_lag_s),
        ):
            single = _family(name, text, ("pipeline",))
            single.add_metric((pipeline,), figure)
            yield single

    def _of_connectors(self) -> Iterator[Metric]:
        for name, kind, series in self._recorded.families():
            keys = sorted({key for labels, _ in series for key in labels})
            text = "Recorded by a connector."
            summary = SummaryMetricFamily(name, text, labels=keys) if kind == "histogram" else None
            family = None if summary else _family(name, text, keys, counter=kind == "counter")
            for labels, (count, total) in series:
                values = [redact(labels.get(key, "")) for key in keys]
                if summary:
                    summary.add_metric(values, count, total)
                elif family:
                    family.add_metric(values, total)
            found = summary or family
            if found:
                yield found


def _family(
    name: str, text: str, labels: tuple[str, ...] | list[str], *, counter: bool | None = None
) -> CounterMetricFamily | GaugeMetricFamily:
    if name.endswith("_total") if counter is None else counter:
        return CounterMetricFamily(name, text, labels=labels)
    return GaugeMetricFamily(name, text, labels=labels)
