"""What everything that works on a SQLite file shares: types, and errors in our words."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from rivven_connect._errors import ConnectorError

INTEGER, REAL, TEXT, NUMERIC, ANY = "INTEGER", "REAL", "TEXT", "NUMERIC", ""
"""The affinities of columns; `ANY` is SQLite's BLOB, which changes nothing."""

HEADER = b"SQLite format 3\0"
"""How the file of a database begins."""

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_FORBIDDEN = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})


def affinity(declared: str) -> str:
    """Return the affinity of a declared column type, by SQLite's own rules (section 3.1)."""
    text = declared.upper()
    if "INT" in text:
        return INTEGER
    if any(part in text for part in ("CHAR", "CLOB", "TEXT")):
        return TEXT
    if not text or "BLOB" in text:
        return ANY
    return REAL if any(part in text for part in ("REAL", "FLOA", "DOUB")) else NUMERIC


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without what refines it."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


@contextlib.contextmanager
def translated(path: str, *, use: str) -> Iterator[None]:
    """Turn what SQLite raises into what the engine can act on; `use` is `written` or `read`.

    Raises:
        ConnectorError: transient where the database is locked, else fatal.
        OSError: the disk is full.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = primary_code(error)
        if code in _BUSY:
            raise ConnectorError.transient(f"{path} is locked by another program") from error
        if code == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path) from error
        if code in _DAMAGED:
            raise ConnectorError.fatal(
                f"{path} is damaged or no SQLite database ({error}); restore it, or name another file"
            ) from error
        if code in _FORBIDDEN:
            raise ConnectorError.permission(f"{path} may not be {use}: {error}") from error
        raise ConnectorError.io(f"{path} failed: {error}") from error


def require_regular(path: Path) -> None:
    """Return unless something that is no file stands at the path.

    Raises:
        ConnectorError: it does; opening a named pipe would wait for ever.
    """
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise ConnectorError.configuration(f"{path} is not a regular file")
