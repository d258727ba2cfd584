"""How tests reach a system: a small repository, made afresh, with a late merge and a rename."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from git_commits._generated import GitCommitsConfig


@pytest.fixture
def config(tmp_path: Path) -> GitCommitsConfig:
    """Return a config that reads that repository in batches of two."""
    repository = tmp_path / "repository"
    _git(tmp_path, "init", "--quiet", "--initial-branch=main", repository.name)
    for name in ("one", "two", "three"):
        (repository / f"{name}.txt").write_text(f"{name}\n" * 20, encoding="utf-8")
        _commit(repository, f"Add {name}")
    _git(repository, "checkout", "--quiet", "-b", "side", "HEAD~1")
    _git(repository, "mv", "one.txt", "first.txt")
    _commit(repository, "Rename one")
    (repository / "binary").write_bytes(b"\0\1\2")
    _commit(repository, "Add a binary file")
    _git(repository, "checkout", "--quiet", "main")
    _git(repository, "merge", "--quiet", "--no-edit", "side")
    return GitCommitsConfig.parse({"repository": str(repository), "limits": {"batch_size": 2}})


def _commit(repository: Path, message: str) -> None:
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--message", message)


def _git(folder: Path, *arguments: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # No configuration but the repository's own: whoever runs the tests may sign commits, or not.
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, env=kept | alone)
