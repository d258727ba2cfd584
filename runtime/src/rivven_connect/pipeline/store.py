"""The durable state of one pipeline: SQLite, one transaction per flush.

Rules: reliability.md, section 2.5. A failed read is an error, never "no state"; nothing here ever
resets a state by itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn, Protocol, Self

from rivven_connect._errors import AlreadyRunning, StateStoreError
from rivven_connect._failpoints import failpoint
from rivven_connect._json import JsonObject
from rivven_connect._redaction import redact
from rivven_connect.pipeline.lock import PipelineLock
from rivven_connect.pipeline.state_files import (
    connect,
    make_folder,
    translated,
    write_private,
)

APPLICATION_ID = 0x52564E43
"""`RVNC`, in the SQLite header; tells our files from everybody else's."""

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    pipeline TEXT NOT NULL, instance TEXT NOT NULL, owner_term INTEGER NOT NULL
);
CREATE TABLE state (
    source TEXT NOT NULL, stream TEXT NOT NULL, partition TEXT NOT NULL,
    value TEXT NOT NULL, sha256 TEXT NOT NULL,
    PRIMARY KEY (source, stream, partition)
) WITHOUT ROWID;
CREATE TABLE counters (
    connector TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (connector, name)
) WITHOUT ROWID;
"""

StateKey = tuple[str, str]
"""Stream (its full name, `_state` for the global state) and partition."""

Counters = Mapping[tuple[str, str], int]
"""(connector, counter) -> how much to add."""


class Store(Protocol):
    """What the engine needs of a state store."""

    def load(self, source: str) -> dict[str, JsonObject]:
        """Return the saved state of a source: stream -> object."""
        ...

    def commit(
        self, source: str, states: Mapping[StateKey, JsonObject], counters: Counters
    ) -> None:
        """Save the states and add the counters, all or nothing, durably."""
        ...

    def close(self) -> None:
        """Release what is held."""
        ...


class StateStore:
    """The state of one pipeline in `<folder>/<pipeline>.db`; holds the pipeline's lock."""

    def __init__(self, path: Path, lock: PipelineLock, connection: sqlite3.Connection) -> None:
        self._path = path
        self._lock = lock
        self._connection = connection
        self._term = 0

    @classmethod
    def open(cls, folder: Path, pipeline: str) -> Self:
        """Lock the pipeline, open its state and check all of it.

        Raises:
            AlreadyRunning: another process runs this pipeline.
            StateStoreError: the state is damaged, emptied, foreign or written by a newer version.
        """
        make_folder(folder)
        lock = PipelineLock(folder / f"{pipeline}.lock")
        lock.acquire()
        path = folder / f"{pipeline}.db"
        try:
            with translated(path):
                connection = connect(path)
                store = cls(path, lock, connection)
                try:
                    store._prepare(pipeline)
                except BaseException:
                    connection.close()
                    raise
        except BaseException:
            lock.release()
            raise
        return store

    def load(self, source: str) -> dict[str, JsonObject]:
        """Return the saved state of a source: stream -> object; a partition is `stream/partition`.

        Raises:
            StateStoreError: the state cannot be read.
        """
        found: dict[str, JsonObject] = {}
        with translated(self._path):
            rows = self._connection.execute(
                "SELECT stream, partition, value FROM state WHERE source = ?", (source,)
            )
            for stream, partition, value in rows:
                found[f"{stream}/{partition}" if partition else stream] = json.loads(value)
        return found

    def commit(
        self, source: str, states: Mapping[StateKey, JsonObject], counters: Counters
    ) -> None:
        """Save the states and add the counters in one durable transaction.

        Raises:
            AlreadyRunning: another process has taken the pipeline over.
            StateStoreError: nothing was saved.
        """
        rows = [(source, *key, *self._encode(source, key, value)) for key, value in states.items()]
        with translated(self._path), self._transaction():
            fenced = self._connection.execute(
                "UPDATE meta SET owner_term = owner_term WHERE owner_term = ?", (self._term,)
            )
            if fenced.rowcount != 1:
                raise AlreadyRunning(
                    f"another process has taken over {self._path}; nothing was saved"
                )
            self._connection.executemany("REPLACE INTO state VALUES (?, ?, ?, ?, ?)", rows)
            self._connection.executemany(
                "INSERT INTO counters VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET value = value + excluded.value",
                [(*key, amount) for key, amount in counters.items()],
            )
            failpoint("inside_commit")

    def counters(self) -> dict[tuple[str, str], int]:
        """Return the totals over all runs: (connector, counter) -> sum."""
        with translated(self._path):
            rows = self._connection.execute("SELECT connector, name, value FROM counters")
            return {(connector, name): value for connector, name, value in rows}

    def close(self) -> None:
        """Close the database and release the lock."""
        self._connection.close()
        self._lock.release()

    @staticmethod
    def _encode(source: str, key: StateKey, value: JsonObject) -> tuple[str, str]:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
        if redact(text) != text:
            raise StateStoreError(
                f"source {source!r} put a secret into the state of stream {key[0]!r}; not saved"
            )
        return text, _digest(source, key, text)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _prepare(self, pipeline: str) -> None:
        """Create or check the database, and become its owner."""
        marker = self._path.with_suffix(".marker")
        run = self._connection.execute
        blank = run("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if blank and marker.exists():
            self._refuse("was emptied or deleted; restore it from a backup")
        if blank:
            self._create(pipeline)
        else:
            self._check(pipeline)
        instance = run("SELECT instance FROM meta").fetchone()[0]
        if not marker.exists():
            write_private(marker, f"{instance}\n")
        elif marker.read_text(encoding="ascii").strip() != instance:
            self._refuse(f"is not the state that {marker.name} belongs to")
        with self._transaction():
            run("UPDATE meta SET owner_term = owner_term + 1")
            self._term = run("SELECT owner_term FROM meta").fetchone()[0]

    def _create(self, pipeline: str) -> None:
        with self._transaction():
            for statement in _SCHEMA.split(";"):
                self._connection.execute(statement)
            self._connection.execute(
                "INSERT INTO meta VALUES (1, ?, ?, 0)", (pipeline, uuid.uuid4().hex)
            )
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _check(self, pipeline: str) -> None:
        run = self._connection.execute
        if run("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            self._refuse("is another program's database")
        if run("PRAGMA user_version").fetchone()[0] > SCHEMA_VERSION:
            self._refuse("was written by a newer version; use that one")
        if run("PRAGMA quick_check").fetchone()[0] != "ok":
            self._refuse("is damaged; restore it from a backup")
        owner = run("SELECT pipeline FROM meta WHERE id = 1").fetchone()
        if owner is None or owner[0] != pipeline:
            self._refuse("belongs to another pipeline")
        for source, stream, partition, value, sha256 in run("SELECT * FROM state"):
            if _digest(source, (stream, partition), value) != sha256:
                self._refuse(f"is damaged at source {source!r}; restore it from a backup")

    def _refuse(self, reason: str) -> NoReturn:
        raise StateStoreError(
            f"the state {self._path} {reason}, or remove it and its .marker to start afresh"
        )


def _digest(source: str, key: StateKey, text: str) -> str:
    """Return the checksum of a row; the keys are in it, so that rows cannot change places."""
    return hashlib.sha256("\0".join((source, *key, text)).encode()).hexdigest()
