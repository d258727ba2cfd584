"""The files of a state folder: how they are made, opened and complained about."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from rivven_connect._errors import StateStoreError


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that obeys reliability.md, section 2.5; makes the file if need be."""
    # SQLite would create the file with the process's umask; state is nobody else's business.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(
        path, timeout=5.0, isolation_level=None, check_same_thread=False, cached_statements=32
    )
    # Before 3.51.3 a rare race in the WAL reset could corrupt a database (reliability.md, C7).
    journal = "WAL" if sqlite3.sqlite_version_info >= (3, 51, 3) else "DELETE"
    try:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA mmap_size = 0")
    except BaseException:
        connection.close()
        raise
    return connection


def make_folder(folder: Path) -> None:
    """Make the state folder, private and ignored by git; one that exists is left as it is."""
    if folder.is_dir():
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / ".gitignore", "*\n")
    except OSError as error:
        raise StateStoreError(f"{folder} cannot be created: {error.strerror}") from error


def write_private(path: Path, text: str) -> None:
    """Write a small file that only its owner may read, durably: the old text or the new, no mixture."""
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into `StateStoreError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise StateStoreError(f"the state {path} failed: {error}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise StateStoreError(f"the state {path} failed: {reason}") from error
