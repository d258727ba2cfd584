"""Rows that no checkpoint covers yet: another attempt at the same sync replaces them.

The four rules are those of `Batch`. A row carries the number of its attempt in a column of its own, and
a table of ours says which attempts are unfinished; to make rows final is to forget their attempt.
"""

from __future__ import annotations

from collections.abc import Sequence

from rivven_connect._batch import Batch
from rivven_connect._tables.store import SYNCS, Store

_EVERY_STREAM = "_state"
"""Under this name, a checkpoint holds what a source keeps for all of its streams."""


class Syncs:
    """Numbers attempts and removes those that failed, in transactions that the caller holds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._syncs = store.own(SYNCS)

    def begin(self, batch: Batch) -> int | None:
        """Bring attempts to what the batch says; return the number that its rows must carry."""
        number = None
        if (sync := batch.sync) is not None:
            place = (batch.pipeline, batch.sink, sync.source, sync.stream)
            self._remove(
                "pipeline = ? AND sink = ? AND source = ? AND stream = ? AND attempt <> ?",
                (*place, sync.attempt),
            )
            if batch.events:
                number = self._number((*place, sync.attempt))
        self._store.run_many(
            f"DELETE FROM {self._syncs} WHERE pipeline = ? AND sink = ? AND source = ? "  # noqa: S608  # ours
            "AND ? IN (stream, ?)",
            [
                (batch.pipeline, batch.sink, source, stream, _EVERY_STREAM)
                for source, states in batch.checkpoint.changed.items()
                for stream in states
            ],
        )
        return number

    def remove_unfinished(self, pipeline: str, sink: str) -> None:
        """Remove the rows of all unfinished attempts of an earlier run; they will be read again."""
        self._remove("pipeline = ? AND sink = ?", (pipeline, sink))

    def _remove(self, condition: str, values: Sequence[str]) -> None:
        """Remove the attempts that fulfil a condition, and their rows wherever they are."""
        run = self._store.run
        found = run(f"SELECT id FROM {self._syncs} WHERE {condition}", values)  # noqa: S608  # ours
        numbers = [int(number) for (number,) in found.fetchall()]
        if not numbers:
            return
        self._store.remove_rows_of(numbers)
        self._store.run_many(
            f"DELETE FROM {self._syncs} WHERE id = ?",  # noqa: S608  # ours
            [(number,) for number in numbers],
        )

    def _number(self, attempt: Sequence[str]) -> int:
        run = self._store.run
        of_it = "pipeline = ? AND sink = ? AND source = ? AND stream = ? AND attempt = ?"
        select = f"SELECT id FROM {self._syncs} WHERE {of_it}"  # noqa: S608  # ours
        found = run(select, attempt).fetchall()
        if not found:
            run(
                f"INSERT INTO {self._syncs} (pipeline, sink, source, stream, attempt) "  # noqa: S608  # ours
                "VALUES (?, ?, ?, ?, ?)",
                attempt,
            )
            found = run(select, attempt).fetchall()
        return int(found[0][0])
