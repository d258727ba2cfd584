"""The page `/metrics`: every name is there, and every figure is the summary's."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from engine_kit import SIMPLE, make_sink, make_source, make_transform, rows, simple_plan
from monitor_kit import BOTH, ask, running, served, small_plan
from prometheus_client.parser import text_string_to_metric_families

from rivven_connect import Metrics, SourceEvent, metric_names
from rivven_connect._metrics import metrics_backend
from rivven_connect.pipeline import StateStore, run_pipeline
from rivven_connect.pipeline.endpoints import serving
from rivven_connect.pipeline.metrics_page import MetricsPage
from rivven_connect.pipeline.monitoring import RunState
from rivven_connect.pipeline.recorded import MOST_SERIES, RecordedMetrics

LATENCIES = {metric_names.READ_LATENCY_SECONDS, metric_names.WRITE_LATENCY_SECONDS}
NAMES = {
    value for name, value in vars(metric_names).items() if name.isupper() and isinstance(value, str)
}

Samples = dict[tuple[str, str], float]


def samples(page: str) -> Samples:
    """Return (name, connector) -> value; the connector is `kind:name`, or empty."""
    found: Samples = {}
    for family in text_string_to_metric_families(page):
        for one in family.samples:
            owner = f"{one.labels['kind']}:{one.labels['name']}" if "kind" in one.labels else ""
            assert (one.name, owner) not in found
            found[one.name, owner] = one.value
    return found


def test_every_figure_of_the_summary_has_its_series(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    state = running(plan)
    with served(plan, state) as (url,):
        answer = ask(url, "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(answer.text)
    wanted: dict[str, dict[str, float]] = {
        "source:a": {
            "records_read_total": 101, "bytes_read_total": 107, "lag": 1.5, "errors_total": 108,
            "retries_total": 106, "connected": 1, "filtered_total": 103, "dropped_total": 105,
            "dead_letters_total": 104, "in_flight_records": 111, "in_flight_bytes": 112,
            "checkpoint_pinned": 0, "circuit_state": 0, "source_events_total": 101,
            "source_errors_total": 108, "source_running": 1,
        },
        "sink:z": {
            "records_written_total": 202, "bytes_written_total": 207, "errors_total": 208,
            "retries_total": 206, "connected": 1, "filtered_total": 203, "dropped_total": 205,
            "dead_letters_total": 204, "in_flight_records": 211, "in_flight_bytes": 212,
            "checkpoint_pinned": 1, "circuit_state": 1, "sink_events_total": 202,
            "sink_errors_total": 208, "sink_running": 1, "sink_rate_limited_events_total": 209,
            "sink_rate_limit_wait_ms_total": 210,
        },
    }  # fmt: skip
    flat = {
        (f"rivven_connect_{name}", owner): value
        for owner, figures in wanted.items()
        for name, value in figures.items()
    }
    others = {name for name, _ in found.keys() - flat.keys()}
    assert {key: found[key] for key in flat} == flat
    assert others == {
        metric_names.UPTIME_SECONDS,
        metric_names.LOOP_LAG_SECONDS,
        metric_names.CHECKPOINT_AGE_SECONDS,
    }
    assert {name for name, _ in found} == NAMES - LATENCIES


def test_labels_say_pipeline_kind_name_and_connector(tmp_path: Path) -> None:
    state = running(small_plan(tmp_path))
    page = MetricsPage(state, RecordedMetrics()).render().decode()
    labels = '{connector="scripted",kind="source",name="a",pipeline="pipeline"}'
    assert f"rivven_connect_records_read_total{labels} 101.0" in page.splitlines()


def test_the_page_of_a_real_run_agrees_with_its_summary(tmp_path: Path) -> None:
    def record(event: SourceEvent) -> SourceEvent | None:
        Metrics().counter("orders seen", labels={"big-ones": "no"})
        return event if event.data["id"] % 3 else None

    source, _ = make_source(rows(range(50)))
    sink, _ = make_sink()
    text = SIMPLE.replace("{connector: src}", "{connector: src, transforms: [{transform: t}]}")
    plan = simple_plan(
        tmp_path, source, sink, f"{text}settings: {{{BOTH}}}\n", t=make_transform(record)
    )
    state, recorded = RunState(plan), RecordedMetrics()
    store = StateStore.open(plan.state_dir, plan.name)
    with contextlib.closing(store), metrics_backend(recorded):
        summary = asyncio.run(run_pipeline(plan, store=store, observer=state))
    with serving(plan, state, recorded) as (url,):
        page = ask(url, "/metrics").text
    found = samples(page)
    read, wrote = summary.sources["a"], summary.sinks["z"]
    assert (read.read, read.filtered, wrote.written) == (50, 17, 33)
    for name, one, value in (
        ("records_read_total", "source:a", read.read),
        ("bytes_read_total", "source:a", read.bytes),
        ("filtered_total", "source:a", read.filtered),
        ("records_written_total", "sink:z", wrote.written),
        ("bytes_written_total", "sink:z", wrote.bytes),
        ("sink_events_total", "sink:z", wrote.written),
    ):
        assert found[f"rivven_connect_{name}", one] == value
    assert 'orders_seen_total{big_ones="no"} 50.0' in page.splitlines()


def test_what_connectors_record_is_shown_by_kind_and_bounded(tmp_path: Path) -> None:
    recorded = RecordedMetrics()
    metrics = Metrics(recorded)
    metrics.gauge("depth", 3)
    metrics.gauge("depth", 2)
    metrics.counter("depth", 9)  # another kind of the same name
    metrics.counter(metric_names.RECORDS_READ_TOTAL, 7)  # the engine's own
    metrics.histogram(metric_names.WRITE_LATENCY_SECONDS, 0.5, labels={"kind": "sink", "name": "z"})
    metrics.histogram(metric_names.WRITE_LATENCY_SECONDS, 1.5, labels={"kind": "sink", "name": "z"})
    for number in range(2 * MOST_SERIES):
        metrics.counter("many", labels={"n": str(number)})
    page = MetricsPage(running(small_plan(tmp_path)), recorded).render().decode()
    found = samples(page.split("# HELP many")[0])
    assert found["depth", ""] == 2
    assert found[metric_names.RECORDS_READ_TOTAL, "source:a"] == 101
    assert (metric_names.RECORDS_READ_TOTAL, "") not in found
    assert found[f"{metric_names.WRITE_LATENCY_SECONDS}_count", "sink:z"] == 2
    assert found[f"{metric_names.WRITE_LATENCY_SECONDS}_sum", "sink:z"] == 2.0
    assert 0 < page.count("many_total{") < MOST_SERIES


def test_before_it_reads_a_run_has_zeros(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    found = samples(MetricsPage(RunState(plan), RecordedMetrics()).render().decode())
    assert found[metric_names.RECORDS_READ_TOTAL, "source:a"] == 0
    assert found[metric_names.CONNECTED, "sink:z"] == 0
    assert found.keys() >= {(metric_names.UPTIME_SECONDS, "")}
