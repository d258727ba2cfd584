"""The API of B-W2: pages of orders that were encoded beforehand; ends when its input does.

`/N/LATENCY_MS` gives `{"data": [...], "next": "TOKEN"}` of an API with N pages; the next page is
asked for with `?cursor=TOKEN`. Prints its port.
"""

from __future__ import annotations

import asyncio
import sys
from typing import ClassVar

import orjson
from orders import order

RECORDS = 500

_TIMER_S = 0.002
"""Seconds that the loop may be late, because it waits for whole milliseconds and then some."""


def page(number: int, last: int) -> bytes:
    """Return a whole answer."""
    start = number * RECORDS
    records = [order(one) for one in range(start, start + RECORDS)]
    token = None if number == last else str(number + 1)
    body = orjson.dumps({"data": records, "next": token})
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Api(asyncio.Protocol):
    """Answers one request after the other; a request is one packet, as small as it is."""

    answers: ClassVar[dict[tuple[int, int], bytes]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to write to."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Write the page that is asked for, when its time has come."""
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        path, _, query = data.split(b" ", 2)[1].decode().partition("?")
        pages, latency_ms = (int(part) for part in path.strip("/").split("/"))
        number = int(query.partition("cursor=")[2] or 0)
        key = number, pages - 1
        answer = self.answers.get(key)
        if answer is None:
            answer = self.answers[key] = page(*key)
        due = arrived + latency_ms / 1000
        loop.call_at(due - _TIMER_S, self._write, answer, due)

    def _write(self, answer: bytes, due: float) -> None:
        """Write an answer when it is due: the loop's timers are late by up to a millisecond or two."""
        time = asyncio.get_running_loop().time
        while time() < due:
            pass
        self.transport.write(answer)


async def main() -> None:
    """Serve until the input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Api, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
