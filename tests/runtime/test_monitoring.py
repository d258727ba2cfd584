"""The endpoints of a run: what they say, to whom, and how little a client can do to them."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from engine_kit import SIMPLE, make_sink, make_source, make_transform, rows, simple_plan
from monitor_kit import BOTH, ask, connect, counted, running, served, small_plan
from project_kit import run_cli, wait_until, write_pipeline, write_projects

from rivven_connect._errors import ConnectorError, InputError
from rivven_connect._events import SourceEvent
from rivven_connect._redaction import _known, register_secret
from rivven_connect.pipeline import StateStore, run_pipeline
from rivven_connect.pipeline.endpoints import LONGEST_HEAD, MOST_CLIENTS
from rivven_connect.pipeline.health import Health, health_of
from rivven_connect.pipeline.monitoring import RunState, endpoint_problems
from rivven_connect.pipeline.summary import ConnectorStatus


def test_a_run_is_starting_healthy_and_stopping(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    state = RunState(plan)
    with served(plan, state) as (url,):
        assert ask(url, "/ready").status == 503
        starting = ask(url, "/health")
        assert (starting.status, starting.json["status"]) == (503, "starting")
        assert [one["name"] for one in starting.json["connectors"]] == ["a", "z"]
        summary = counted(plan)
        summary.gauges.clear()
        state.started(summary)
        assert (ask(url, "/health").status, ask(url, "/ready").json) == (200, {"status": "healthy"})
        state.draining()
        assert (ask(url, "/ready").status, ask(url, "/health").json["status"]) == (503, "stopping")
        assert ask(url, "/live").status == 200


def _open_circuit(state: RunState) -> None:
    state.live().gauges["sink", "z"].circuit = "open"


def _pinned(state: RunState) -> None:
    state.live().gauges["source", "a"].pinned = True


def _waiting(state: RunState) -> None:
    state.retrying("sink 'z'", ConnectorError.connection("away"), 60_000)


def _unhealthy(state: RunState) -> None:
    state.live().sinks["z"].status = ConnectorStatus.UNHEALTHY


def _failed(state: RunState) -> None:
    state.live().sources["a"].status = ConnectorStatus.FAILED


def _all_failed(state: RunState) -> None:
    state.live().failed = True


def _stalled(state: RunState) -> None:
    state.stalled = True


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (_open_circuit, Health.DEGRADED),
        (_pinned, Health.DEGRADED),
        (_waiting, Health.DEGRADED),
        (_unhealthy, Health.DEGRADED),
        (_failed, Health.UNHEALTHY),
        (_all_failed, Health.UNHEALTHY),
        (_stalled, Health.UNHEALTHY),
    ],
)
def test_trouble_shows_with_its_reason(tmp_path: Path, trouble: Any, expected: Health) -> None:
    state = running(small_plan(tmp_path))
    for gauges in state.live().gauges.values():
        gauges.circuit, gauges.pinned = "closed", False
    assert health_of(state) == (Health.HEALTHY, [])
    trouble(state)
    found, reasons = health_of(state)
    assert found is expected
    assert len(reasons) == 1
    assert found.is_ready == (expected is Health.DEGRADED)


def test_health_has_every_figure_of_the_summary(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    state = running(plan)
    with served(plan, state) as (url,):
        source, sink = ask(url, "/health").json["connectors"]
    wanted = state.live().to_dict()
    for shown, known in ((source, wanted["sources"]), (sink, wanted["sinks"])):
        assert isinstance(known, list)
        assert shown.items() >= known[0].items()
    assert (source["in_flight_records"], source["in_flight_bytes"]) == (111, 112)
    assert (source["lag_s"], sink["circuit"], sink["pinned"]) == (1.5, "half_open", True)


def test_only_four_pages_and_two_methods_exist(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    with served(plan, running(plan)) as (url,):
        for path in ("/", "/config", "/../etc/passwd", "/healthz", "/health/"):
            assert ask(url, path).status == 404
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            refused = ask(url, "/health", method)
            assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")
        assert ask(url, "/health", "BREW").status == 501
        head = ask(url, "/live", "HEAD")
        assert (head.status, head.text) == (200, "")
        assert ask(url, "/live?verbose=1").headers["connection"] == "close"


def test_health_and_metrics_may_have_servers_of_their_own(tmp_path: Path) -> None:
    # Two addresses of this machine.
    plan = small_plan(tmp_path, BOTH.replace("enabled: true", "enabled: true, host: 127.0.0.2", 1))
    with served(plan, running(plan)) as (health, metrics):
        assert (ask(health, "/live").status, ask(health, "/metrics").status) == (200, 404)
        assert (ask(metrics, "/live").status, ask(metrics, "/metrics").status) == (404, 200)


def test_an_ipv6_address_is_served_and_shown_in_brackets(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    plan = small_plan(tmp_path, 'health: {enabled: true, host: "::1", port: 0}')
    with served(plan, running(plan)) as (url,):
        assert url.startswith("http://[::1]:")
        assert ask(url, "/live").status == 200


def test_a_page_that_fails_is_logged_and_breaks_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = small_plan(tmp_path)
    state = running(plan)
    with served(plan, state) as (url,):
        del state.live().gauges["sink", "z"].circuit
        with pytest.raises(http.client.HTTPException):
            ask(url, "/health")
        assert ask(url, "/live").status == 200
    assert "a page of the endpoint failed" in caplog.text


def test_f37_a_busy_port_is_an_error_at_its_place(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        plan = small_plan(tmp_path, f"health: {{enabled: true, port: {port}}}")
        with pytest.raises(InputError) as caught, served(plan, RunState(plan)):
            pass
    (problem,) = caught.value.problems
    assert problem.code == "RVN735"
    assert problem.pointer == "/settings/health"
    assert problem.line > 1
    assert f"127.0.0.1:{port}" in problem.message


def test_metrics_without_their_library_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = small_plan(tmp_path)
    assert list(endpoint_problems(plan.loaded)) == []
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    (problem,) = endpoint_problems(plan.loaded)
    assert (problem.code, problem.pointer) == ("RVN736", "/settings/metrics")
    assert 'pip install "rivven-connect[metrics]"' in problem.hint


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_an_address_that_others_reach_is_warned_of(tmp_path: Path, host: str) -> None:
    plan = small_plan(tmp_path, f'health: {{enabled: true, host: "{host}"}}')
    (problem,) = endpoint_problems(plan.loaded)
    assert (problem.code, problem.severity) == ("RVN737", "warning")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_the_machine_itself_is_no_other(tmp_path: Path, host: str) -> None:
    plan = small_plan(tmp_path, f'health: {{enabled: true, host: "{host}"}}')
    assert list(endpoint_problems(plan.loaded)) == []


def test_secrets_are_masked_wherever_they_came_from(tmp_path: Path) -> None:
    register_secret("canary-in-a-name")
    try:
        plan = small_plan(tmp_path)
        summary = counted(plan)
        summary.sinks["z"].name = summary.sinks["z"].connector = "canary-in-a-name"
        summary.pipeline = "of canary-in-a-name"
        state = RunState(plan)
        state.started(summary)
        with served(plan, state) as (url,):
            shown = ask(url, "/health").text + ask(url, "/metrics").text
    finally:
        _known.clear()
    assert "canary" not in shown
    assert '"name": "***"' in shown
    assert 'pipeline="of ***"' in shown


def test_f37_200_slow_clients_stop_nobody(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    before = threading.active_count()
    with served(plan, running(plan)) as (url,), contextlib.ExitStack() as stack:
        for _ in range(200):
            slow = stack.enter_context(connect(url))
            slow.sendall(b"GET /health HTTP/1.1\r\nX-Slow: ")
        assert ask(url, "/health").status == 200
        assert threading.active_count() - before <= MOST_CLIENTS + 5
        for _ in range(20):
            assert ask(url, "/live").status == 200
        wait_until(lambda: threading.active_count() - before <= 1)


def test_a_client_that_drips_is_sent_away(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    with served(plan, running(plan)) as (url,), connect(url) as dripping:
        dripping.settimeout(0.1)
        deadline = time.monotonic() + 15
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < deadline:
                dripping.sendall(b"x")
                try:
                    assert dripping.recv(100) == b""
                except TimeoutError:
                    continue
                break
        assert time.monotonic() < deadline


def test_a_head_without_end_is_cut_off(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    with served(plan, running(plan)) as (url,), connect(url) as greedy:
        with contextlib.suppress(ConnectionError):
            greedy.sendall(b"GET /health HTTP/1.1\r\n")
            for _ in range(4 * LONGEST_HEAD // 1024):
                greedy.sendall(b"X: " + b"x" * 1021)
            greedy.sendall(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert greedy.recv(100) == b""
        assert ask(url, "/health").status == 200


@pytest.mark.parametrize("busy", ["computing", "sleeping"])
def test_f32_health_answers_while_a_transform_blocks_the_loop(tmp_path: Path, busy: str) -> None:
    """F32: the transform goes on until the answers are there, so a slow answer fails the test."""
    asked, found = threading.Event(), []

    def block(event: SourceEvent) -> SourceEvent:
        deadline = time.monotonic() + 20
        if busy == "sleeping":
            asked.wait(20)
        while not asked.is_set() and time.monotonic() < deadline:
            pass
        return event

    source, _ = make_source(rows([1]))
    sink, _ = make_sink()
    text = SIMPLE.replace("{connector: src}", "{connector: src, transforms: [{transform: t}]}")
    plan = simple_plan(
        tmp_path, source, sink, f"{text}settings: {{{BOTH}}}\n", t=make_transform(block)
    )
    state = RunState(plan)

    def probe(url: str) -> None:
        try:
            wait_until(lambda: state.loop_lag_s > 0.2)
            answers = [ask(url, path) for path in ("/health", "/ready", "/live", "/metrics")]
            found.append((answers, asked.is_set()))
        finally:
            asked.set()

    async def run() -> None:
        store = StateStore.open(plan.state_dir, plan.name)
        with contextlib.closing(store):
            async with state.beating():
                await run_pipeline(plan, store=store, observer=state)

    with served(plan, state) as (url,):
        thread = threading.Thread(target=probe, args=(url,))
        thread.start()
        asyncio.run(asyncio.wait_for(run(), 30))
        thread.join()
    ((answers, was_over),) = found
    assert not was_over, "the answers came while the loop was blocked"
    assert [one.status for one in answers] == [200] * 4
    assert json.loads(answers[0].text)["loop_lag_s"] > 0.2


def test_a_run_whose_port_is_busy_reads_nothing_and_exits_2(tmp_path: Path) -> None:
    write_projects(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = write_pipeline(
            tmp_path, {"total": 5}, f"metrics: {{enabled: true, host: localhost, port: {port}}}"
        )
        found = run_cli("run", file, cwd=tmp_path)
    assert found.returncode == 2, found.stderr
    assert re.search(rf"{file}:\d+:\d+: RVN735 metrics cannot listen on localhost", found.stderr)
    assert "Traceback" not in found.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_an_open_address_is_warned_of_once_and_served(tmp_path: Path) -> None:
    write_projects(tmp_path)
    settings = 'health: {enabled: true, host: "0.0.0.0", port: 0}'
    found = run_cli("run", write_pipeline(tmp_path, {"total": 5}, settings), cwd=tmp_path)
    assert found.returncode == 0
    assert found.stderr.count("RVN737") == 1
    assert re.search(r"/health, /live, /ready at http://0\.0\.0\.0:\d+", found.stderr)
