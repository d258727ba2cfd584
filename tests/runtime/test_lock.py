"""The lock of a pipeline: one owner, whatever happens to the file."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rivven_connect._errors import AlreadyRunning, StateStoreError
from rivven_connect.pipeline.lock import PipelineLock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.lock"


def test_the_second_is_refused_and_told_who_has_it(path: Path) -> None:
    first = PipelineLock(path)
    first.acquire()
    with pytest.raises(AlreadyRunning, match=f"runs as process {os.getpid()} ") as caught:
        PipelineLock(path).acquire()
    assert caught.value.exit_code == 5
    first.release()
    first.release()
    second = PipelineLock(path)
    second.acquire()
    second.release()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_killed_owner_leaves_nothing_to_clean_up(path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from rivven_connect.pipeline.lock import PipelineLock\n"
        "lock = PipelineLock(Path(sys.argv[1])); lock.acquire()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    found = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert found.returncode == -9
    assert path.read_text(), "its id is still there, and its lock is not"
    lock = PipelineLock(path)
    lock.acquire()
    assert path.read_text() == f"{os.getpid()}\n"
    lock.release()


def test_a_lock_file_replaced_between_opening_and_locking_is_not_the_lock(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock
    replaced: list[int] = []

    def flock(descriptor: int, how: int) -> None:
        real(descriptor, how)
        if not replaced:
            replaced.append(os.fstat(descriptor).st_ino)
            path.rename(path.with_name("old"))
            path.touch()

    monkeypatch.setattr(fcntl, "flock", flock)
    lock = PipelineLock(path)
    lock.acquire()
    assert path.read_text() == f"{os.getpid()}\n"
    with pytest.raises(AlreadyRunning):
        PipelineLock(path).acquire()
    lock.release()


def test_a_lock_file_removed_meanwhile_is_made_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock
    removed: list[Path] = []

    def flock(descriptor: int, how: int) -> None:
        real(descriptor, how)
        if not removed:
            removed.append(path)
            path.unlink()

    monkeypatch.setattr(fcntl, "flock", flock)
    lock = PipelineLock(path)
    lock.acquire()
    assert path.exists()
    lock.release()


def test_somebody_who_only_looks_does_not_stop_a_start(path: Path) -> None:
    """`status` tries the lock, shared, for a moment."""
    path.touch()
    descriptor = os.open(path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    timer = threading.Timer(0.02, os.close, [descriptor])
    timer.start()
    lock = PipelineLock(path)
    lock.acquire()
    lock.release()
    timer.join()


def test_a_file_system_without_locks_is_no_other_run(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_descriptor: int, _how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StateStoreError, match="cannot be locked: Operation not supported"):
        PipelineLock(path).acquire()


def test_a_lock_file_that_cannot_be_opened_is_a_failure_of_the_state(tmp_path: Path) -> None:
    with pytest.raises(StateStoreError, match="cannot be locked"):
        PipelineLock(tmp_path / "nowhere" / "shop.lock").acquire()
