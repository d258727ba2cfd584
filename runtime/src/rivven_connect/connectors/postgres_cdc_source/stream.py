"""A replication connection that streams: frames in, positions out, nothing that blocks the loop."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from typing import TYPE_CHECKING, Any

from rivven_connect import ConnectorError
from rivven_connect.connectors.postgres_cdc_source.replication import encode_status, lsn_text
from rivven_connect.postgres import connector_error, quoted, translated

if TYPE_CHECKING:
    import psycopg

_DOING = "reading changes"
_MOST_BYTES = 256 * 1024


def start_stream(
    connection: psycopg.Connection[Any], slot: str, publication: str, lsn: int
) -> None:
    """Let a replication connection stream a slot from a position on; blocks.

    Raises:
        ConnectorError: the server refuses.
    """
    import psycopg  # noqa: PLC0415  # optional: the extra `postgres`

    names = quoted(publication).replace("'", "''")
    command = (
        f"START_REPLICATION SLOT {quoted(slot)} LOGICAL {lsn_text(lsn)} "
        f"(proto_version '1', publication_names '{names}')"
    )
    pgconn = connection.pgconn
    with translated(f"starting to read slot {slot!r}"):
        result = pgconn.exec_(command.encode())
        if result.status != psycopg.pq.ExecStatus.COPY_BOTH:
            raise psycopg.errors.error_from_result(result)
        pgconn.nonblocking = 1


class ReplicationStream:
    """The connection from then on; used in the loop's thread alone.

    `delivered` is what the server is told, again and again, also while nobody reads: it would end a
    connection that says nothing, and it may forget its log before that position.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], delivered: int, interval_ms: int
    ) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._interval_s = min(interval_ms, 10_000) / 1000  # the server's patience is 60 s
        self.delivered = delivered
        self._beat()

    def receive(self) -> list[bytes]:
        """Return the frames that have come, up to some; an empty list if there is none.

        Raises:
            ConnectorError: the connection has ended.
        """
        frames: list[bytes] = []
        size = 0
        is_dry = False
        get = self._pgconn.get_copy_data
        with translated(_DOING):
            while size < _MOST_BYTES:
                length, data = get(1)
                if length > 0:
                    frames.append(bytes(data))
                    size += length
                    is_dry = False
                elif length < 0:
                    self._raise_end()
                elif is_dry:
                    break
                else:
                    self._pgconn.consume_input()
                    is_dry = True
        return frames

    async def wait(self, seconds: float) -> None:
        """Return when something may have come, or after so many seconds."""
        readable = self._loop.create_future()
        with translated(_DOING):
            descriptor = self._pgconn.socket
        self._loop.add_reader(descriptor, _resolve, readable)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await readable
        finally:
            self._loop.remove_reader(descriptor)

    def tell(self, *, wants_reply: bool = False) -> None:
        """Tell the server what is delivered; it answers with a keepalive if that is wanted.

        A connection that has ended says so to its reader, not here.
        """
        import psycopg  # noqa: PLC0415  # optional: the extra `postgres`

        now = datetime.datetime.now(datetime.UTC)
        with contextlib.suppress(psycopg.Error):
            self._pgconn.put_copy_data(encode_status(self.delivered, now, wants_reply=wants_reply))
            self._pgconn.flush()

    def close(self) -> None:
        """Tell the server where we are, and end the connection."""
        self._timer.cancel()
        if not self._connection.closed:
            self.tell()
            self._connection.close()

    def _beat(self) -> None:
        self.tell()
        self._timer = self._loop.call_later(self._interval_s, self._beat)

    def _raise_end(self) -> None:
        import psycopg  # noqa: PLC0415  # optional: the extra `postgres`

        result = self._pgconn.get_result()
        if result is not None and result.status == psycopg.pq.ExecStatus.FATAL_ERROR:
            error = psycopg.errors.error_from_result(result)
            raise connector_error(error, _DOING) or error
        raise ConnectorError.connection(f"{_DOING}: the server ended the stream")


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
