"""The rows of a state database: how they are read, and how a change keeps their total in step."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import msgspec

from rivven_connect._errors import StateStoreError
from rivven_connect.pipeline.state_files import StateRefused
from rivven_connect.pipeline.state_schema import (
    Counters,
    IdentityKey,
    counter_digest,
    row_digest,
    state_name,
)

_log = logging.getLogger("rivven_connect.pipeline")
_EMPTY = "{}"


class StateRow(msgspec.Struct, frozen=True):
    """One saved state, as JSON text."""

    source: str
    stream: str
    partition: str
    value: str

    @classmethod
    def checked(cls, row: Iterable[Any]) -> Self:
        """Return the row of a database with its checksum, after checking that.

        Raises:
            StateRefused: it does not fit.
        """
        *fields, sha256 = row
        found = cls(*fields)
        if f"{found.digest():064x}" != sha256:
            raise StateRefused(f"is damaged at source {found.source!r}")
        return found

    @property
    def name(self) -> str:
        """The name that the state is loaded under."""
        return state_name((self.stream, self.partition))

    @property
    def key(self) -> tuple[str, str, str]:
        """Source, stream and partition."""
        return self.source, self.stream, self.partition

    def digest(self) -> int:
        """Return the row's checksum."""
        return row_digest("state", *self.key, self.value)


class Changes:
    """Edits rows inside a transaction; `difference` is what they add to the total."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute
        self._run_many = connection.executemany
        self.difference = 0

    def save(self, row: StateRow) -> None:
        """Save one state; an empty one never replaces what is saved.

        Raises:
            StateStoreError: another stream or partition of the source has the same name.
        """
        found = self._run(
            "SELECT sha256 FROM state WHERE source = ? AND stream = ? AND partition = ?", row.key
        ).fetchone()
        if found is not None and row.value == _EMPTY:
            _log.warning("source %r gave an empty state for %r; ignored", row.source, row.name)
            return
        digest = row.digest()
        try:
            self._run(
                "INSERT INTO state VALUES (?, ?, ?, ?, ?) ON CONFLICT (source, stream, partition) "
                "DO UPDATE SET value = excluded.value, sha256 = excluded.sha256",
                (*row.key, row.value, f"{digest:064x}"),
            )
        except sqlite3.IntegrityError as error:
            raise StateStoreError(
                f"two streams or partitions of source {row.source!r} are called {row.name!r}, and "
                "only one of them could be loaded again; nothing was saved"
            ) from error
        self.difference += digest - (int(found[0], 16) if found else 0)

    def count(self, counters: Counters) -> None:
        """Add to counters."""
        known: dict[tuple[str, str], int] = {}
        for connector in {key[0] for key in counters}:
            rows = self._run("SELECT * FROM counters WHERE connector = ?", (connector,))
            known.update({(connector, name): value for connector, name, value in rows})
        totals = {key: amount + known.get(key, 0) for key, amount in counters.items()}
        self._run_many(
            "REPLACE INTO counters VALUES (?, ?, ?)", [(*key, totals[key]) for key in totals]
        )
        for key, total in totals.items():
            self.difference += counter_digest(*key, total)
            if key in known:
                self.difference -= counter_digest(*key, known[key])

    def identify(self, identities: Mapping[IdentityKey, str]) -> None:
        """Keep the fingerprints of connectors; those of other connectors stay."""
        for kind, name in {key[:2] for key in identities}:
            self.forget_identity(kind, name)
        for key, digest in identities.items():
            self._run("INSERT INTO identities VALUES (?, ?, ?, ?)", (*key, digest))
            self.difference += row_digest("identities", *key, digest)

    def forget_identity(self, kind: str, name: str) -> None:
        """Remove the fingerprints of one connector."""
        self._delete("identities", "WHERE kind = ? AND name = ?", kind, name)

    def remove(self, row: StateRow) -> None:
        """Remove one state, whatever it is by now."""
        self._delete("state", "WHERE source = ? AND stream = ? AND partition = ?", *row.key)

    def forget_sources(self, prefix: str) -> None:
        """Remove states and counters of every source whose name begins with `prefix`."""
        query = "SELECT * FROM state WHERE instr(source, ?) = 1"
        for row in self._run(query, (prefix,)).fetchall():
            self.remove(StateRow.checked(row))
        self._delete("counters", "WHERE instr(connector, ?) = 1", f"source:{prefix}")

    def remove_all(self) -> None:
        """Remove every state and counter."""
        self._delete("state")
        self._delete("counters")

    def forget_all_identities(self) -> None:
        """Remove the fingerprints of all connectors."""
        self._delete("identities")

    def _delete(self, table: str, where: str = "", *values: str) -> None:
        rows = self._run(f"SELECT * FROM {table} {where}", values).fetchall()  # noqa: S608
        self._run(f"DELETE FROM {table} {where}", values)  # noqa: S608  # both from this class
        for row in rows:
            # A state's checksum stands beside it, and is not part of itself.
            self.difference -= int(row[-1], 16) if table == "state" else row_digest(table, *row)


def read_states(connection: sqlite3.Connection, source: str | None = None) -> Iterator[StateRow]:
    """Yield the states of a source, or of all, each checked."""
    where, values = ("WHERE source = ?", (source,)) if source is not None else ("", ())
    query = f"SELECT source, stream, partition, value, sha256 FROM state {where} ORDER BY 1, 2, 3"  # noqa: S608
    yield from map(StateRow.checked, connection.execute(query, values))


def read_counters(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Return the counters: (connector, counter) -> sum."""
    rows = connection.execute("SELECT connector, name, value FROM counters")
    return {(connector, name): value for connector, name, value in rows}


def read_identities(connection: sqlite3.Connection) -> dict[IdentityKey, str]:
    """Return the fingerprints: (kind, name, field) -> HMAC."""
    rows = connection.execute("SELECT kind, name, field, hmac FROM identities")
    return {(kind, name, field): digest for kind, name, field, digest in rows}


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block does, all or nothing; the write lock is taken at once."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
