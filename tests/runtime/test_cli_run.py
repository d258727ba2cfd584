"""`rivven-connect run` in its own process: exit codes, signals, kills, what a person sees."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from project_kit import (
    out_ids,
    run_cli,
    start_cli,
    wait_until,
    write_pipeline,
    write_projects,
)

CANARY = "canary-0123456789-abcdef"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_projects(tmp_path)
    return tmp_path


def test_a_run_delivers_and_a_second_run_finds_nothing_new(folder: Path) -> None:
    file = write_pipeline(folder, {"total": 120, "page": 10})
    first = run_cli("run", file, cwd=folder)
    assert first.returncode == 0, first.stderr
    assert out_ids(folder) == list(range(120))
    assert "120 read" in first.stderr
    assert "120 written" in first.stderr
    second = run_cli("run", file, cwd=folder)
    assert second.returncode == 0
    assert "0 read" in second.stderr
    assert len(out_ids(folder)) == 120
    assert (folder / ".rivven-state").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_with_exit_0_and_a_restart_continues(
    folder: Path, number: signal.Signals
) -> None:
    file = write_pipeline(folder, {"total": 400, "page": 2, "delay_ms": 5})
    process = start_cli("run", file, cwd=folder)
    wait_until(lambda: len(out_ids(folder)) > 20)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=15)
    assert process.returncode == 0, stderr
    assert "stopped on request" in stderr
    before = out_ids(folder)
    assert before == list(range(len(before)))
    assert len(before) < 400
    again = write_pipeline(folder, {"total": 400, "page": 50})
    assert run_cli("run", again, cwd=folder).returncode == 0
    assert out_ids(folder) == list(range(400)), "nothing lost and, after a drain, nothing repeated"


def test_sigkill_loses_nothing(folder: Path) -> None:
    file = write_pipeline(folder, {"total": 300, "page": 2, "delay_ms": 2})
    for kill_at in (10, 60, 110):
        process = start_cli("run", file, cwd=folder)
        wait_until(lambda at=kill_at: len(out_ids(folder)) > at)  # type: ignore[misc]  # bound per loop
        process.kill()
        process.communicate(timeout=15)
        assert process.returncode == -signal.SIGKILL
    assert run_cli("run", file, cwd=folder).returncode == 0
    assert set(out_ids(folder)) == set(range(300))


def test_a_second_start_exits_5_and_names_the_owner(folder: Path) -> None:
    file = write_pipeline(folder, {"total": 100_000, "delay_ms": 5})
    process = start_cli("run", file, cwd=folder)
    wait_until(lambda: out_ids(folder))
    second = run_cli("run", file, cwd=folder)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=15)
    assert second.returncode == 5
    assert str(process.pid) in second.stderr


def test_a_drain_that_takes_too_long_exits_6(folder: Path) -> None:
    file = write_pipeline(
        folder, {"total": 10}, "shutdown_timeout_ms: 100", sink={"hang_ms": 60_000}
    )
    process = start_cli("run", file, cwd=folder)
    assert process.stderr is not None
    assert "started" in process.stderr.readline()
    wait_until((folder / "begun").exists)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=15)
    assert process.returncode == 6, stderr
    assert "Traceback" not in stderr


def test_a_second_signal_ends_at_once(folder: Path) -> None:
    file = write_pipeline(folder, {"total": 10}, sink={"hang_ms": 60_000})
    process = start_cli("run", file, cwd=folder)
    assert process.stderr is not None
    assert "started" in process.stderr.readline()
    wait_until((folder / "begun").exists)
    process.send_signal(signal.SIGTERM)
    assert "stopping" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=15)
    assert process.returncode == 128 + signal.SIGTERM


def test_errors_of_connectors_exit_3_without_a_traceback(folder: Path) -> None:
    for fails in ("bug", "auth"):
        file = write_pipeline(folder, {"fails": fails, "token": "${env:COUNTER_TOKEN}"})
        found = run_cli("run", file, cwd=folder, env={"COUNTER_TOKEN": CANARY})
        assert found.returncode == 3
        assert "Traceback" not in found.stderr
        debug = run_cli("run", file, "--debug", cwd=folder, env={"COUNTER_TOKEN": CANARY})
        assert "Traceback" in debug.stderr
        assert CANARY not in found.stderr + found.stdout + debug.stderr + debug.stdout


def test_a_damaged_state_exits_4(folder: Path) -> None:
    file = write_pipeline(folder, {"total": 10})
    assert run_cli("run", file, cwd=folder).returncode == 0
    (folder / ".rivven-state" / "pipeline.db").write_bytes(b"")
    found = run_cli("run", file, cwd=folder)
    assert found.returncode == 4
    assert "emptied" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (('version: "1.0"', 'version: "2.0"'), "RVN713"),
        (("topics: [numbers]", "topics: [number]"), "RVN716"),
        (("connector: ./lines", "connector: ./nowhere"), "RVN705"),
        (("sinks:", "sinkz:"), "RVN710"),
        (('"total": 10', '"total": "ten"'), "RVN601"),
        (('"total": 10', '"totall": 10'), "RVN603"),
        (('"total": 10', '"token": "literal-secret"'), "RVN612"),
        (('"total": 10', '"total": "${env:RIVVEN_NOT_SET}"'), "RVN610"),
    ],
)
def test_bad_input_exits_2_with_its_place_and_no_traceback(
    folder: Path, change: tuple[str, str], code: str
) -> None:
    file = write_pipeline(folder, {"total": 10})
    text = file.read_text()
    assert change[0] in text
    file.write_text(text.replace(*change))
    found = run_cli("run", file, cwd=folder)
    assert found.returncode == 2
    assert code in found.stderr
    assert f"{file}:" in found.stderr
    assert "Traceback" not in found.stderr
    assert "literal-secret" not in found.stderr


def test_explain_and_dry_run_run_nothing(folder: Path) -> None:
    file = write_pipeline(folder, {"total": 10})
    explained = run_cli("run", file, "--explain", cwd=folder)
    assert explained.returncode == 0
    assert "numbers -> out: L1" in explained.stdout
    dry = run_cli("run", file, "--dry-run", cwd=folder)
    assert dry.returncode == 0
    assert "would read: numbers" in dry.stdout
    assert not (folder / "out.jsonl").exists()
    assert not (folder / ".rivven-state").exists()
    failing = write_pipeline(folder, {"fails": "check"})
    assert run_cli("run", failing, "--dry-run", cwd=folder).returncode == 3


def test_a_dry_run_is_json_where_that_is_wanted(folder: Path) -> None:
    dry = run_cli("run", write_pipeline(folder, {"total": 10}), "--dry-run", "--json", cwd=folder)
    said = json.loads(dry.stdout)
    assert dry.returncode == 0
    assert [(one["kind"], one["success"]) for one in said["checks"]] == [
        ("source", True),
        ("sink", True),
    ]
    assert said["streams"] == {"numbers": ["numbers"]}
    assert [one["level"] for one in said["paths"]] == ["L1"]
    failing = write_pipeline(folder, {"fails": "check"})
    failed = run_cli("run", failing, "--dry-run", "--json", cwd=folder)
    assert failed.returncode == 3
    assert not json.loads(failed.stdout)["checks"][0]["success"]
    assert json.loads(failed.stdout)["streams"] == {}


def test_where_lines_are_json_the_end_is_json_too(folder: Path) -> None:
    file = write_pipeline(folder, {"total": 10, "fails": "auth"})
    file.write_text(file.read_text().replace("format: text", "format: json"))
    found = run_cli("run", file, cwd=folder)
    assert found.returncode == 3
    lines = [json.loads(line) for line in found.stderr.splitlines()]
    (error,) = [line for line in lines if line["level"] == "error"]
    assert "refused" in error["message"]
    assert error["fields"] == {"exit_code": 3}


def test_json_gives_a_summary_and_errors_as_json(folder: Path) -> None:
    file = write_pipeline(folder, {"total": 10})
    found = run_cli("run", file, "--json", cwd=folder)
    assert json.loads(found.stdout)["sources"][0]["read"] == 10
    file.write_text("version: 1.0\n")
    bad = run_cli("run", file, "--json", cwd=folder)
    assert bad.returncode == 2
    assert json.loads(bad.stderr)["error"]["problems"][0]["code"] == "RVN713"
