"""What a state database holds, and the digests that show a row changed, added or taken away.

Every row of `state`, `counters` and `identities` has a SHA-256 over its table and fields. `meta.total`
is the sum of all of them modulo 2**256, kept up to date by each commit; `meta.seal` is the SHA-256 of
the meta row itself. They tell damage and hand edits, not an attacker: nothing in them is secret.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Final

import msgspec

APPLICATION_ID: Final = 0x52564E43
"""`RVNC`, in the SQLite header; tells our files from everybody else's."""

SCHEMA_VERSION: Final = 2

SCHEMA: Final = (
    """
    CREATE TABLE meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        pipeline TEXT NOT NULL, instance TEXT NOT NULL, owner_term INTEGER NOT NULL,
        commits INTEGER NOT NULL, committed_at TEXT NOT NULL, hmac_key TEXT NOT NULL,
        total TEXT NOT NULL, seal TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE state (
        source TEXT NOT NULL, stream TEXT NOT NULL, partition TEXT NOT NULL,
        value TEXT NOT NULL, sha256 TEXT NOT NULL,
        PRIMARY KEY (source, stream, partition)
    ) WITHOUT ROWID
    """,
    # Two keys that would load under one name cannot both be saved.
    """
    CREATE UNIQUE INDEX state_name ON state (
        source, CASE partition WHEN '' THEN stream ELSE stream || '/' || partition END
    )
    """,
    """
    CREATE TABLE counters (
        connector TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
        PRIMARY KEY (connector, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE identities (
        kind TEXT NOT NULL, name TEXT NOT NULL, field TEXT NOT NULL, hmac TEXT NOT NULL,
        PRIMARY KEY (kind, name, field)
    ) WITHOUT ROWID
    """,
)

StateKey = tuple[str, str]
"""Stream (its full name, `_state` for the global state) and partition."""

Counters = Mapping[tuple[str, str], int]
"""(connector, counter) -> how much to add."""

IdentityKey = tuple[str, str, str]
"""Kind, name in the pipeline file, field as a JSON pointer; an empty pointer is the connector."""

_MODULUS: Final = 2**256
_KNOWN_COUNTERS: Final = 128
_META: Final = (
    "pipeline", "instance", "owner_term", "commits", "committed_at", "hmac_key", "total"
)  # fmt: skip
_READ_META: Final = f"SELECT {', '.join(_META)}, seal FROM meta"  # noqa: S608
_WRITE_META: Final = (
    f"UPDATE meta SET {', '.join(f'{name} = ?' for name in (*_META, 'seal'))} "  # noqa: S608
    "WHERE id = 1 AND owner_term = ?"
)


def state_name(key: StateKey) -> str:
    """Return the name under which a source gets the state of a stream, or of a part of it."""
    stream, partition = key
    return f"{stream}/{partition}" if partition else stream


class Meta(msgspec.Struct, frozen=True):
    """The one row of `meta`."""

    pipeline: str
    instance: str
    """Random; drawn when the state began. The marker has the same."""

    owner_term: int = 0
    """Raised at each start; whoever has an older one commits nothing."""

    commits: int = 0
    """Commits since the state began."""

    committed_at: str = ""
    """When the last one was, ISO 8601, UTC, for people; empty before the first."""

    hmac_key: str = ""
    """Key of the identities, so that nobody guesses values from their fingerprints."""

    total: str = f"{0:064x}"
    """Sum of the digests of all rows."""

    def fields(self) -> tuple[str | int, ...]:
        """Return the columns, in the table's order, without the seal."""
        return tuple(getattr(self, name) for name in _META)

    def seal(self) -> str:
        """Return the digest of the row."""
        return f"{row_digest('meta', *self.fields()):064x}"

    def changed(self, difference: int) -> str:
        """Return the total after rows' digests changed by `difference`."""
        return f"{(int(self.total, 16) + difference) % _MODULUS:064x}"


def new_key() -> str:
    """Return a random key for the identities."""
    return secrets.token_hex(32)


def row_digest(table: str, *fields: object) -> int:
    """Return the checksum of a row; its key is in it, so that rows cannot change places."""
    # A text says how long it is: no two rows are written alike.
    parts = [
        f",{len(one)}:{one}" if isinstance(one, str) else f",{type(one).__name__} {one}"
        for one in fields
    ]
    return int.from_bytes(hashlib.sha256("".join((table, *parts)).encode()).digest())


@functools.lru_cache(_KNOWN_COUNTERS)
def counter_digest(connector: str, name: str, value: int) -> int:
    """Return the checksum of a counter; that of what a commit replaces was made by the one before."""
    return row_digest("counters", connector, name, value)


def read_meta(connection: sqlite3.Connection) -> tuple[Meta, str] | None:
    """Return the meta row and its seal as it is stored; None where there is not exactly one."""
    rows = connection.execute(_READ_META).fetchall()
    if len(rows) != 1:
        return None
    *fields, seal = rows[0]
    return Meta(*fields), seal


def write_meta(connection: sqlite3.Connection, meta: Meta, *, owner_term: int) -> bool:
    """Store the meta row if the owner is still that of `owner_term`; return whether it was."""
    done = connection.execute(_WRITE_META, (*meta.fields(), meta.seal(), owner_term))
    return done.rowcount == 1


def create_tables(connection: sqlite3.Connection, meta: Meta) -> None:
    """Make the tables of this version, empty but for `meta`; inside the caller's transaction."""
    for statement in SCHEMA:
        connection.execute(statement)
    insert_meta(connection, meta)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def insert_meta(connection: sqlite3.Connection, meta: Meta) -> None:
    """Store the first meta row."""
    marks = ", ".join("?" * (len(_META) + 2))
    connection.execute(
        f"INSERT INTO meta (id, {', '.join(_META)}, seal) VALUES ({marks})",  # noqa: S608
        (1, *meta.fields(), meta.seal()),
    )
