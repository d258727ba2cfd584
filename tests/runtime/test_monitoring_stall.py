"""A run that makes no progress: readiness flips, the run ends, and the endpoint still answers."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import threading
import time
import types
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from engine_kit import SIMPLE, accept, event, make_sink, make_source, rows, simple_plan
from monitor_kit import ask, running, small_plan
from project_kit import out_ids, run_cli, start_cli, wait_until, write_pipeline, write_projects

from rivven_connect._batch import Item
from rivven_connect._errors import ConnectorError, ExitCode, PipelineError
from rivven_connect._events import SourceEvent
from rivven_connect._sink import WriteResult
from rivven_connect._state import State
from rivven_connect.cli.progress import Progress
from rivven_connect.cli.running import run_watched
from rivven_connect.pipeline import PipelinePlan, RunSummary, StateStore, monitoring
from rivven_connect.pipeline.health import Health, health_of
from rivven_connect.pipeline.monitoring import RunState
from rivven_connect.pipeline.watchdog import Watchdog

STALL = "stall_timeout_ms: 200"


class Quiet(Progress):
    """Shows nothing, and leaves this process's garbage collector alone."""

    def started(self) -> None:
        pass

    @contextlib.contextmanager
    def showing(self, state: RunState) -> Iterator[None]:
        yield


def run_quietly(plan: PipelinePlan, state: RunState) -> RunSummary:
    store = StateStore.open(plan.state_dir, plan.name)
    with contextlib.closing(store):
        return run_watched(plan, store, state, Quiet())


