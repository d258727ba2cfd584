"""Dead letters under faults: a letter that is not on disk holds the checkpoint back (F10, F18)."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from dlq_project import fail_on, write_dlq_project
from project_kit import command, out_ids, run_cli

ALL = set(range(40))
BAD = {3, 17, 18, 31}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dlq_project(tmp_path)
    fail_on(tmp_path, *BAD)
    return tmp_path


def dead_ids(folder: Path, name: str = "numbers.jsonl") -> Counter[int]:
    """Return the ids of the letters of a file; half a line is none."""
    path = folder / "dlq" / name
    found: Counter[int] = Counter()
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.startswith("{") and line.endswith("}"):
            found[json.loads(line)["record"]["id"]] += 1
    return found


def run_limited(
    *args: str, cwd: Path, file_bytes: int, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command where no file may grow beyond so many bytes: a full disk for whoever does."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    return subprocess.run(
        command(*args),
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        preexec_fn=limit,
    )


@pytest.mark.parametrize("point", ["source_letters_kept", "before_commit", "inside_commit"])
def test_killed_around_its_dead_letters_a_run_loses_none(point: str, folder: Path) -> None:
    for hit in (1, 2):
        env = {"RIVVEN_FAILPOINTS": f"{point}=kill@{hit}"}
        killed = run_cli("run", "pipeline.yaml", cwd=folder, env=env)
        assert killed.returncode in {-9, 0}, killed.stderr
        assert set(out_ids(folder)) | set(dead_ids(folder)) <= ALL
    done = run_cli("run", "pipeline.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (set(out_ids(folder)), set(dead_ids(folder))) == (ALL - BAD, BAD)
    fail_on(folder)
    assert run_cli("dlq", "replay", "pipeline.yaml", cwd=folder).returncode == 0
    assert set(out_ids(folder)) == ALL
    assert dead_ids(folder) == Counter()


def test_f10_a_full_disk_under_the_dead_letters_holds_the_checkpoint_back(folder: Path) -> None:
    """The file is full with the letters of an earlier day; the rest of the disk has room."""
    room = 200_000
    path = folder / "dlq" / "numbers.jsonl"
    path.parent.mkdir(mode=0o700)
    old = json.dumps({"kind": "poison", "path": "sources/numbers", "source": "numbers", "stream": "n",
                      "record": {"id": -1}, "error": "x" * room}) + "\n"  # fmt: skip
    path.write_text(old)
    full = run_limited("run", "pipeline.yaml", cwd=folder, file_bytes=len(old) + 100)
    assert full.returncode == 4, full.stderr
    assert "dead letters of source 'numbers'" in full.stderr
    assert "disk is full" in full.stderr
    assert path.read_text() == old, "no half letter stays"
    before = set(out_ids(folder))
    assert before <= ALL - BAD
    assert before < {number for number in ALL if number < 35}, "the checkpoint had to wait"
    again = run_cli("run", "pipeline.yaml", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert (set(out_ids(folder)), set(dead_ids(folder))) == (ALL - BAD, BAD | {-1})


def test_a_replay_on_a_full_disk_loses_no_letter(folder: Path) -> None:
    """The letters that failed again are kept, the checkpoint is not: the claim stays, nothing is lost."""
    assert run_cli("run", "pipeline.yaml", cwd=folder).returncode == 0
    env = {"RIVVEN_FAILPOINTS": "source_letters_kept=oserror:ENOSPC"}
    full = run_cli("dlq", "replay", "pipeline.yaml", cwd=folder, env=env)
    assert full.returncode == 4, full.stderr
    assert (folder / "dlq" / "numbers.jsonl.replaying").exists()
    again = run_cli("dlq", "replay", "pipeline.yaml", cwd=folder)
    assert again.returncode == 3, again.stderr
    assert set(dead_ids(folder)) == BAD
    fail_on(folder)
    assert run_cli("dlq", "replay", "pipeline.yaml", cwd=folder).returncode == 0
    delivered = Counter(out_ids(folder))
    assert delivered.keys() == ALL
    assert {number for number, times in delivered.items() if times > 1} <= BAD, "within L1"
    assert max(delivered.values()) <= 2, "once more for the one crash"
    assert list((folder / "dlq").iterdir()) == []


def test_a_place_that_is_no_folder_stops_with_exit_3(folder: Path) -> None:
    (folder / "dlq").write_text("in the way")
    stopped = run_cli("run", "pipeline.yaml", cwd=folder)
    assert stopped.returncode == 3, stopped.stderr
    assert "dead letters of source 'numbers'" in stopped.stderr
    (folder / "dlq").unlink()
    assert run_cli("run", "pipeline.yaml", cwd=folder).returncode == 0
    assert (set(out_ids(folder)), set(dead_ids(folder))) == (ALL - BAD, BAD)
