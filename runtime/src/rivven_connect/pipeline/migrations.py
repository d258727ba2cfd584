"""Brings a state database of an older version up to date, in one transaction.

| version | since | what it added |
|---|---|---|
| 1 | 0.1.0 | meta, state, counters |
| 2 | 0.2.0 | identities; commits, total and seal in meta; no two keys under one name |
"""

from __future__ import annotations

import hashlib
import sqlite3

import msgspec.structs

from rivven_connect.pipeline.state_check import check_content, check_pages, content_errors
from rivven_connect.pipeline.state_files import StateRefused
from rivven_connect.pipeline.state_rows import Changes, StateRow, transaction
from rivven_connect.pipeline.state_schema import Meta, create_tables, new_key, write_meta


def check_version_1(connection: sqlite3.Connection) -> Meta:
    """Return what version 1 knew of itself, after checking what it could check.

    Raises:
        StateRefused: it is damaged.
    """
    check_pages(connection)
    with content_errors():
        row = connection.execute("SELECT pipeline, instance, owner_term FROM meta").fetchone()
        rows = connection.execute("SELECT * FROM state").fetchall()
    if row is None:
        raise StateRefused("is damaged in its table `meta`")
    for *key, sha256 in rows:
        if hashlib.sha256("\0".join(map(str, key)).encode()).hexdigest() != sha256:
            raise StateRefused(f"is damaged at source {key[0]!r}")
    # What was saved before commits were counted counts as one.
    pipeline, instance, owner_term = row
    return Meta(pipeline, instance, owner_term, commits=1 if rows else 0)


def migrate(connection: sqlite3.Connection, meta: Meta) -> None:
    """Turn version 1, checked, into this version; the caller has made a backup and holds the lock.

    Raises:
        StateRefused: two of its keys would load under one name; nothing was changed.
    """
    run = connection.execute
    with transaction(connection):
        states = run("SELECT source, stream, partition, value FROM state").fetchall()
        counters = run("SELECT connector, name, value FROM counters").fetchall()
        for table in ("meta", "state", "counters"):
            run(f"DROP TABLE {table}")
        new = msgspec.structs.replace(meta, hmac_key=new_key())
        create_tables(connection, new)
        changes = Changes(connection)
        for row in states:
            changes.save(StateRow(*row))
        changes.count({(connector, name): value for connector, name, value in counters})
        new = msgspec.structs.replace(new, total=new.changed(changes.difference))
        write_meta(connection, new, owner_term=new.owner_term)
        check_content(connection, meta.pipeline)
