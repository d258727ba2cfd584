"""The durable state of one pipeline: SQLite, one transaction per flush.

Rules: reliability.md, section 2.5. A failed read is an error, never "no state"; nothing here ever
resets a state by itself.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import hmac
import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn, Protocol, Self

import msgspec.structs

from rivven_connect._errors import AlreadyRunning, StateStoreError
from rivven_connect._failpoints import failpoint
from rivven_connect._json import JsonObject
from rivven_connect.pipeline.backups import back_up, commits_of
from rivven_connect.pipeline.file_systems import network_file_system
from rivven_connect.pipeline.lock import PipelineLock
from rivven_connect.pipeline.marker import MarkerFile
from rivven_connect.pipeline.state_encoding import encode_state
from rivven_connect.pipeline.state_files import (
    StateRefused,
    backup_of,
    make_folder,
    translated,
)
from rivven_connect.pipeline.state_opening import open_database
from rivven_connect.pipeline.state_rows import (
    Changes,
    StateRow,
    read_counters,
    read_identities,
    read_states,
    transaction,
)
from rivven_connect.pipeline.state_schema import (
    Counters,
    IdentityKey,
    Meta,
    StateKey,
    read_meta,
    write_meta,
)

__all__ = ["Counters", "StateKey", "StateStore", "Store"]

_log = logging.getLogger("rivven_connect.pipeline")


EDITED = "edited"
"""Counter of a source whose state was reset or imported since its last run."""


class Store(Protocol):
    """What the engine needs of a state store."""

    @property
    def term(self) -> int:
        """The number of this start of the pipeline; each is higher than all before."""
        ...

    def load(self, source: str) -> dict[str, JsonObject]:
        """Return the saved state of a source: stream -> object."""
        ...

    def commit(
        self, source: str, states: Mapping[StateKey, JsonObject], counters: Counters
    ) -> None:
        """Save the states and add the counters, all or nothing, durably."""
        ...

    def counters(self) -> dict[tuple[str, str], int]:
        """Return the totals over all runs: (connector, counter) -> sum."""
        ...

    def close(self) -> None:
        """Release what is held."""
        ...


class StateStore:
    """The state of one pipeline in `<folder>/<pipeline>.db`; holds the pipeline's lock."""

    def __init__(self, path: Path, lock: PipelineLock, connection: sqlite3.Connection) -> None:
        self.path = path
        self._lock = lock
        self._connection = connection
        self._marker = MarkerFile(path.with_suffix(".marker"))
        self._file = os.stat(path)
        self._meta = Meta("", "")
        self._closed = False

    @property
    def term(self) -> int:
        """The number of this start of the pipeline; each is higher than all before."""
        return self._meta.owner_term

    @property
    def lock(self) -> PipelineLock:
        """What keeps a second run away."""
        return self._lock

    @classmethod
    def open(cls, folder: Path, pipeline: str) -> Self:
        """Lock the pipeline, open its state and check all of it.

        Raises:
            AlreadyRunning: another process runs this pipeline.
            StateStoreError: the state is damaged, emptied, older than it was, foreign or written by a
                newer version; or the disk is full.
        """
        make_folder(folder)
        lock = PipelineLock(folder / f"{pipeline}.lock")
        lock.acquire()
        path = folder / f"{pipeline}.db"
        try:
            _warn_of_network(folder)
            with translated(path):
                connection, meta = open_database(path, pipeline)
                try:
                    store = cls(path, lock, connection)
                    store._own(meta)
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
        with translated(self.path):
            return {
                one.name: json.loads(one.value) for one in read_states(self._connection, source)
            }

    def commit(
        self, source: str, states: Mapping[StateKey, JsonObject], counters: Counters
    ) -> None:
        """Save the states and add the counters in one durable transaction.

        An empty object never replaces a saved state: it says nothing, and only `state reset` empties.

        Raises:
            AlreadyRunning: another process has taken the pipeline over.
            StateStoreError: nothing was saved.
        """
        rows = [encode_state(source, key, value) for key, value in states.items()]
        with self.changing() as changes:
            for row in rows:
                changes.save(row)
            changes.count(counters)

    @contextlib.contextmanager
    def changing(self) -> Iterator[Changes]:
        """Make changes in one durable transaction; what `commit` is made of.

        Raises:
            AlreadyRunning: another process has taken the pipeline over; nothing was saved.
            StateStoreError: nothing was saved.
        """
        with translated(self.path):
            self._require_same_file()
            with transaction(self._connection):
                meta = self._own_meta()
                changes = Changes(self._connection)
                yield changes
                meta = msgspec.structs.replace(
                    meta,
                    commits=meta.commits + 1,
                    committed_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                    total=meta.changed(changes.difference),
                )
                if not write_meta(self._connection, meta, owner_term=self._meta.owner_term):
                    self._give_way()
                failpoint("inside_commit")
            self._meta = meta
            self._marker.follow(meta)

    def forget(self, prefix: str) -> None:
        """Remove states and counters of every source whose name begins with `prefix`.

        Raises:
            AlreadyRunning: another process has taken the pipeline over.
            StateStoreError: nothing was removed.
        """
        with self.changing() as changes:
            changes.forget_sources(prefix)

    def states(self) -> list[StateRow]:
        """Return every saved state."""
        with translated(self.path):
            return list(read_states(self._connection))

    def counters(self) -> dict[tuple[str, str], int]:
        """Return the totals over all runs: (connector, counter) -> sum."""
        with translated(self.path):
            return read_counters(self._connection)

    def identities(self) -> dict[IdentityKey, str]:
        """Return the fingerprints of what was read and written: (kind, name, field) -> HMAC."""
        with translated(self.path):
            return read_identities(self._connection)

    def sign(self, text: str) -> str:
        """Return the fingerprint of a text, with this state's own random key."""
        key = bytes.fromhex(self._meta.hmac_key)
        return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def back_up(self, target: Path) -> None:
        """Write a checked copy of the database, private and durable.

        Raises:
            StateStoreError: there is none.
        """
        with translated(target):
            back_up(self._connection, target)

    def close(self) -> None:
        """Back the state up, close the database and release the lock; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._end_cleanly()
        finally:
            self._marker.close()
            self._connection.close()
            self._lock.release()

    def _own(self, meta: Meta) -> None:
        """Become the owner: whoever had the state before is fenced."""
        with transaction(self._connection):
            self._meta = msgspec.structs.replace(meta, owner_term=meta.owner_term + 1)
            if not write_meta(self._connection, self._meta, owner_term=meta.owner_term):
                self._give_way()
        self._marker.write(self._meta)

    def _own_meta(self) -> Meta:
        """Return the meta row as it is now, if this process still owns the state."""
        found = read_meta(self._connection)
        if found is None:
            raise StateRefused("was emptied while it was in use; nothing was saved")
        meta, seal = found
        if meta.owner_term > self._meta.owner_term:
            self._give_way()
        if meta.owner_term < self._meta.owner_term or meta.commits < self._meta.commits:
            raise StateRefused("was replaced by an older copy while in use; nothing was saved")
        if meta.instance != self._meta.instance or meta.seal() != seal:
            raise StateRefused("was changed by another program while in use; nothing was saved")
        return meta

    def _give_way(self) -> NoReturn:
        raise AlreadyRunning(f"another process has taken over {self.path}; nothing was saved")

    def _require_same_file(self) -> None:
        """Refuse to write into a file that has lost its name: nobody would ever read it."""
        try:
            named = os.stat(self.path)
        except FileNotFoundError:
            named = None
        if named is None or not os.path.samestat(named, self._file):
            raise StateRefused("was removed or replaced while in use; nothing was saved")

    def _end_cleanly(self) -> None:
        """Make the marker durable and keep a copy; the state itself is safe without them."""
        try:
            with translated(self.path):
                found = read_meta(self._connection)
                if found is None or found[0].owner_term != self._meta.owner_term:
                    return
                self._require_same_file()
                self._marker.write(found[0])
                if commits_of(backup_of(self.path)) != found[0].commits:
                    back_up(self._connection, backup_of(self.path))
        except StateStoreError as error:
            _log.warning("the state was saved, its backup was not: %s", error)


def _warn_of_network(folder: Path) -> None:
    found = network_file_system(folder)
    if found is not None:
        _log.warning(
            "the state folder %s is on a network file system (%s), whose locks may fail: a second "
            "start may not be refused, and the first run then ends at its next commit (exit 5); "
            "set `settings.state_dir` to a local disk",
            folder,
            found,
        )
