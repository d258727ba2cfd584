"""`rivven-connect dlq` in its own process: what it prints, its exit codes, and what it never shows."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from dlq_project import CANARY, fail_on, write_dlq_project
from project_kit import out_ids, run_cli, start_cli, wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dlq_project(tmp_path)
    fail_on(tmp_path, 3, 17, 31)
    return tmp_path


def dlq(folder: Path, command: str, *more: str) -> Any:
    return run_cli("dlq", command, "pipeline.yaml", *more, cwd=folder)


def test_from_a_poisoned_run_to_an_empty_file(folder: Path) -> None:
    """The issue's story: a transform fails on some records, is repaired, and nothing is lost."""
    run = run_cli("run", "pipeline.yaml", cwd=folder)
    assert run.returncode == 0, run.stderr
    assert set(out_ids(folder)) == set(range(40)) - {3, 17, 31}
    listed = json.loads(dlq(folder, "list", "--json").stdout)
    assert [(one["owner"], one["letters"]) for one in listed] == [
        ("sources/numbers", 3),
        ("sinks/out", 0),
    ]
    assert listed[0]["errors"] == [
        {"kind": "transform", "error_class": "data", "stream": "numbers", "letters": 3}
    ]
    assert listed[0]["oldest"] <= listed[0]["newest"]

    fail_on(folder, 17)
    first = dlq(folder, "replay", "--json")
    assert first.returncode == 3, first.stderr
    result = json.loads(first.stdout)
    assert (result["replayed"], result["failed_again"], result["kept"]) == (2, 1, 0)
    assert set(out_ids(folder)) == set(range(40)) - {17}

    fail_on(folder)
    second = dlq(folder, "replay")
    assert second.returncode == 0, second.stderr
    assert "sources/numbers/transforms/0" in second.stderr
    assert sorted(out_ids(folder)) == list(range(40))
    assert list((folder / "dlq").iterdir()) == []

    third = dlq(folder, "replay")
    assert (third.returncode, "no dead letters" in third.stderr) == (0, True)
    assert "has no dead letters" in dlq(folder, "list").stdout
    assert run_cli("run", "pipeline.yaml", cwd=folder).returncode == 0
    assert sorted(out_ids(folder)) == list(range(40)), "the source's own state was not moved"


def test_show_prints_letters_for_people_and_programs(folder: Path) -> None:
    run_cli("run", "pipeline.yaml", cwd=folder)
    shown = dlq(folder, "show")
    assert shown.returncode == 0, shown.stderr
    for text in ("sources/numbers/transforms/0", '{"id":3}', '{"id":31}', "attempt 1", "stream"):
        assert text in shown.stdout
    assert "\x1b" not in shown.stdout
    assert "red \\x1b[31m text" in shown.stdout
    lines = [json.loads(line) for line in dlq(folder, "show", "--json").stdout.splitlines()]
    assert [one["record"] for one in lines] == [{"id": 3}, {"id": 17}, {"id": 31}]
    name = lines[1]["id"]
    only = dlq(folder, "show", "--id", name)
    assert name in only.stdout
    assert '{"id":3}' not in only.stdout
    assert len(dlq(folder, "show", "--json", "--limit", "2").stdout.splitlines()) == 2
    none = dlq(folder, "show", "--owner", "sinks/out")
    assert (none.returncode, none.stdout) == (0, "")
    assert "no dead letters" in none.stderr


def test_secrets_are_masked_in_what_describes_a_letter(folder: Path) -> None:
    """Also where a letter was written before anybody knew that it was a secret."""
    run_cli("run", "pipeline.yaml", cwd=folder)
    path = folder / "dlq" / "numbers.jsonl"
    assert CANARY not in path.read_text()
    path.write_text(path.read_text().replace("text, ***", f"text, {CANARY}"))
    assert CANARY in path.read_text()
    for more in ((), ("--json",)):
        shown = dlq(folder, "show", *more)
        assert shown.stdout
        assert CANARY not in shown.stdout + shown.stderr
        assert CANARY not in (listed := dlq(folder, "list", *more)).stdout + listed.stderr


def test_a_dry_run_and_a_choice(folder: Path) -> None:
    run_cli("run", "pipeline.yaml", cwd=folder)
    fail_on(folder)
    before = (folder / "dlq" / "numbers.jsonl").read_bytes()
    dry = dlq(folder, "replay", "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    assert (json.loads(dry.stdout)["replayed"], json.loads(dry.stdout)["dry_run"]) == (3, True)
    assert (folder / "dlq" / "numbers.jsonl").read_bytes() == before
    name = json.loads(before.splitlines()[1])["id"]
    assert dlq(folder, "replay", "--id", name).returncode == 0
    assert set(out_ids(folder)) == set(range(40)) - {3, 31}
    unknown = dlq(folder, "replay", "--id", name)
    assert (unknown.returncode, "RVN741" in unknown.stderr) == (2, True)
    owner = dlq(folder, "replay", "--owner", "sinks/outt")
    assert (owner.returncode, "RVN740" in owner.stderr) == (2, True)


def test_a_replay_beside_a_run_exits_5(folder: Path) -> None:
    run_cli("run", "pipeline.yaml", cwd=folder)
    text = (folder / "pipeline.yaml").read_text()
    (folder / "pipeline.yaml").write_text(
        text.replace("total: 40, page: 5", "total: 90000, delay_ms: 5")
    )
    fail_on(folder)
    process = start_cli("run", "pipeline.yaml", cwd=folder)
    try:
        wait_until(lambda: len(out_ids(folder)) > 40)
        replay = dlq(folder, "replay")
    finally:
        process.terminate()
        process.communicate(timeout=15)
    assert (replay.returncode, "already runs" in replay.stderr) == (5, True)
    assert (folder / "dlq" / "numbers.jsonl").exists()


@pytest.mark.parametrize(
    "point",
    [
        "read=kill@2",
        "after_flush=kill",
        "before_commit=kill",
        "inside_commit=kill",
        "after_commit=kill",
    ],
)
def test_killed_in_the_middle_a_replay_is_finished_by_the_next_one(
    point: str, folder: Path
) -> None:
    run_cli("run", "pipeline.yaml", cwd=folder)
    fail_on(folder, 17)
    killed = run_cli(
        "dlq", "replay", "pipeline.yaml", cwd=folder, env={**os.environ, "RIVVEN_FAILPOINTS": point}
    )
    assert killed.returncode == -9, killed.stderr
    listed = dlq(folder, "list")
    assert "has not ended" in listed.stdout
    again = dlq(folder, "replay")
    fail_on(folder)
    last = dlq(folder, "replay")
    assert (again.returncode in {0, 3}, last.returncode) == (True, 0), again.stderr + last.stderr
    assert set(out_ids(folder)) == set(range(40))
    assert len(out_ids(folder)) <= 40 + 3, "twice is what was delivered and not yet committed"
    assert list((folder / "dlq").iterdir()) == []
