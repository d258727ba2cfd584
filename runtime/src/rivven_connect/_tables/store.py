"""What checkpoints and syncs ask of a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

WRITERS = "_rivven_writers"
CHECKPOINTS = "_rivven_checkpoints"
SYNCS = "_rivven_syncs"


class Answer(Protocol):
    """What came of a statement."""

    @property
    def rowcount(self) -> int:
        """Rows that it changed."""

    def fetchall(self) -> list[Any]:
        """Return the rows that it found."""


class Store(Protocol):
    """A database with the three tables above, in a transaction that somebody else holds."""

    def own(self, table: str) -> str:
        """Return one of these tables as SQL."""

    def make_own_tables(self) -> None:
        """Make those that are missing."""

    def run(self, statement: str, values: Sequence[str | int] = ()) -> Answer:
        """Run a statement on them; each `?` in it stands for a value."""

    def run_many(self, statement: str, rows: Sequence[Sequence[str | int]]) -> None:
        """Run a statement once for each row of values."""

    def remove_rows_of(self, numbers: Sequence[int]) -> None:
        """Delete the rows that carry one of these numbers in `SYNC`, in whatever table they are."""
