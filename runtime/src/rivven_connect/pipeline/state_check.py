"""Checks all of a state database before anybody believes it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import NoReturn

from rivven_connect.pipeline.state_files import StateRefused, primary_code
from rivven_connect.pipeline.state_rows import StateRow
from rivven_connect.pipeline.state_schema import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    Meta,
    read_meta,
    row_digest,
)

_TRANSIENT = frozenset(
    {
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)  # fmt: skip
"""What says nothing about the content."""


def is_blank(connection: sqlite3.Connection) -> bool:
    """Whether the database has no tables; a file of no bytes opens as such a one."""
    with content_errors():
        found: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return found == 0


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the version of a database of ours.

    Raises:
        StateRefused: it is another program's, or of a newer version.
    """
    with content_errors():
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            _refuse("is another program's database")
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        _refuse("was written by a newer version; use that one")
    if version < 1:
        _refuse("is damaged: it has no version")
    return version


def check_pages(connection: sqlite3.Connection) -> None:
    """Let SQLite look at every page and index.

    Raises:
        StateRefused: something is damaged.
    """
    with content_errors():
        if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            _refuse("is damaged")


def check_content(connection: sqlite3.Connection, pipeline: str | None) -> Meta:
    """Return the meta row of a database of this version, after checking each row and all together.

    Args:
        connection: the database.
        pipeline: whose state it must be; None accepts any pipeline's.

    Raises:
        StateRefused: it was damaged or edited, rows are missing, or it is another pipeline's.
    """
    check_pages(connection)
    with content_errors():
        found = read_meta(connection)
        if found is None:
            _refuse("is damaged in its table `meta`")
        meta, seal = found
        if pipeline not in {None, meta.pipeline}:
            _refuse("belongs to another pipeline")
        if meta.seal() != seal:
            _refuse("is damaged in its table `meta`")
        if f"{_total(connection):064x}" != meta.total:
            _refuse("is damaged: rows are missing, or another program changed them")
    return meta


def _total(connection: sqlite3.Connection) -> int:
    """Return the sum of the digests of all rows."""
    total = 0
    for row in connection.execute("SELECT * FROM state"):
        total += StateRow.checked(row).digest()
    for table in ("counters", "identities"):
        for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608  # one of two names
            total += row_digest(table, *row)
    return total % 2**256


@contextlib.contextmanager
def content_errors() -> Iterator[None]:
    """Tell a file whose content is wrong from one that cannot be read just now."""
    try:
        yield
    except sqlite3.Error as error:
        if primary_code(error) in _TRANSIENT:
            raise
        raise StateRefused(f"is damaged: {error}") from error
    except (TypeError, ValueError) as error:
        raise StateRefused("is damaged: a value is of another type") from error


def _refuse(reason: str) -> NoReturn:
    raise StateRefused(reason)
