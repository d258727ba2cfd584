"""Copies of a state database, made while it is in use and checked before they count."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from rivven_connect._errors import StateStoreError
from rivven_connect.pipeline.private_files import sync_folder
from rivven_connect.pipeline.state_check import check_content, schema_version
from rivven_connect.pipeline.state_files import StateRefused, connect_readonly
from rivven_connect.pipeline.state_schema import read_meta


def back_up(connection: sqlite3.Connection, target: Path) -> None:
    """Copy a database to `target`, private, whole and durable; the old copy stays until then.

    Raises:
        StateStoreError: the copy is not good; it was thrown away.
        OSError: it cannot be written.
    """
    new = target.with_name(f"{target.name}.new")
    try:
        os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous = OFF")  # it is durable before it gets its name
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, also where WAL was copied
            _check(copy)
        descriptor = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.replace(target)
        sync_folder(target.parent)
    except StateRefused as error:
        raise StateStoreError(f"the backup {target} was not made: the copy {error}") from error
    finally:
        new.unlink(missing_ok=True)


def _check(copy: sqlite3.Connection) -> None:
    if schema_version(copy) == 1:
        from rivven_connect.pipeline.migrations import check_version_1  # noqa: PLC0415  # old ones

        check_version_1(copy)
    else:
        check_content(copy, None)


def commits_of(path: Path) -> int:
    """Return how many commits a copy has; -1 where there is none that can be read."""
    try:
        with contextlib.closing(connect_readonly(path)) as copy:
            found = read_meta(copy)
    except (sqlite3.Error, TypeError):
        return -1
    return found[0].commits if found else -1
