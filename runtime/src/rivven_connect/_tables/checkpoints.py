"""The checkpoint of each pipeline, in the database that holds its rows, and who may move it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import msgspec

from rivven_connect._batch import Batch, Checkpoint
from rivven_connect._errors import ConnectorError
from rivven_connect._json import JsonObject
from rivven_connect._tables.store import CHECKPOINTS, WRITERS, Store


class Checkpoints:
    """Reads and moves checkpoints inside transactions that the caller holds.

    A token names the one process that may write for a pipeline's sink. Nothing is skipped by the
    epoch, because batch boundaries move when a pipeline starts again: it only tells whether a
    transaction whose answer was lost in this run was committed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writers = store.own(WRITERS)
        self._checkpoints = store.own(CHECKPOINTS)
        self._token = uuid.uuid4().hex
        self._owned: set[tuple[str, str]] = set()
        self._complete: set[tuple[str, str, str]] = set()

    def take_over(self, pipeline: str, sink: str) -> Checkpoint | None:
        """Become the writer of a pipeline's sink; return what it has committed, None for nothing.

        Raises:
            ConnectorError: what is stored is no checkpoint; it is never taken for none.
        """
        self._store.make_own_tables()
        self._store.run(
            f"INSERT INTO {self._writers} (pipeline, sink, token, epoch) VALUES (?, ?, ?, 0) "  # noqa: S608  # ours
            "ON CONFLICT (pipeline, sink) DO UPDATE SET token = excluded.token, epoch = excluded.epoch",
            (pipeline, sink, self._token),
        )
        found: dict[str, dict[str, JsonObject]] = {}
        rows = self._store.run(
            f"SELECT source, stream, state FROM {self._checkpoints} WHERE pipeline = ? AND sink = ?",  # noqa: S608  # ours
            (pipeline, sink),
        )
        for source, stream, state in rows.fetchall():
            found.setdefault(source, {})[stream] = _decoded(state, source, stream)
        return Checkpoint(found, {}) if found else None

    def has_committed(self, batch: Batch) -> bool:
        """Whether this process has already committed the batch, whose answer was lost."""
        self._store.make_own_tables()
        found = self._store.run(
            f"SELECT epoch FROM {self._writers} WHERE pipeline = ? AND sink = ? AND token = ?",  # noqa: S608  # ours
            (batch.pipeline, batch.sink, self._token),
        )
        return [(batch.epoch,)] == [tuple(row) for row in found.fetchall()]

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
        fenced = self._store.run(
            f"UPDATE {self._writers} SET epoch = ? WHERE pipeline = ? AND sink = ? AND token = ?",  # noqa: S608  # ours
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
                self._store.run(
                    f"DELETE FROM {self._checkpoints} "  # noqa: S608  # ours
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
        self._store.run_many(
            f"INSERT INTO {self._checkpoints} (pipeline, sink, source, stream, state) "  # noqa: S608  # ours
            "VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (pipeline, sink, source, stream) DO UPDATE SET state = excluded.state",
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
