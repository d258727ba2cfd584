"""`make quickstart`, in a clone of its own: what it prints is what happened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from example_kit import EXAMPLES, rivven
from git_kit import Repository


@pytest.fixture
def checkout(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "checkout")
    shutil.copytree(EXAMPLES, repository.path / "examples")
    repository.write(".gitignore", ".quickstart/\n")
    repository.commit("The examples")
    repository.write("README.md")
    repository.commit("A second commit")
    return repository


def _quickstart(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(checkout / "examples" / "git-commits" / "quickstart.py")],
        cwd="/",
        env={"PATH": os.environ.get("PATH", os.defpath), **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def _commits(checkout: Repository) -> list[str]:
    path = checkout.path / ".quickstart" / "history" / "commits.jsonl"
    return sorted(json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines())


def test_quickstart_ends_with_the_history_and_then_nothing_new(checkout: Repository) -> None:
    done = _quickstart(checkout.path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert len(lines) < 90
    assert [line[0] for line in lines if line[:1].isdigit()] == list("12345")
    assert [line.split()[2] for line in lines if line.split()[:2] == ["source", "history"]][
        1
    ] == "0"
    assert _commits(checkout) == sorted(checkout.history())
    assert checkout.git("status", "--porcelain") == b""

    newest = checkout.commit("One more")
    before = _commits(checkout)
    again = rivven("run", "pipeline.yaml", cwd=checkout.path / ".quickstart")
    assert again.returncode == 0, again.stderr
    assert sorted(set(_commits(checkout)) - set(before)) == [newest]
    assert _commits(checkout) == sorted(checkout.history())


def test_quickstart_without_a_history_says_what_it_needs(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "unpacked" / "examples")
    done = _quickstart(tmp_path / "unpacked", GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert done.returncode == 1
    assert "use a clone" in done.stderr
    assert "Traceback" not in done.stderr
