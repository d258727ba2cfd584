"""M11: SIGTERM at every step, with an idle source, a busy one, and a blocked sink; F24, F25."""

from __future__ import annotations

import itertools
import signal
import subprocess
import time
from pathlib import Path

import pytest
from experiment import DEADLINE_S, Experiment, Numbers, stopped_at_exit, wait_for
from figures import Record
from oracle import Level, Measured, lost, repeated, violations
from sink_kinds import PACED, with_config
from sizes import FULL

from rivven_connect._failpoints import POINTS

SITUATIONS = ("idle", "busy", "blocked")
PATIENCE_MS = {"idle": 20_000, "busy": 20_000, "blocked": 300}
"""`shutdown_timeout_ms`: ample, but where a test waits for it to pass."""
_MORE_MS = 1_000 if FULL else 10_000
"""What a stop may take beyond it; `make test` shares its machine and must not judge speed."""
HITS = {"inside_commit": 2}
"""Which hit is within the run, if not the first: the state is written to before it begins."""
BEFORE_THE_WRITE = POINTS[: POINTS.index("before_write") + 1]


def cases() -> list[tuple[str, str]]:
    """Return the whole matrix, or four of its fields with every situation."""
    if FULL:
        return list(itertools.product(POINTS, SITUATIONS))
    chosen = ("read", "after_write", "inside_commit", "after_acknowledge")
    return [(point, SITUATIONS[place % 3]) for place, point in enumerate(chosen)]


def experiment(folder: Path, situation: str, *, hang_from: int = 1) -> Experiment:
    """Return 60 records of an idle source, or many of a busy one, or a sink that blocks.

    It blocks at the first write, or where a step behind the write is to be reached, at the second;
    then the drain may find that everything is through.
    """
    source = Numbers(total=30, more={"waits": True})
    if situation == "busy":
        source = Numbers(total=100_000, more={"delay_ms": 1})
    hangs = {"hang_from": hang_from} if situation == "blocked" else {}
    sink = with_config(PACED, hangs)
    settings = {"shutdown_timeout_ms": PATIENCE_MS[situation]}
    return Experiment(folder / "run", source, [sink], settings=settings)


@pytest.mark.parametrize(("point", "situation"), cases())
def test_f24_a_signal_at_any_step_drains_and_the_next_run_continues(
    tmp_path: Path, point: str, situation: str, figures: Record
) -> None:
    run = experiment(tmp_path, situation, hang_from=1 if point in BEFORE_THE_WRITE else 2)
    process = run.start(f"{point}=term@{HITS.get(point, 1)}")
    with stopped_at_exit(process):
        wait_for_signal(process, run)
        since = time.monotonic()
        code = run.ended(process)
    took = (time.monotonic() - since) * 1000
    run.stops.append(
        Measured(what="drain in ms", value=took, limit=PATIENCE_MS[situation] + _MORE_MS)
    )
    blocked = (run.folder / "paced.jsonl.hangs").exists()
    assert code == (6 if blocked else 0), run.errors()
    assert blocked or situation != "blocked" or point not in BEFORE_THE_WRITE
    assert "Traceback" not in run.errors()
    run.sinks = [PACED]
    reached = run.checkpoint()
    run.source.total = max(reached.values(), default=0) + 20
    run.source.more = {}
    run.crashes += 1  # what has no resume point behind it comes again, as after a crash
    run.write()
    assert run.run() == 0, run.errors()
    evidence = run.evidence()
    assert violations(evidence) == []
    if code == 0:
        assert repeated(evidence, Level.L1) <= run.source.page, "more than a page that was cut"
    figures("M11", signals=1, exit_0=code == 0, exit_6=code == 6, lost=len(lost(evidence)))


def wait_for_signal(process: subprocess.Popen[str], run: Experiment) -> None:
    """Wait until the process says that it drains; it may be through by then."""
    deadline = time.monotonic() + DEADLINE_S
    while process.poll() is None and "stopping" not in run.errors():
        assert time.monotonic() < deadline, "no signal came"
        time.sleep(0.005)


def test_f24_a_second_signal_ends_at_once_and_the_state_is_valid(tmp_path: Path) -> None:
    run = experiment(tmp_path, "blocked")
    process = run.start()
    with stopped_at_exit(process):
        wait_for((run.folder / "paced.jsonl.hangs").exists, process)
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: "stopping" in run.errors(), process)
        process.send_signal(signal.SIGINT)
        assert run.ended(process) == 128 + signal.SIGINT
    run.sinks, run.source.more = [PACED], {}
    run.crashes += 1
    run.write()
    assert run.run() == 0, run.errors()
    assert run.verdict() == []


def test_f25_of_two_starts_one_runs_and_the_other_names_it(tmp_path: Path) -> None:
    run = experiment(tmp_path, "idle")
    first = run.start()
    with stopped_at_exit(first):
        wait_for(lambda: '"idle"' in source_log(run), first)
        second = run.start()
        assert second.wait(DEADLINE_S) == 5
        assert str(first.pid) in run.errors()
        first.send_signal(signal.SIGTERM)
        assert run.ended(first) == 0
        second.communicate()
    assert run.verdict() == []


def source_log(run: Experiment) -> str:
    path = run.folder / "source.log"
    return path.read_text(encoding="utf-8") if path.exists() else ""