class Clock:
    """Replaces `time` in the module under test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(monitoring, "time", types.SimpleNamespace(monotonic=found.monotonic))
    return found


@pytest.fixture
def state(tmp_path: Path, clock: Clock) -> RunState:
    """A run with a stall timeout of ten seconds, that has just progressed."""
    found = running(small_plan(tmp_path, "stall_timeout_ms: 10000"))
    for gauges in found.live().gauges.values():
        gauges.last_progress, gauges.circuit, gauges.pinned = clock.now, "closed", False
    return found


def test_progress_of_any_connector_counts(state: RunState, clock: Clock) -> None:
    clock.now += 9
    state.live().gauges["sink", "z"].last_progress = clock.now
    clock.now += 9
    assert not state.has_stalled()
    state.committed("a", 0)
    clock.now += 9
    assert not state.has_stalled()
    clock.now += 2
    assert state.has_stalled()
    assert health_of(state)[0] is Health.UNHEALTHY


def test_opening_for_long_is_no_stall(tmp_path: Path, clock: Clock) -> None:
    plan = small_plan(tmp_path, "stall_timeout_ms: 10000")
    state = RunState(plan)
    clock.now += 60
    assert not state.has_stalled()
    summary = running(plan).live()
    for gauges in summary.gauges.values():
        gauges.last_progress = clock.now - 60
    state.started(summary)
    clock.now += 9
    assert not state.has_stalled()
    clock.now += 2
    assert state.has_stalled()


def test_waiting_before_a_retry_is_no_stall(state: RunState, clock: Clock) -> None:
    state.retrying("sink 'z'", ConnectorError.connection("away"), 30_000)
    clock.now += 39
    assert not state.has_stalled()
    clock.now += 2
    assert state.has_stalled()


def test_stopping_and_having_stopped_are_no_stall(state: RunState, clock: Clock) -> None:
    clock.now += 11
    assert state.has_stalled()
    state.live().finished = clock.now
    assert not state.has_stalled()
    state.live().finished = None
    state.draining()
    assert not state.has_stalled()


def test_without_a_timeout_nothing_is_watched(tmp_path: Path, clock: Clock) -> None:
    state = running(small_plan(tmp_path, ""))
    clock.now += 1_000_000
    assert not state.has_stalled()


def hanging_plan(folder: Path, where: str) -> PipelinePlan:
    """Return a pipeline that delivers 1 and hangs at 2."""

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield event(1)
        if where == "source":
            await asyncio.Event().wait()
        yield event(2)

    source, _ = make_source(read)
    sink, _ = make_sink(delay=3600 if where == "sink" else 0)
    return simple_plan(folder, source, sink, f"{SIMPLE}settings: {{{STALL}}}\n")


@pytest.mark.parametrize("where", ["source", "sink"])
def test_a_hang_in_await_ends_the_run_with_its_reason(tmp_path: Path, where: str) -> None:
    plan = hanging_plan(tmp_path, where)
    state = RunState(plan)
    with pytest.raises(PipelineError, match="no progress for") as caught:
        run_quietly(plan, state)
    assert caught.value.exit_code == ExitCode.CONNECTOR
    assert "stall_timeout_ms is 200" in str(caught.value)
    assert health_of(state)[0] is Health.UNHEALTHY


def test_a_loop_that_does_not_hear_is_given_up(tmp_path: Path) -> None:
    """Blocked where no cancellation reaches, the run is given up by the other thread."""
    given_up: list[PipelineError] = []
    freed = threading.Event()

    def give_up(error: PipelineError) -> None:
        given_up.append(error)
        freed.set()

    state = running(small_plan(tmp_path, STALL))
    watchdog = Watchdog(state, give_up=give_up, end_grace_s=0)

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        watchdog.start(task)
        assert freed.wait(20), "the loop is blocked until the watchdog frees it"

    asyncio.run(run())
    watchdog.stop()
    assert given_up == [watchdog.error]


def test_a_run_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    state = running(small_plan(tmp_path, STALL))
    watchdog = Watchdog(state, give_up=lambda _error: None, end_grace_s=0)

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None
        watchdog.start(task)
        for _ in range(30):
            state.live().gauges["source", "a"].last_progress = time.monotonic()
            await asyncio.sleep(0.02)

    asyncio.run(run())
    watchdog.stop()
    assert watchdog.error is None
    assert not state.stalled


def test_a_slow_run_that_goes_on_is_not_ended(tmp_path: Path) -> None:
    async def slow(_session: int, _state: State | None) -> AsyncIterator[Item]:
        for number in range(16):
            await asyncio.sleep(0.05)
            yield event(number)

    source, _ = make_source(slow)
    sink, sunk = make_sink()
    text = f"{SIMPLE}settings: {{stall_timeout_ms: 300}}\n"
    plan = simple_plan(tmp_path, source, sink, text)
    run_quietly(plan, RunState(plan))
    assert sunk.keys() == set(range(16))


def start_hanging(folder: Path, how: str) -> subprocess.Popen[str]:
    """Start a pipeline whose sink hangs, with a health endpoint."""
    write_projects(folder)
    code = folder / "lines" / "src" / "lines_kit" / "__init__.py"
    text = code.read_text()
    assert "await asyncio.sleep(config.hang_ms / 1000)" in text
    code.write_text(text.replace("await asyncio.sleep(config.hang_ms / 1000)", how))
    settings = "stall_timeout_ms: 1500, shutdown_timeout_ms: 100, health: {enabled: true, port: 0}"
    file = write_pipeline(folder, {"total": 10}, settings, sink={"hang_ms": 1})
    return start_cli("run", file, cwd=folder)


BLOCKING = "import time; time.sleep(3600)"
STUBBORN = """
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    pass
"""


@pytest.mark.parametrize("how", [BLOCKING, STUBBORN], ids=["blocking", "stubborn"])
def test_f31_a_hang_ends_the_process_while_liveness_answers(tmp_path: Path, how: str) -> None:
    process = start_hanging(tmp_path, how)
    assert process.stderr is not None
    url = ""
    while not url:
        found = re.search(r"/health.* at (http://\S+)", process.stderr.readline())
        url = found[1] if found else ""
    wait_until((tmp_path / "begun").exists)
    assert ask(url, "/live").status == 200
    wait_until(lambda: ask(url, "/ready").status == 503)
    assert ask(url, "/live").status == 200
    assert "no progress" in ask(url, "/health").json["reasons"][0]
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == ExitCode.CONNECTOR
    assert "no progress for" in stderr
    assert "did not end when asked to" in stderr
    assert "Traceback" not in stderr
    (tmp_path / "pipeline.yaml").write_text(
        (tmp_path / "pipeline.yaml").read_text().replace('"hang_ms": 1', '"hang_ms": 0')
    )
    assert run_cli("run", "pipeline.yaml", cwd=tmp_path).returncode == 0
    assert out_ids(tmp_path) == list(range(10))


def test_an_open_circuit_is_degraded_and_no_stall(tmp_path: Path) -> None:
    """F16: while the other side is away the run waits on purpose; then it goes on."""
    seen: list[tuple[Health, list[str]]] = []
    source, _ = make_source(rows(range(5)))

    def fail_twice(events: Sequence[SourceEvent], call: int) -> WriteResult:
        if call < 2:
            raise ConnectorError.connection("away")
        return accept(sunk, events)

    sink, sunk = make_sink(fail_twice)
    breaker = "{failure_threshold: 2, reset_timeout_ms: 900, success_threshold: 1}"
    text = SIMPLE.replace("topics: [a]", f"topics: [a], circuit_breaker: {breaker}")
    settings = "stall_timeout_ms: 500, retry: {initial_backoff_ms: 1, max_backoff_ms: 1}"
    plan = simple_plan(tmp_path, source, sink, f"{text}settings: {{{settings}}}\n")
    state = RunState(plan)

    def watch() -> None:
        wait_until(lambda: state.live().sinks["z"].retries == 2)
        seen.append(health_of(state))

    thread = threading.Thread(target=watch)
    thread.start()
    summary = run_quietly(plan, state)
    thread.join()
    ((health, reasons),) = seen
    assert health is Health.DEGRADED
    assert any("circuit open" in one for one in reasons)
    assert summary.sinks["z"].written == 5
    assert sunk.keys() == set(range(5))
