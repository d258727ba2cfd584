"""The durable state: what it keeps, what it refuses, whom it lets in."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from rivven_connect._errors import AlreadyRunning, StateStoreError
from rivven_connect._redaction import register_secret
from rivven_connect.pipeline.store import StateStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def fill(folder: Path) -> Path:
    store = StateStore.open(folder, "shop")
    store.commit("a", {("s", ""): {"last": 1}, ("p", "0"): {"x": [1]}}, {("source:a", "read"): 2})
    store.commit("a", {("s", ""): {"last": 2}}, {("source:a", "read"): 3})
    store.commit("b", {("_state", ""): {"page": 1}}, {})
    store.close()
    return folder / "shop.db"


def test_what_is_committed_is_loaded(folder: Path) -> None:
    fill(folder)
    store = StateStore.open(folder, "shop")
    assert store.load("a") == {"s": {"last": 2}, "p/0": {"x": [1]}}
    assert store.load("b") == {"_state": {"page": 1}}
    assert store.load("c") == {}
    assert store.counters() == {("source:a", "read"): 5}
    store.close()


def test_files_are_private_and_ignored_by_git(folder: Path) -> None:
    path = fill(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    for file in (path, path.with_suffix(".lock"), path.with_suffix(".marker")):
        assert file.stat().st_mode & 0o777 == 0o600, file
    assert (folder / ".gitignore").read_text() == "*\n"


def test_the_database_follows_the_rules(folder: Path) -> None:
    path = fill(folder)
    connection = sqlite3.connect(path)
    journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    assert journal == ("wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "delete")
    assert connection.execute("PRAGMA application_id").fetchone()[0] == 0x52564E43
    connection.close()
    store = StateStore.open(folder, "shop")
    assert store._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    store.close()


def test_a_second_owner_is_refused_and_told_of_the_first(folder: Path) -> None:
    store = StateStore.open(folder, "shop")
    script = (
        "import sys; from pathlib import Path\n"
        "from rivven_connect.pipeline.store import StateStore\n"
        "try: StateStore.open(Path(sys.argv[1]), 'shop')\n"
        "except Exception as error: print(type(error).__name__, error); sys.exit(error.exit_code)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 5
    assert f"process {os.getpid()}" in found.stdout
    other = StateStore.open(folder, "another")
    other.close()
    store.close()
    StateStore.open(folder, "shop").close()


def test_a_stale_owner_commits_nothing(folder: Path) -> None:
    stale = StateStore.open(folder, "shop")
    connection = sqlite3.connect(folder / "shop.db")
    connection.execute("UPDATE meta SET owner_term = owner_term + 1")
    connection.commit()
    connection.close()
    with pytest.raises(AlreadyRunning, match="nothing was saved"):
        stale.commit("a", {("s", ""): {"last": 9}}, {})
    assert stale.load("a") == {}
    stale.close()


def test_emptied_and_deleted_states_are_refused(folder: Path) -> None:
    path = fill(folder)
    path.write_bytes(b"")
    with pytest.raises(StateStoreError, match="was emptied or deleted"):
        StateStore.open(folder, "shop")
    path.unlink()
    with pytest.raises(StateStoreError, match="was emptied or deleted"):
        StateStore.open(folder, "shop")
    path.with_suffix(".marker").unlink()
    StateStore.open(folder, "shop").close()


@pytest.mark.parametrize("when", ["first start", "second start"])
def test_a_crash_while_the_marker_is_written_locks_nobody_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    if when == "second start":
        fill(folder)
    with monkeypatch.context() as patched:
        # What SIGKILL between opening and writing leaves: a file, and nothing in it.
        patched.setattr("builtins.open", _killed_open)
        with contextlib.suppress(KeyboardInterrupt):
            StateStore.open(folder, "shop").close()
    store = StateStore.open(folder, "shop")
    assert store.load("a") == (
        {"s": {"last": 2}, "p/0": {"x": [1]}} if when != "first start" else {}
    )
    store.close()


def _killed_open(file: int | str, *_args: object, **_options: object) -> None:
    if isinstance(file, int):
        os.close(file)
    raise KeyboardInterrupt


def test_another_files_content_is_refused(folder: Path, tmp_path: Path) -> None:
    path = fill(folder)
    elsewhere = fill(tmp_path / "elsewhere")
    path.write_bytes(elsewhere.read_bytes())
    with pytest.raises(StateStoreError, match="is not the state that"):
        StateStore.open(folder, "shop")


@pytest.mark.parametrize(
    ("statement", "match"),
    [
        ("PRAGMA application_id = 7", "another program"),
        ("PRAGMA user_version = 99", "newer version"),
        ("UPDATE meta SET pipeline = 'other'", "another pipeline"),
        ("UPDATE state SET value = '{\"last\": 0}' WHERE stream = 's'", "is damaged"),
        ("UPDATE state SET stream = 't' WHERE stream = 's'", "is damaged"),
        ("DROP TABLE state", "no such table"),
    ],
)
def test_foreign_newer_and_damaged_states_are_refused(
    folder: Path, statement: str, match: str
) -> None:
    path = fill(folder)
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StateStoreError, match=match) as caught:
        StateStore.open(folder, "shop")
    assert caught.value.exit_code == 4
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before, "never reset by itself"


def test_flipped_bits_and_cut_files_never_open(folder: Path) -> None:
    path = fill(folder)
    good = path.read_bytes()
    at = good.index(b'{"last": 2}')
    for damaged in (
        b"garbage" * 100,
        good[: len(good) // 2],
        good[: at + 9] + b"3" + good[at + 10 :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(StateStoreError):
            StateStore.open(folder, "shop")
    path.write_bytes(good)
    StateStore.open(folder, "shop").close()


def test_a_failed_read_is_never_no_state(folder: Path) -> None:
    fill(folder)
    store = StateStore.open(folder, "shop")
    store._connection.execute("ALTER TABLE state RENAME TO gone")
    with pytest.raises(StateStoreError):
        store.load("a")
    with pytest.raises(StateStoreError):
        store.commit("a", {("s", ""): {"last": 9}}, {})
    assert not store._connection.in_transaction
    store.close()


def test_a_secret_never_enters_the_state(folder: Path) -> None:
    register_secret("canary-of-the-state-store")
    store = StateStore.open(folder, "shop")
    with pytest.raises(StateStoreError, match="put a secret into"):
        store.commit("a", {("s", ""): {"cursor": "x canary-of-the-state-store"}}, {})
    assert store.load("a") == {}
    store.close()
