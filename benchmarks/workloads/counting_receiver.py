"""Takes what is posted, counts it, and tells `GET` how many orders came since the last one.

Prints its port. Ends with its parent, when standard input is closed.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_END = b"\r\n\r\n"
_TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_ORDER = b'"customer":"customer-'

_orders = 0


class Receiver(asyncio.Protocol):
    """Reads no more of HTTP than where a body ends."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with nothing."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._unread = bytearray()
        self._whole = 0

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._unread += data
        while self._is_whole():
            self._transport.write(self._answer(bytes(self._unread[: self._whole])))
            del self._unread[: self._whole]
            self._whole = 0

    def _is_whole(self) -> bool:
        if not self._whole:
            head = self._unread.find(_END)
            if head < 0:
                return False
            length = _LENGTH.search(self._unread, 0, head)
            self._whole = head + len(_END) + (int(length[1]) if length else 0)
        return len(self._unread) >= self._whole

    @staticmethod
    def _answer(request: bytes) -> bytes:
        global _orders  # noqa: PLW0603  # one figure of the whole process
        if not request.startswith(b"GET"):
            _orders += request.count(_ORDER)
            return _TAKEN
        text, _orders = str(_orders).encode(), 0
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)


async def main() -> None:
    """Serve for ever."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    await server.serve_forever()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


asyncio.run(main())
