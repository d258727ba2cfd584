"""The checkpoint of each pipeline, in the database that holds its rows, and who may move it."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping

import msgspec

from rivven_connect import Batch, Checkpoint, ConnectorError, JsonObject

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS "_rivven_writers" (
        pipeline TEXT NOT NULL, sink TEXT NOT NULL, token TEXT NOT NULL, epoch INTEGER NOT NULL,
        PRIMARY KEY (pipeline, sink)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS "_rivven_checkpoints" (
        pipeline TEXT NOT NULL, sink TEXT NOT NULL, source TEXT NOT NULL, stream TEXT NOT NULL,
        state TEXT NOT NULL, PRIMARY KEY (pipeline, sink, source, stream)) WITHOUT ROWID""",
)


class Checkpoints:
    """Reads and moves checkpoints inside transactions that the caller holds.

    A token names the one process that may write for a pipeline's sink. The epoch is kept for people to
    see; nothing is skipped by it, because batch boundaries move when a pipeline starts again.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._token = uuid.uuid4().hex
        self._owned: set[tuple[str, str]] = set()
        self._complete: set[tuple[str, str, str]] = set()

    def take_over(self, pipeline: str, sink: str) -> Checkpoint | None:
        """Become the writer of a pipeline's sink; return what it has committed, None for nothing.

        Raises:
            ConnectorError: what is stored is no checkpoint; it is never taken for none.
        """
        for statement in _SCHEMA:
            self._connection.execute(statement)
        self._connection.execute(
            'INSERT INTO "_rivven_writers" VALUES (?, ?, ?, 0) '
            "ON CONFLICT DO UPDATE SET token = excluded.token",
            (pipeline, sink, self._token),
        )
        found: dict[str, dict[str, JsonObject]] = {}
        rows = self._connection.execute(
            'SELECT source, stream, state FROM "_rivven_checkpoints" WHERE pipeline = ? AND sink = ?',
            (pipeline, sink),
        )
        for source, stream, state in rows:
            found.setdefault(source, {})[stream] = _decoded(state, source, stream)
        return Checkpoint(found, {}) if found else None

    def save(self, batch: Batch) -> None:
        """Move the checkpoint to that of the batch.

        The first time, a source's whole state is stored: an earlier run may have committed it elsewhere.
        A source that the batch does not name keeps what it has.

        Raises:
            ConnectorError: another process has become the writer meanwhile.
        """
        owner = (batch.pipeline, batch.sink)
        if owner not in self._owned:
            self.take_over(*owner)
        fenced = self._connection.execute(
            'UPDATE "_rivven_writers" SET epoch = ? WHERE pipeline = ? AND sink = ? AND token = ?',
            (batch.epoch, *owner, self._token),
        )
        if fenced.rowcount != 1:
            raise ConnectorError.fatal(
                f"another process now writes for sink {batch.sink!r} of pipeline {batch.pipeline!r}; "
                "nothing was written"
            )
        whole, changed = batch.checkpoint.state, batch.checkpoint.changed
        for source in {**whole, **changed}:
            if (*owner, source) in self._complete:
                self._put(owner, source, changed.get(source, {}))
            else:
                self._connection.execute(
                    'DELETE FROM "_rivven_checkpoints" '
                    "WHERE pipeline = ? AND sink = ? AND source = ?",
                    (*owner, source),
                )
                self._put(owner, source, {**whole.get(source, {}), **changed.get(source, {})})

    def taken_over(self, pipeline: str, sink: str) -> None:
        """Note that a take-over is durable; from now on another writer is one too many."""
        self._owned.add((pipeline, sink))

    def saved(self, batch: Batch) -> None:
        """Note that a batch is durable; from now on the changes of its sources are enough."""
        owner = (batch.pipeline, batch.sink)
        self.taken_over(*owner)
        self._complete |= {(*owner, source) for source in batch.checkpoint.state}

    def _put(self, owner: tuple[str, str], source: str, states: Mapping[str, JsonObject]) -> None:
        self._connection.executemany(
            'INSERT INTO "_rivven_checkpoints" VALUES (?, ?, ?, ?, ?) '
            "ON CONFLICT DO UPDATE SET state = excluded.state",
            [
                (*owner, source, stream, msgspec.json.encode(state).decode())
                for stream, state in states.items()
            ],
        )


def _decoded(text: str, source: str, stream: str) -> JsonObject:
    try:
        found: JsonObject = msgspec.json.decode(text, type=dict)
    except (msgspec.DecodeError, TypeError) as error:
        raise ConnectorError.fatal(
            f"the checkpoint of source {source!r}, stream {stream!r} is damaged ({error}); restore the "
            "database, or delete the row from _rivven_checkpoints to read the stream from its start"
        ) from error
    return found
