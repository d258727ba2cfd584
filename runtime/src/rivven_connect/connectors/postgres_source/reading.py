"""Rows of one query, page by page; one statement, hence one snapshot."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from rivven_connect import ConnectorError, JsonObject, Page, Poison
from rivven_connect.connectors.postgres_source.selecting import Selection
from rivven_connect.postgres import PostgresSettings, connect, translated

if TYPE_CHECKING:
    import psycopg

_PAGE_BYTES = 1024 * 1024
_CHUNK_ROWS = 2
"""Rows that libpq holds at once; with more, nothing is faster, and large rows take more memory."""
_CHUNKS_SINCE = 170_000
"""The version of libpq from which it gives more than one row at once."""
_PATIENCE_S = 5.0
"""Seconds that a server has to answer a request to stop."""

_NO_TIMEOUTS = b"""
SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
WHERE name IN ('statement_timeout', 'transaction_timeout') AND source <> 'client'
"""
"""A table is one statement, which takes as long as the sinks do; a limit of the config's own stays."""

Part: TypeAlias = Page[JsonObject] | Poison


class RowReader:
    """One connection that reads one query. Every method blocks, hence is called in a thread.

    `close` may be called while another thread reads: it lets the server stop first.
    """

    def __init__(self, settings: PostgresSettings, stream: str, *, page_rows: int) -> None:
        self._settings = settings
        self._stream = stream
        self._doing = f"reading {stream}"
        self._page_rows = page_rows
        self._lock = threading.Lock()
        self._closed = False
        self._connection: psycopg.Connection[Any] | None = None
        self._selection: Selection | None = None
        self._rows: Iterator[tuple[bytes]] = iter(())

    def open(self, selection: Selection) -> None:
        """Connect, and ask for rows.

        Raises:
            ConnectorError: one of this failed.
        """
        with self._lock, translated(self._doing):
            if self._closed:
                return
            self._connection = connection = connect(self._settings)
            connection.execute(_NO_TIMEOUTS)
            connection.execute(b"BEGIN READ ONLY")
            _take_json_as_it_is(connection)
            self._selection = selection
            self._rows = connection.cursor().stream(
                selection.sql.encode(), selection.values, binary=True, size=_chunk_rows()
            )

    def next(self) -> list[Part]:
        """Return the next rows; none at the end.

        Raises:
            ConnectorError: the server failed, or is gone.
        """
        with self._lock, translated(self._doing):
            selection = self._selection
            if self._closed or selection is None:
                return []
            texts: list[bytes] = []
            size = 0
            for (text,) in itertools.islice(self._rows, self._page_rows):
                texts.append(text)
                size += len(text)
                if size >= _PAGE_BYTES:
                    break
        return self._parts(selection, texts, size) if texts else []

    def close(self) -> None:
        """Close the connection; `open` and `next` then do nothing."""
        self._closed = True
        if not self._lock.acquire(blocking=False):
            self._interrupt()
            self._lock.acquire()
        try:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
        finally:
            self._lock.release()

    def _interrupt(self) -> None:
        """Make a call that waits for the server return."""
        connection = self._connection
        if connection is None:
            return
        with contextlib.suppress(Exception):  # it may be gone already, which is as good
            connection.cancel_safe(timeout=_PATIENCE_S)
        if self._lock.acquire(timeout=_PATIENCE_S):
            self._lock.release()
            return
        with (
            contextlib.suppress(Exception),
            socket.socket(fileno=os.dup(connection.fileno())) as one,
        ):
            one.shutdown(socket.SHUT_RDWR)

    def _parts(self, selection: Selection, texts: list[bytes], size: int) -> list[Part]:
        try:
            rows = selection.decoder.decode_many(texts)
        except ConnectorError:
            return self._one_by_one(selection, texts)
        left = selection.left(rows[-1]) if selection.left else None
        return [Page(rows, cursor=left, size=size)]

    def _one_by_one(self, selection: Selection, texts: list[bytes]) -> list[Part]:
        """Return the rows of a page of which some cannot be read."""
        parts: list[Part] = []
        for text in texts:
            try:
                row = selection.decoder.decode(text)
            except ConnectorError as error:
                parts.append(Poison(stream=self._stream, raw=text, error=str(error)))
            else:
                left = selection.left(row) if selection.left else None
                parts.append(Page([row], cursor=left, size=len(text)))
        return parts


def _take_json_as_it_is(connection: psycopg.Connection[Any]) -> None:
    """Leave JSON as bytes: it is decoded here, many rows at once."""
    from psycopg.types.string import ByteaBinaryLoader  # noqa: PLC0415  # optional: an extra

    connection.adapters.register_loader("json", ByteaBinaryLoader)


def _chunk_rows() -> int:
    import psycopg  # noqa: PLC0415  # optional: the extra `postgres`

    return _CHUNK_ROWS if psycopg.pq.version() >= _CHUNKS_SINCE else 1
