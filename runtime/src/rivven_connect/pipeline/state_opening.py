"""Opens a state database: makes a new one, brings an old one up to date, refuses a bad one."""

from __future__ import annotations

import logging
import sqlite3
import uuid
from pathlib import Path

from rivven_connect.pipeline.backups import back_up
from rivven_connect.pipeline.marker import Marker
from rivven_connect.pipeline.state_check import check_content, is_blank, schema_version
from rivven_connect.pipeline.state_files import StateRefused, choose_journal, connect
from rivven_connect.pipeline.state_rows import transaction
from rivven_connect.pipeline.state_schema import Meta, create_tables, new_key

_log = logging.getLogger("rivven_connect.pipeline")


def open_database(path: Path, pipeline: str) -> tuple[sqlite3.Connection, Meta]:
    """Return a connection to the state of a pipeline, and its meta row, all of it checked.

    The caller holds the pipeline's lock.

    Raises:
        StateRefused: what is there cannot be trusted; it is left as it is.
        sqlite3.Error: it cannot be read or written.
        OSError: likewise.
    """
    marker = Marker.read(path.with_suffix(".marker"))
    if marker is not None and not path.exists():
        raise StateRefused("was emptied or deleted")
    connection = connect(path)
    try:
        meta = _prepared(connection, path, pipeline, marker)
        choose_journal(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection, meta


def _prepared(
    connection: sqlite3.Connection, path: Path, pipeline: str, marker: Marker | None
) -> Meta:
    if is_blank(connection):
        if marker is not None:
            raise StateRefused("was emptied or deleted")
        with transaction(connection):
            create_tables(connection, Meta(pipeline, uuid.uuid4().hex, hmac_key=new_key()))
    elif schema_version(connection) == 1:
        _migrate(connection, path, pipeline, marker)
    meta = check_content(connection, pipeline)
    _compare(meta, marker)
    return meta


def _migrate(
    connection: sqlite3.Connection, path: Path, pipeline: str, marker: Marker | None
) -> None:
    from rivven_connect.pipeline.migrations import check_version_1, migrate  # noqa: PLC0415  # once

    old = check_version_1(connection)
    if old.pipeline != pipeline:
        raise StateRefused("belongs to another pipeline")
    _compare(old, marker)
    copy = path.with_name(f"{path.name}.v1.bak")
    back_up(connection, copy)
    migrate(connection, old)
    _log.info("the state %s was brought to version 2; %s is as it was", path, copy.name)


def _compare(meta: Meta, marker: Marker | None) -> None:
    if marker is not None:
        marker.check(meta)
    elif meta.commits:
        raise StateRefused("has lost its marker, and could be an older copy")
