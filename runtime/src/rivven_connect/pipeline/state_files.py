"""The files of a state folder: how they are made, opened and complained about."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rivven_connect._errors import StateStoreError
from rivven_connect.pipeline.file_systems import network_file_system
from rivven_connect.pipeline.private_files import sync_folder

_OURS: Final = re.compile(
    r".+\.(db|lock|marker)(\.[A-Za-z0-9.-]+|-journal|-wal|-shm)?|\.gitignore\.[0-9]+"
)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNREADABLE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SIDECARS: Final = ("-journal", "-wal", "-shm")


class StateRefused(StateStoreError):
    """What is saved cannot be trusted; only `state import` or `state reset` lead on.

    Raised without a path where the content is judged; `translated` adds path and ways out.
    """

    def __init__(self, reason: str, path: Path | None = None) -> None:
        told = reason if path is None else f"the state {path} {reason}; {_ways_out(path)}"
        super().__init__(told)
        self.reason = reason
        self.path = path


def backup_of(path: Path) -> Path:
    """Return where the last good backup of a database is, if there is one."""
    return path.with_name(f"{path.name}.bak")


def _ways_out(path: Path) -> str:
    afresh = "`rivven state reset PIPELINE.yaml` starts afresh"
    backup = backup_of(path)
    if not backup.is_file():
        return f"there is no backup; {afresh}"
    return (
        f"`rivven state import PIPELINE.yaml {backup}` goes back to its last good backup, {afresh}"
    )


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that obeys reliability.md, section 2.5; makes the file if need be."""
    # SQLite would create the file with the process's umask; state is nobody else's business.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(
        path, timeout=5.0, isolation_level=None, check_same_thread=False, cached_statements=32
    )
    try:
        # Beyond FULL, the removal of the journal, which is the commit, is itself made durable.
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("PRAGMA mmap_size = 0")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_readonly(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot write, for commands that look while a run may be at work."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0, isolation_level=None
    )


def choose_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Let a database, checked, use WAL where that is safe; this may write to the file."""
    # Before 3.51.3 a rare race in the WAL reset could corrupt a database (reliability.md, C7). Its
    # shared memory does not reach across a network (https://sqlite.org/wal.html, section 2).
    is_safe = sqlite3.sqlite_version_info >= (3, 51, 3)
    journal = "WAL" if is_safe and network_file_system(path.parent) is None else "DELETE"
    connection.execute(f"PRAGMA journal_mode = {journal}")


def make_folder(folder: Path) -> None:
    """Make the state folder, private and ignored by git; one that others use is left as it is.

    Raises:
        StateStoreError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignored = folder / ".gitignore"
        # A crash may lie between the folder and this file; a folder of others is none of ours.
        if not ignored.exists() and all(_OURS.fullmatch(one) for one in os.listdir(folder)):
            # Several starts may do this at once, each by a name of its own.
            own = folder / f".gitignore.{os.getpid()}"
            own.write_bytes(b"*\n")
            own.replace(ignored)
            sync_folder(folder)
            sync_folder(folder.parent)
    except OSError as error:
        raise StateStoreError(f"{folder} cannot be created: {error.strerror}") from error


def move_aside(path: Path, label: str) -> Path | None:
    """Rename a database, with what SQLite keeps beside it, to a free name; None if there is none.

    A journal must not stay: SQLite would roll it back into the database that comes next.
    """
    aside = free_name(path, label)
    moved = path.exists()
    if moved:
        path.rename(aside)
    for suffix in _SIDECARS:
        sidecar = path.with_name(path.name + suffix)
        if sidecar.exists():
            sidecar.rename(aside.with_name(aside.name + suffix))
    sync_folder(path.parent)
    return aside if moved else None


def free_name(path: Path, label: str) -> Path:
    """Return `<path>.<label>-N` with the lowest N, from 1, that is not taken."""
    number = 1
    while (found := path.with_name(f"{path.name}.{label}-{number}")).exists():
        number += 1
    return found


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into `StateStoreError`.

    What a damaged file causes becomes `StateRefused`; a full disk is called by its name.
    """
    try:
        yield
    except StateRefused as error:
        if error.path is None:
            raise StateRefused(error.reason, path) from error.__cause__
        raise
    except sqlite3.Error as error:
        if primary_code(error) in _UNREADABLE:
            raise StateRefused(f"is damaged: {error}", path) from error
        raise StateStoreError(f"the state {path} failed: {_reason(error)}") from error
    except OSError as error:
        reason = "the disk is full" if error.errno in _FULL else error.strerror or "unknown error"
        raise StateStoreError(f"the state {path} failed: {reason}") from error
    except ValueError as error:
        raise StateStoreError(f"the state {path} failed: {type(error).__name__}") from error


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its extension; -1 where it is Python's own complaint."""
    code: int = getattr(error, "sqlite_errorcode", -1)
    return code & 0xFF if code >= 0 else code


def _reason(error: sqlite3.Error) -> str:
    if primary_code(error) == sqlite3.SQLITE_FULL:
        return "the disk is full"
    if primary_code(error) == sqlite3.SQLITE_IOERR:
        return f"the disk is full or failing ({error})"
    return str(error)
