"""The state of a pipeline in a worker: opened and owned by the process that started it.

Several workers commit to one file. SQLite lets one of them write at a time, and each commit reads the
meta row inside of its transaction, so commits, totals and the fence are what they are in one process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from rivven_connect.pipeline.lock import PipelineLock
from rivven_connect.pipeline.state_files import StateRefused, connect, translated
from rivven_connect.pipeline.state_schema import read_meta
from rivven_connect.pipeline.store import StateStore

_BUSY_MS: Final = 60_000
"""How long a commit waits for those of others: many workers on a slow disk are no failure."""


class JoinedStore(StateStore):
    """A state that another process has locked, checked and become the owner of."""

    @classmethod
    def join(cls, folder: Path, pipeline: str, *, descriptor: int, term: int) -> Self:
        """Open the state in the owner's name.

        Args:
            folder: the state folder.
            pipeline: the pipeline's name.
            descriptor: the owner's lock, inherited.
            term: the owner's term.

        Raises:
            AlreadyRunning: another process has taken the pipeline over meanwhile.
            StateStoreError: the state cannot be opened, or is not the owner's any more.
        """
        lock = PipelineLock.inherited(folder / f"{pipeline}.lock", descriptor)
        path = folder / f"{pipeline}.db"
        with translated(path):
            if not path.exists():
                raise StateRefused("was removed while in use")
            connection = connect(path)
            try:
                connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
                store = cls(path, lock, connection)
                store._follow_owner(term)
            except BaseException:
                connection.close()
                raise
        return store

    def _follow_owner(self, term: int) -> None:
        found = read_meta(self._connection)
        if found is None:
            raise StateRefused("was emptied while in use")
        if found[0].owner_term != term:
            self._give_way()
        self._meta = found[0]

    def _end_cleanly(self) -> None:
        """Leave marker and backup to the owner."""
