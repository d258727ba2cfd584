"""A pipeline in several processes: kills, signals and failures, and what the whole run then says."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from division import COMMAND, STATE, Division
from experiment import DEADLINE_S, lines_of, wait_for
from sizes import size

CANARY = "canary-0123456789-abcdef"
PAGE = 5
"""A drain may cut the page that is being read; its records come again, having no state behind them."""
WINDOW = 20 + PAGE
"""What a crash may repeat: `max_in_flight` and the page that was being read."""
BUSY = {"total": 1_000_000, "page": PAGE, "delay_ms": 2}
"""A source that is not through before its test is."""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(*pids: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, "a process stays"
        time.sleep(0.01)


def open_files(pid: int) -> set[str]:
    """Return the names of the files that a process has open."""
    found = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(one.readlink().name)
    return found


def behind(run: Division, n: int) -> int:
    """Return how many records of a sink have no checkpoint behind them."""
    return max(run.numbers(n)) + 1 - run.checkpoint()[f"n{n}"]


def finish(run: Division, *, repeats: int) -> None:
    """Run to the end and compare: nothing lost, repeated no more than `repeats`, order kept."""
    reached = run.checkpoint()
    total = max(reached.values(), default=0) + 40
    run.configure(total=total, delay_ms=0, waits=False)
    assert run.run() == 0, run.errors()
    for n in range(2):
        got = run.numbers(n)
        assert set(got) == set(range(total))
        assert len(got) - total <= repeats
    assert run.checkpoint() == {"n0": total, "n1": total}


def test_two_workers_deliver_what_one_process_does(tmp_path: Path) -> None:
    runs = {}
    for workers in (1, 2):
        run = runs[workers] = Division(tmp_path / str(workers), workers=workers, total=200)
        assert run.run() == 0, run.errors()
        assert [run.numbers(n) for n in range(2)] == [list(range(200))] * 2
        assert run.checkpoint() == {"n0": 200, "n1": 200}
        assert run.run() == 0
        assert len(run.numbers(0)) == 200, "a second run finds nothing new"
    one, two = ({**runs[n].summary, "duration_s": 0} for n in (1, 2))
    assert one == two
    assert "worker" not in runs[1].errors()


def test_each_worker_has_its_source_and_its_sink_and_the_run_has_neither(tmp_path: Path) -> None:
    run = Division(tmp_path / "run", **BUSY)
    with run.started() as process:
        pids = run.wait_for_records(process)
        assert run.holders()[0] == process.pid
        files = [open_files(pid) for pid in (process.pid, *pids)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0, run.errors()
    ours = {"n0.log", "n1.log", "out0.jsonl", "out1.jsonl"}
    assert [one & ours for one in files] == [
        set(),
        {"n0.log", "out0.jsonl"},
        {"n1.log", "out1.jsonl"},
    ]
    assert not any(map(is_alive, pids))


def test_one_worker_starts_no_process_and_loads_nothing_of_workers(tmp_path: Path) -> None:
    run = Division(tmp_path / "run", workers=1)
    assert run.run(env={"PYTHONPROFILEIMPORTTIME": "1"}) == 0
    loaded = run.errors()
    assert "rivven_connect.pipeline.engine" in loaded
    for name in ("cli.supervising", "cli.worker", "pipeline.groups", "pipeline.gathering"):
        assert f"rivven_connect.{name}" not in loaded


@pytest.mark.parametrize("kills", [size(20)])
@pytest.mark.parametrize("victim", ["worker", "run"])
def test_killed_at_random_again_and_again_nothing_is_lost(
    tmp_path: Path, victim: str, kills: int
) -> None:
    """Of a run that is killed, the workers deliver what they have read, and only then end."""
    draw = random.Random(f"workers-{victim}")
    run = Division(tmp_path / "run", **BUSY)
    for _ in range(kills):
        with run.started() as process:
            pids = run.wait_for_records(process, count=30)
            time.sleep(draw.uniform(0, 0.05))  # the moment is what is random here
            killed = process.pid if victim == "run" else draw.choice(pids)
            os.kill(killed, signal.SIGKILL)
            code = process.wait(DEADLINE_S)
            wait_until_gone(*pids)
        if victim == "run":
            assert code == -signal.SIGKILL
            assert "the process that started this worker has gone" in run.errors()
            assert max(behind(run, 0), behind(run, 1)) <= PAGE, "they committed what they delivered"
        else:
            assert code == 128 + signal.SIGKILL
            n = pids.index(killed)
            assert f"worker {n + 1} (n{n} -> out{n}) was killed by SIGKILL" in run.errors()
            assert behind(run, 1 - n) <= PAGE, "the other one has drained"
    finish(run, repeats=kills * (PAGE if victim == "run" else WINDOW))


@pytest.mark.parametrize("point", ["after_write", "inside_commit", "after_commit"])
def test_killed_at_a_step_nothing_is_lost(tmp_path: Path, point: str) -> None:
    """Whichever of the three processes comes there first: the run itself commits, too."""
    run = Division(tmp_path / "run")
    assert run.run(env={"RIVVEN_FAILPOINTS": f"{point}=kill@3"}) == 128 + signal.SIGKILL
    finish(run, repeats=2 * WINDOW)


def test_while_a_worker_lives_nobody_else_starts_the_pipeline(tmp_path: Path) -> None:
    run = Division(tmp_path / "run", **BUSY)
    with run.started() as process:
        pids = run.wait_for_records(process)
        os.kill(pids[0], signal.SIGSTOP)
        process.kill()
        process.wait(DEADLINE_S)
        wait_until_gone(pids[1])
        second = Division(run.folder, total=1)
        assert second.run() == 5
        assert f"process {pids[0]}" in json.loads(run.errors())["error"]["message"]
        os.kill(pids[0], signal.SIGCONT)
        wait_until_gone(pids[0])
    finish(run, repeats=2 * WINDOW)  # it may have been stopped inside a commit


def test_a_run_that_lost_its_lock_commits_nothing_more(tmp_path: Path) -> None:
    """The fence of the state holds for workers as well: their term is that of their run."""
    run = Division(tmp_path / "run", **BUSY)
    with run.started() as process:
        run.wait_for_records(process)
        (run.folder / STATE / "pipeline.lock").rename(run.folder / "stolen")
        twin = Division(run.folder, workers=1, total=1, page=1)
        twin.configure(log="twin.log")
        for sink in twin.sinks:
            sink["config"]["path"] = sink["config"]["path"].replace("out", "twin")
        with twin.started("--accept-config-change") as second:
            second.communicate(timeout=DEADLINE_S)
        assert process.wait(DEADLINE_S) == 5
    before = run.checkpoint()
    run.configure(total=max(before.values()))
    assert before == run.checkpoint()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("to", ["run", "all", "worker"])
def test_a_signal_drains_all(tmp_path: Path, number: signal.Signals, to: str) -> None:
    """A terminal, or a service manager, signals all processes at once: that is one signal."""
    run = Division(tmp_path / "run", **BUSY)
    with run.started() as process:
        pids = run.wait_for_records(process)
        for pid in {"run": [process.pid], "all": [process.pid, *pids], "worker": pids[:1]}[to]:
            os.kill(pid, number)
        printed, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, run.errors()
    summary = json.loads(printed)
    assert (summary["drained"], summary["failed"]) == (True, False)
    assert run.errors().count("stopping: delivering what was read") == 1
    for n in range(2):
        got = run.numbers(n)
        assert got == list(range(len(got)))
        assert behind(run, n) <= PAGE
    finish(run, repeats=PAGE)


def hanging(folder: Path, **settings: int) -> Division:
    """Return a pipeline whose first sink never comes back from its first write."""
    run = Division(folder, **BUSY)
    run.sinks[0] = {
        "connector": "./paced",
        "topics": ["n0"],
        "config": {"path": "paced.jsonl", "hang_from": 1},
    }
    run.settings |= settings
    return run


def test_a_second_signal_ends_all_at_once(tmp_path: Path) -> None:
    run = hanging(tmp_path / "run")
    with run.started() as process:
        wait_for((run.folder / "paced.jsonl.hangs").exists, process)
        pids = run.holders()[1:]
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: "stopping" in run.errors(), process)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 128 + signal.SIGINT
        assert not any(map(is_alive, pids)), "nobody must hold the lock behind the run's end"


def test_a_drain_that_takes_too_long_exits_6_and_leaves_nobody(tmp_path: Path) -> None:
    run = hanging(tmp_path / "run", shutdown_timeout_ms=300)
    with run.started() as process:
        wait_for((run.folder / "paced.jsonl.hangs").exists, process)
        pids = run.holders()[1:]
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 6, run.errors()
        assert not any(map(is_alive, pids))
    assert "Traceback" not in run.errors()


def test_a_worker_that_answers_nobody_is_killed_when_the_run_fails(tmp_path: Path) -> None:
    run = Division(tmp_path / "run", **BUSY)
    run.settings["shutdown_timeout_ms"] = 100
    with run.started() as process:
        pids = run.wait_for_records(process)
        os.kill(pids[0], signal.SIGSTOP)
        os.kill(pids[1], signal.SIGKILL)
        assert process.wait(DEADLINE_S) == 128 + signal.SIGKILL
        assert not any(map(is_alive, pids))
    assert "worker 2" in json.loads(run.errors().splitlines()[-1])["error"]["message"]
    finish(run, repeats=2 * WINDOW)


def test_a_stalled_worker_ends_the_run_with_exit_3(tmp_path: Path) -> None:
    """The other one moves all the time; a stopped process must be noticed all the same."""
    run = Division(tmp_path / "run", **BUSY)
    run.settings |= {"stall_timeout_ms": 1500, "shutdown_timeout_ms": 500}
    with run.started() as process:
        pids = run.wait_for_records(process)
        os.kill(pids[0], signal.SIGSTOP)
        assert process.wait(DEADLINE_S) == 3, run.errors()
        assert not any(map(is_alive, pids))
    assert "no progress for" in run.errors()
    finish(run, repeats=2 * WINDOW)


@pytest.mark.parametrize(
    ("failpoints", "code", "message"),
    [
        ("before_write=error:auth@2+", 3, "a failpoint"),
        ("before_commit=oserror:ENOSPC@2+", 4, "No space left"),
    ],
)
def test_a_failing_worker_s_exit_code_and_message_are_those_of_one_process(
    tmp_path: Path, failpoints: str, code: int, message: str
) -> None:
    said = []
    for workers in (1, 2):
        run = Division(tmp_path / str(workers), workers=workers)
        assert run.run(env={"RIVVEN_FAILPOINTS": failpoints}) == code, run.errors()
        error = json.loads(run.errors().splitlines()[-1])["error"]
        said.append((error["code"], error["exit_code"]))
        assert message in error["message"]
        assert run.summary["failed"]
        finish(run, repeats=2 * WINDOW)
    assert said[0] == said[1]


def test_a_source_that_cannot_be_opened_keeps_all_from_reading(tmp_path: Path) -> None:
    run = Division(tmp_path / "run", **BUSY)
    run.sources[1]["config"]["log"] = "no/such/folder"
    assert run.run() == 3
    assert "'n1'" in json.loads(run.errors().splitlines()[-1])["error"]["message"]
    assert {one["op"] for one in run.read_log(0)} <= {"open"}, "nothing was read"
    assert run.numbers(0) == []


def test_dead_letters_and_transactions_and_upserts_work_in_workers(tmp_path: Path) -> None:
    run = Division(tmp_path / "run", total=100, poison_every=10)
    for n, delivery in enumerate(("transactional", "upsert")):
        run.sources[n]["dead_letter"] = {"path": f"letters{n}.jsonl", "max_ratio": 1.0}
        run.sinks[n] |= {
            "connector": "sqlite", "delivery": delivery, "config": {"path": f"out{n}.db"},
        }  # fmt: skip
    kill = {"RIVVEN_FAILPOINTS": "after_flush=kill@3"}
    assert run.run(env=kill) == 128 + signal.SIGKILL
    assert run.run() == 0, run.errors()
    for n in range(2):
        with contextlib.closing(sqlite3.connect(run.folder / f"out{n}.db")) as database:
            keys = [key for (key,) in database.execute("SELECT k FROM s0")]
        poisons = {one["position"] for one in lines_of(run.folder / f"letters{n}.jsonl")}
        assert sorted(int(key[3:]) for key in keys) == [i for i in range(100) if i % 10 != 9]
        assert poisons == set(range(9, 100, 10))
    assert sum(one["dead_letters"] for one in run.summary["sources"]) > 0


def test_no_secret_is_in_an_argument_or_in_what_is_said(tmp_path: Path) -> None:
    run = Division(tmp_path / "run", **BUSY)
    insert = {"transform": "insert", "config": {"field": "t", "value": CANARY}}
    run.sources[0]["transforms"] = [insert]
    with run.started("--allow-inline-secrets", env={"CANARY": CANARY}) as process:
        pids = run.wait_for_records(process)
        told = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (process.pid, *pids)]
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE_S)
    assert all(b"rivven_connect" in one for one in told)
    assert not any(CANARY.encode() in one for one in told)
    assert CANARY not in run.errors()


def test_endpoints_status_and_metrics_show_the_whole_run(tmp_path: Path) -> None:
    run = Division(tmp_path / "run", **{**BUSY, "total": 40}, waits=True)
    run.settings |= {key: {"enabled": True, "port": 0} for key in ("health", "metrics")}
    with run.started() as process:
        wait_for(lambda: all(run.numbers(n) == list(range(40)) for n in range(2)), process)
        (url,) = re.findall(r"/metrics, /ready at (http://\S+)", run.errors())
        wait_for(lambda: counted(url) == [40] * 4, process)
        health = json.loads(asked(f"{url}/health"))
        assert health["status"] == "healthy"
        assert [one["name"] for one in health["connectors"]] == ["n0", "n1", "out0", "out1"]
        assert {one["status"] for one in health["connectors"]} == {"running"}
        status = subprocess.run(
            [*COMMAND, "status", "--url", url],
            cwd=run.folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert all(name in status.stdout for name in ("n0", "n1", "out0", "out1"))
        # What connectors record comes with every fourth report.
        latency = re.compile(r'write_latency_seconds_count{[^}]*name="out[01]"')
        wait_for(lambda: len(latency.findall(asked(f"{url}/metrics"))) == 2, process)
        page = asked(f"{url}/metrics")
        for n in range(2):
            assert re.search(rf'records_read_total{{[^}}]*name="n{n}"[^}}]*}} 40.0', page)
            assert re.search(rf'records_written_total{{[^}}]*name="out{n}"[^}}]*}} 40.0', page)
            assert re.search(rf'checkpoint_age_seconds{{[^}}]*name="n{n}"', page)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0


def asked(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def counted(url: str) -> list[int]:
    connectors = json.loads(asked(f"{url}/health"))["connectors"]
    return [one["read"] if one["kind"] == "source" else one["written"] for one in connectors]


def test_the_state_is_usable_behind_workers(tmp_path: Path) -> None:
    run = Division(tmp_path / "run")
    assert run.run() == 0
    shown = {}
    for command in (["state", "show", "pipeline.yaml", "--json"], ["status", "pipeline.yaml"]):
        done = subprocess.run(
            [*COMMAND, *command],
            cwd=run.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        shown[command[0]] = done.stdout
    assert all(name in shown["state"] for name in ("n0", "n1"))
    assert shown["status"].count("60 written in all runs") == 2 + 2
    backup = run.folder / STATE / "pipeline.db.bak"
    assert backup.exists(), "the run has ended cleanly"
    run.workers = 1
    assert run.run() == 0
    assert len(run.numbers(0)) == 60, "one process goes on where workers were"


def test_more_workers_than_parts_is_said_and_one_part_needs_no_process(tmp_path: Path) -> None:
    run = Division(tmp_path / "run", workers=5)
    assert run.run() == 0
    assert "RVN715 of 5 workers 2 will be used" in run.errors()
    run.sinks[1]["topics"] = ["n0", "n1"]
    assert run.run() == 0
    assert "1 part that runs on its own: out1 receives from n0 and n1" in run.errors()
    assert "is process" not in run.errors()
    assert run.checkpoint() == {"n0": 60, "n1": 60}
