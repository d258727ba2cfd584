"""The database file: opened, written in whole transactions, and its errors told in our words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from rivven_connect import ConnectorError
from rivven_connect._sqlite import HEADER, require_regular
from rivven_connect._stream_paths import make_folder


class Database:
    """One connection, used by one thread."""

    def __init__(self, path: str, *, busy_timeout_ms: int, journal_mode: str | None) -> None:
        # Absolute, because SQLite keeps `:memory:` and the empty path in memory.
        self._path = Path(path).absolute()
        make_folder(self._path.parent)
        require_regular(self._path)
        self.connection = sqlite3.connect(
            self._path,
            timeout=busy_timeout_ms / 1000,
            isolation_level=None,
            cached_statements=256,
        )
        try:
            self._configure(journal_mode)
            self._identity = self._stat()
        except BaseException:
            self.connection.close()
            raise

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block as one transaction, durable when it ends and undone when it raises.

        Raises:
            ConnectorError: the file was deleted or replaced; what is written now would be lost.
        """
        run = self.connection.execute
        self._require_same_file()
        run("BEGIN IMMEDIATE")
        try:
            yield
            self._require_same_file()
            run("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                run("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _configure(self, journal_mode: str | None) -> None:
        run = self.connection.execute
        if journal_mode is not None:
            (mode,) = run(f"PRAGMA journal_mode = {journal_mode}").fetchone()
            if mode != journal_mode:
                raise ConnectorError.configuration(
                    f"{self._path} cannot be used with journal_mode {journal_mode}; it stays {mode}"
                )
        # FULL, and the folder too: else a power loss could bring a committed journal back.
        run("PRAGMA synchronous = EXTRA")
        run("PRAGMA mmap_size = 0")
        run("SELECT count(*) FROM sqlite_master").fetchone()

    def _require_same_file(self) -> None:
        if self._stat() != self._identity:
            raise ConnectorError.io(f"{self._path} was deleted or replaced by another program")

    def _stat(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino


def require_database(path: Path) -> None:
    """Return if there is a database at the path, or nothing; nothing is created or changed.

    Only the header is read, and not where a crash has left a journal: SQLite would roll it back.

    Raises:
        ConnectorError: what is there instead.
    """
    require_regular(path)
    if path.exists() and not path.with_name(f"{path.name}-journal").exists():
        with path.open("rb") as file:
            header = file.read(len(HEADER))
        if header not in (b"", HEADER):
            raise ConnectorError.configuration(f"{path} is no SQLite database; name another file")


def require_writable(path: Path) -> None:
    """Return if this user may write the database, or create it.

    Raises:
        ConnectorError: the reason why not.
    """
    if path.exists() and not os.access(path, os.W_OK):
        raise ConnectorError.permission(f"{path} may not be written by this user")
    folder = next(above for above in path.absolute().parents if above.exists())
    if not folder.is_dir():
        raise ConnectorError.configuration(f"{folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConnectorError.permission(f"nothing can be created in {folder}")
