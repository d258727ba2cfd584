"""States on disk, for the tests of the state store and of its commands."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from rivven_connect.pipeline.store import StateStore

FIXTURES = Path(__file__).parent / "fixtures" / "state"
FILLED = {"s": {"last": 2}, "p/0": {"x": [1]}}
"""What `fill` leaves of source `a`."""


def fill(folder: Path, pipeline: str = "shop") -> Path:
    """Save states of two sources in three commits, and return the database's path."""
    with contextlib.closing(StateStore.open(folder, pipeline)) as store:
        store.commit(
            "a", {("s", ""): {"last": 1}, ("p", "0"): {"x": [1]}}, {("source:a", "read"): 2}
        )
        store.commit("a", {("s", ""): {"last": 2}}, {("source:a", "read"): 3})
        store.commit("b", {("_state", ""): {"page": 1}}, {})
    return folder / f"{pipeline}.db"


def advance(folder: Path, last: int, pipeline: str = "shop") -> None:
    """Save one more state of source `a` in a run of its own."""
    with contextlib.closing(StateStore.open(folder, pipeline)) as store:
        store.commit("a", {("s", ""): {"last": last}}, {})


def load(folder: Path, source: str = "a", pipeline: str = "shop") -> dict[str, Any]:
    """Return what a new run would start from."""
    with contextlib.closing(StateStore.open(folder, pipeline)) as store:
        return store.load(source)


def execute(path: Path, *statements: str) -> None:
    """Change a database behind our back."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def restore_fixture(folder: Path, name: str, pipeline: str = "shop") -> Path:
    """Build a released version's database, and its marker, from its SQL text."""
    folder.mkdir()
    path = folder / f"{pipeline}.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript((FIXTURES / f"{name}.sql").read_text(encoding="utf-8"))
        instance = connection.execute("SELECT instance FROM meta").fetchone()[0]
    path.with_suffix(".marker").write_text(f"{instance}\n")
    return path


def copy_of(path: Path) -> bytes:
    """Return a good copy of a database that is in use, whatever its journal."""
    copy = path.with_name("copy-of-the-database")
    with (
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        connection.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
    raw = copy.read_bytes()
    copy.unlink()
    return raw


def abandon(store: StateStore) -> None:
    """Leave a state as a SIGKILL does: nothing is backed up, no marker is brought up to date."""
    store._connection.close()
    store._lock.release()
