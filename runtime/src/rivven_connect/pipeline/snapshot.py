"""A saved state as it is now, for commands that only look; a run may be at work meanwhile."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import msgspec

from rivven_connect._errors import AlreadyRunning, StateStoreError
from rivven_connect.pipeline.lock import PipelineLock
from rivven_connect.pipeline.marker import Marker
from rivven_connect.pipeline.migrations import check_version_1, migrate
from rivven_connect.pipeline.state_check import check_content, is_blank, schema_version
from rivven_connect.pipeline.state_files import (
    StateRefused,
    connect,
    connect_readonly,
    primary_code,
    translated,
)
from rivven_connect.pipeline.state_rows import (
    StateRow,
    read_counters,
    read_identities,
    read_states,
)
from rivven_connect.pipeline.state_schema import IdentityKey, Meta


class Snapshot(msgspec.Struct, frozen=True):
    """All that a state database holds, at one moment."""

    path: Path
    meta: Meta
    states: tuple[StateRow, ...]
    counters: Mapping[tuple[str, str], int]
    identities: Mapping[IdentityKey, str]


def read_snapshot(folder: Path, pipeline: str) -> Snapshot | None:
    """Return the state of a pipeline, or None if it never had one.

    Raises:
        StateStoreError: it cannot be read or trusted; that is never "no state".
    """
    path = folder / f"{pipeline}.db"
    with translated(path):
        # Before the database: a run that is at work moves the database first.
        marker = Marker.read(path.with_suffix(".marker"))
        if not path.exists():
            if marker is not None:
                raise StateRefused("was emptied or deleted")
            return None
        found = read_database(path, pipeline)
        if found is None:
            if marker is not None:
                raise StateRefused("was emptied or deleted")
            return None
        if marker is not None:
            marker.check(found.meta)
    return found


def read_database(path: Path, pipeline: str | None) -> Snapshot | None:
    """Return what the database file `path` holds; None if it is blank.

    Nothing is written: an older version is migrated in memory only.

    Args:
        path: the database, or a backup of one.
        pipeline: whose state it must be; None accepts any pipeline's.

    Raises:
        StateRefused: its content cannot be trusted.
        sqlite3.Error: it cannot be read.
    """
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        try:
            _copy(path, copy)
        except sqlite3.OperationalError as error:
            if primary_code(error) != sqlite3.SQLITE_READONLY:
                raise
            _finish_commit(path)
            _copy(path, copy)
        if is_blank(copy):
            return None
        if schema_version(copy) == 1:
            migrate(copy, check_version_1(copy))
        meta = check_content(copy, pipeline)
        return Snapshot(
            path,
            meta,
            tuple(read_states(copy)),
            read_counters(copy),
            read_identities(copy),
        )


def _copy(path: Path, copy: sqlite3.Connection) -> None:
    with contextlib.closing(connect_readonly(path)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master")
        connection.backup(copy)


def _finish_commit(path: Path) -> None:
    """Let SQLite undo a commit that a kill cut off, which a reader cannot."""
    lock = PipelineLock(path.with_suffix(".lock"))
    try:
        lock.acquire()
    except AlreadyRunning as error:
        raise StateStoreError(f"the state {path} is just being opened; try again") from error
    try:
        with contextlib.closing(connect(path)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master")
    finally:
        lock.release()
