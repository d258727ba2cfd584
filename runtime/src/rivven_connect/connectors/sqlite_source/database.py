"""The database file, opened so that nothing of it can change."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import urllib.parse
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from sys import getsizeof
from typing import Any, TypeAlias

from rivven_connect import ConnectorError
from rivven_connect._sqlite import HEADER, require_regular, translated
from rivven_connect.connectors.sqlite_source._generated import SqliteSourceConfig

Row: TypeAlias = tuple[Any, ...]

_FIRST_VERSION = (3, 37, 0)
"""Of SQLite: the first one that tells tables from the shadow tables of virtual ones."""

_BLOCK_ROWS = 10
_MOST_BYTES = 1024 * 1024


class BadText(bytes):
    """The bytes of a text that is not UTF-8."""


class Reader:
    """One read-only connection. Every method blocks; one thread at a time may call.

    In a database in WAL mode, SQLite itself makes two files that readers share, and leaves them. With
    `traceless`, that is avoided where nobody has the database open: only for a short look.
    """

    def __init__(self, config: SqliteSourceConfig, *, traceless: bool = False) -> None:
        self.path = config.path
        self._batch_size = config.batch_size
        path = require_file(config.path)
        name = urllib.parse.quote(str(path.absolute()))
        is_unused = not os.path.exists(f"{path}-wal")
        still = "&immutable=1" if traceless and is_unused and _is_in_wal_mode(path) else ""
        with self.errors():
            self._connection = sqlite3.connect(
                f"file:{name}?mode=ro{still}",
                uri=True,
                timeout=config.busy_timeout_ms / 1000,
                isolation_level=None,
                check_same_thread=False,
            )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a statement that has few."""
        with self.errors():
            return self._connection.execute(sql, values).fetchall()

    def chunk(self, sql: str, values: Sequence[Any]) -> list[Row]:
        """Return the first rows of a statement: no more than some megabytes, and at least one if any.

        The statement ends with its answer, so it locks nothing while the rows are used. A text that
        is not UTF-8 comes as `BadText`.
        """
        with self.errors():
            try:
                return self._chunk(sql, values)
            except sqlite3.OperationalError as error:
                if not _is_about_text(error):
                    raise
            self._connection.text_factory = _text
            try:
                return self._chunk(sql, values)
            finally:
                self._connection.text_factory = str

    def whole(self, sql: str, values: Sequence[Any]) -> Iterator[list[Row]]:
        """Yield all rows of one statement, which lasts as long as they are being read."""
        with self.errors():
            self._connection.text_factory = _text
            with contextlib.closing(self._connection.execute(sql, values)) as cursor:
                while rows := self._some(cursor):
                    yield rows

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Tell SQLite's errors in our words.

        Raises:
            ConnectorError: instead of them.
        """
        with translated(self.path, use="read"):
            try:
                yield
            except sqlite3.OperationalError as error:
                if _is_about_text(error):  # whose message holds the text
                    raise ConnectorError.fatal(
                        f"{self.path}: the name of a table or column is not UTF-8"
                    ) from None
                if _code(error) == sqlite3.SQLITE_READONLY_ROLLBACK:
                    raise ConnectorError.io(
                        f"{self.path} was left in the middle of a transaction by a program that crashed; "
                        "open it once with a program that may write, which rolls it back"
                    ) from error
                raise

    def _chunk(self, sql: str, values: Sequence[Any]) -> list[Row]:
        limited = f"{sql} LIMIT {self._batch_size}"
        with contextlib.closing(self._connection.execute(limited, values)) as cursor:
            return self._some(cursor)

    def _some(self, cursor: sqlite3.Cursor) -> list[Row]:
        rows: list[Row] = []
        size = 0
        while len(rows) < self._batch_size and size < _MOST_BYTES:
            block = cursor.fetchmany(_BLOCK_ROWS)
            if not block:
                break
            rows += block
            size += sum(map(getsizeof, chain.from_iterable(block)))
        return rows


def require_file(path: str) -> Path:
    """Return the path of a file that may be a database; only its first bytes are read.

    Raises:
        ConnectorError: there is no file, or one that is no database.
    """
    found = Path(path)
    require_regular(found)
    try:
        with found.open("rb") as file:
            header = file.read(len(HEADER))
    except FileNotFoundError as error:
        raise ConnectorError.not_found(f"{path} does not exist") from error
    except PermissionError as error:
        raise ConnectorError.permission(f"{path} may not be read by this user") from error
    except OSError as error:
        raise ConnectorError.io(f"{path} cannot be opened: {error.strerror}") from error
    if header not in (b"", HEADER):
        raise ConnectorError.configuration(f"{path} is no SQLite database; name another file")
    if sqlite3.sqlite_version_info < _FIRST_VERSION:
        raise ConnectorError.configuration(
            f"the sqlite source needs SQLite 3.37; Python has {sqlite3.sqlite_version} here"
        )
    return found


def _is_in_wal_mode(path: Path) -> bool:
    """Whether the header says so (sqlite.org/fileformat.html, section 1.3.3)."""
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\2\2"


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's own code; an error that Python made has none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


def _is_about_text(error: sqlite3.Error) -> bool:
    return str(error).startswith("Could not decode to UTF-8")


def _text(raw: bytes) -> str | BadText:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return BadText(raw)
