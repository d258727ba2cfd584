"""F26: a process that was stopped, and whose lock was stolen meanwhile, saves nothing any more."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest
from project_kit import command, out_ids, run_cli, wait_until, write_pipeline, write_projects
from state_kit import fill, load

from rivven_connect._errors import AlreadyRunning
from rivven_connect.pipeline.store import StateStore


def commits(folder: Path) -> tuple[int, int]:
    """Return owner term and number of commits."""
    path = folder / ".rivven-state" / "pipeline.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        term, count = connection.execute("SELECT owner_term, commits FROM meta").fetchone()
    return term, count


def is_stopped(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_stale_twin_that_wakes_up_exits_5_without_committing(tmp_path: Path) -> None:
    write_projects(tmp_path)
    file = write_pipeline(tmp_path, {"total": 200, "page": 10})
    stale = subprocess.Popen(
        command("run", str(file)),
        cwd=tmp_path,
        env={**os.environ, "RIVVEN_FAILPOINTS": "before_commit=stop@2"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: is_stopped(stale.pid))
        assert run_cli("run", file, cwd=tmp_path).returncode == 5, "the lock is still held"
        (tmp_path / ".rivven-state" / "pipeline.lock").unlink()
        thief = run_cli("run", file, cwd=tmp_path)
        assert thief.returncode == 0, thief.stderr
        assert set(out_ids(tmp_path)) == set(range(200))
        before = commits(tmp_path)
    finally:
        stale.send_signal(signal.SIGCONT)
        _, stderr = stale.communicate(timeout=30)
    assert stale.returncode == 5, stderr
    assert "another process has taken over" in stderr
    assert commits(tmp_path) == before


def test_two_owners_by_a_deleted_lock_file_are_noticed_at_the_next_commit(tmp_path: Path) -> None:
    fill(tmp_path)
    first = StateStore.open(tmp_path, "shop")
    (tmp_path / "shop.lock").unlink()
    second = StateStore.open(tmp_path, "shop")
    with pytest.raises(AlreadyRunning, match="nothing was saved"):
        first.commit("a", {("s", ""): {"last": 7}}, {})
    second.commit("a", {("s", ""): {"last": 8}}, {})
    with pytest.raises(AlreadyRunning, match="nothing was saved"):
        first.commit("a", {("s", ""): {"last": 9}}, {})
    first.close()
    second.close()
    assert load(tmp_path)["s"] == {"last": 8}
