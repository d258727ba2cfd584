"""A server on a real loopback socket that misbehaves by script.

It runs in a thread with an event loop of its own, so that it serves tests of any kind.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import functools
import gzip
import json
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from rivven_connect import ErrorKind

TLS = Path(__file__).parent / "tls"
"""`trusted.pem` and `expired.pem`: key and self-signed certificate for 127.0.0.1 and localhost."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What a client sent; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


Answer: TypeAlias = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]
"""Writes an answer. Afterwards the connection serves on, unless the answer has closed it."""


class HostileServer:
    """Gives its answers one after the other, the last one for ever."""

    def __init__(self, *answers: Answer, tls: Path | None = None) -> None:
        self.requests: list[Request] = []
        """All requests that were read as a whole."""
        self.taken = threading.Event()
        """Whether there is one."""
        self.connections = 0
        self.url = ""
        self._answers = list(answers)
        self._tls = tls
        self.context: ssl.SSLContext | None = None
        """Of TLS; what is loaded into it counts for the next connection."""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))

    @property
    def bodies(self) -> list[Any]:
        """Return what was sent, as JSON."""
        return [request.json() for request in self.requests]

    def start(self) -> None:
        """Listen; returns when clients can connect."""
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        """Close everything."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        if self._tls is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(self._tls)
        context = self.context
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{port}/in"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while not writer.is_closing():
                    await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the server stops; asyncio would report the task's end
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.strip().split("\r\n")
        method, target, _ = line.split(" ", 2)
        headers = {k.lower(): v.strip() for k, _, v in (one.partition(":") for one in rest)}
        request = Request(method, target, headers)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is not reset_before_body:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            request = dataclasses.replace(request, body=body)
            self.requests.append(request)
            self.taken.set()
        await answer(request, writer)
        if not writer.is_closing():
            await writer.drain()


@contextlib.contextmanager
def serve(*answers: Answer, tls: Path | None = None) -> Iterator[HostileServer]:
    """Run a server for the length of a block."""
    server = HostileServer(*answers, tls=tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def refused_url() -> str:
    """Return a URL of this machine where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/in"


def head(status: int, *headers: tuple[str, str]) -> bytes:
    """Return the beginning of an answer."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode()


def respond(status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    """Answer as one should; `_` in a header's name stands for `-`."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        content = b"" if request.method == "HEAD" else body
        writer.write(head(status, *named, ("Content-Length", str(len(body)))) + content)

    return answer


def raw(data: bytes, *, then: str = "close") -> Answer:
    """Write these bytes; then `close`, `half_close`, `reset`, or `wait` for ever."""

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if then == "reset":
            _reset(writer)
        elif then == "half_close":
            writer.write_eof()
            await asyncio.Event().wait()
        elif then == "wait":
            await asyncio.Event().wait()
        else:
            writer.close()

    return answer


async def reset_before_body(_: Request, writer: asyncio.StreamWriter) -> None:
    """Reset the connection once the headers are there; the body is not read."""
    _reset(writer)


async def reset(_: Request, writer: asyncio.StreamWriter) -> None:
    """Take the whole request and reset the connection: the sender cannot know what came of it."""
    _reset(writer)


async def drip(_: Request, writer: asyncio.StreamWriter) -> None:
    """Send a byte at a time, so that no silence is long."""
    writer.write(head(200, ("Content-Length", "1000000")))
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def drip_head(_: Request, writer: asyncio.StreamWriter) -> None:
    """Send the status line a byte at a time."""
    for byte in b"HTTP/1.1 200 " + b"x" * 1_000_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def endless(_: Request, writer: asyncio.StreamWriter) -> None:
    """Send a body that never ends."""
    writer.write(head(200, ("Transfer-Encoding", "chunked")))
    while True:
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()


async def endless_header(_: Request, writer: asyncio.StreamWriter) -> None:
    """Send one header of 100 MiB."""
    writer.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _number in range(1600):
        writer.write(b"x" * 0x10000)
        await writer.drain()
    writer.write(b"\r\nContent-Length: 0\r\n\r\n")


async def endless_headers(_: Request, writer: asyncio.StreamWriter) -> None:
    """Send short headers, 100 MiB of them."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(25_000):
        writer.write(f"X-{number}: {'x' * 4000}\r\n".encode())
        await writer.drain()
    writer.write(b"Content-Length: 0\r\n\r\n")


def gzip_bomb(mebibytes: int, *, status: int = 200, encoding: str = "gzip") -> Answer:
    """Send so many MiB of zeros, packed."""
    return respond(status, _packed_zeros(mebibytes, encoding), Content_Encoding=encoding)


@functools.cache
def _packed_zeros(mebibytes: int, encoding: str) -> bytes:
    zeros = b"\0" * (mebibytes << 20)
    return gzip.compress(zeros, 1) if encoding == "gzip" else zlib.compress(zeros, 1)


def echo(status: int) -> Answer:
    """Answer with everything that was sent, as an indiscreet error page does."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        told = f"you sent {request.target} {dict(request.headers)} {request.body!r}".encode()
        writer.write(head(status, ("Content-Length", str(len(told)))) + told)

    return answer


def redirect(location: str, status: int = 307) -> Answer:
    """Send the client elsewhere."""
    return respond(status, b"moved", Location=location)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


LARGEST_BODY = 1 << 20
"""The limit that `too_large` exceeds."""
_CHUNKED = head(200, ("Transfer-Encoding", "chunked"))
MISBEHAVIOURS: dict[str, tuple[Answer, ErrorKind]] = {
    "reset_before_body": (reset_before_body, ErrorKind.CONNECTION),
    "reset_after_body": (reset, ErrorKind.CONNECTION),
    "reset_in_head": (raw(b"HTTP/1.1 200 O", then="reset"), ErrorKind.CONNECTION),
    "reset_in_body": (
        raw(head(200, ("Content-Length", "100")) + b"x", then="reset"),
        ErrorKind.CONNECTION,
    ),
    "closed_without_an_answer": (raw(b""), ErrorKind.CONNECTION),
    "half_closed_without_an_answer": (raw(b"", then="half_close"), ErrorKind.CONNECTION),
    "half_closed_in_body": (
        raw(head(200, ("Content-Length", "9")) + b"x", then="half_close"),
        ErrorKind.CONNECTION,
    ),
    "short_body": (raw(head(200, ("Content-Length", "100")) + b"x"), ErrorKind.CONNECTION),
    "truncated_chunk": (raw(_CHUNKED + b"10\r\nabc"), ErrorKind.CONNECTION),
    "no_last_chunk": (raw(_CHUNKED + b"3\r\nabc\r\n"), ErrorKind.CONNECTION),
    "broken_chunk_size": (raw(_CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n"), ErrorKind.CONNECTION),
    "not_http": (raw(b"\x15\x03\x01\x00\x02\x02\x50\r\n\r\n"), ErrorKind.CONNECTION),
    "a_mail_server": (raw(b"220 mail.example.com ESMTP\r\n\r\n"), ErrorKind.CONNECTION),
    "bad_content_length": (raw(head(200, ("Content-Length", "-1"))), ErrorKind.CONNECTION),
    "silent": (raw(b"", then="wait"), ErrorKind.TIMEOUT),
    "silent_after_head": (
        raw(head(200, ("Content-Length", "5")), then="wait"),
        ErrorKind.TIMEOUT,
    ),
    "drip": (drip, ErrorKind.TIMEOUT),
    "drip_head": (drip_head, ErrorKind.TIMEOUT),
    "endless": (endless, ErrorKind.DATA),
    "too_large": (respond(200, b"x" * (LARGEST_BODY + 1)), ErrorKind.DATA),
    "gzip_bomb": (gzip_bomb(16), ErrorKind.DATA),
    "deflate_bomb": (gzip_bomb(16, encoding="deflate"), ErrorKind.DATA),
    "bomb_in_an_error": (gzip_bomb(16, status=500), ErrorKind.TRANSIENT),
    "unasked_coding": (respond(200, b"x", Content_Encoding="br"), ErrorKind.DATA),
    "not_gzip": (respond(200, b"plain text", Content_Encoding="gzip"), ErrorKind.CONNECTION),
    "truncated_gzip": (
        respond(200, gzip.compress(b"x" * 5000)[:-9], Content_Encoding="gzip"),
        ErrorKind.CONNECTION,
    ),
    "endless_header": (endless_header, ErrorKind.CONNECTION),
    "endless_headers": (endless_headers, ErrorKind.CONNECTION),
    "redirect_loop": (redirect("/in"), ErrorKind.CONFIG),
    "redirect_nowhere": (respond(307), ErrorKind.CONFIG),
    "redirect_elsewhere": (redirect("http://127.0.0.1:1/"), ErrorKind.CONFIG),
    "redirect_to_a_file": (redirect("file:///etc/passwd"), ErrorKind.CONFIG),
    "redirect_to_a_get": (redirect("/in", 303), ErrorKind.CONFIG),
    "unavailable": (respond(503, b"later"), ErrorKind.TRANSIENT),
    "status_999": (respond(999), ErrorKind.TRANSIENT),
}
"""What may become of a request, and the kind of error that the client makes of it."""


def _after(seconds: float) -> str:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


RETRY_AFTER: Mapping[str, Callable[[], str]] = {
    "seconds": lambda: "1",
    "zero": lambda: "0",
    "fraction": lambda: "0.01",
    "negative": lambda: "-5",
    "huge": lambda: "9" * 400,
    "words": lambda: "soon",
    "empty": lambda: "",
    "date": lambda: _after(2),
    "past_date": lambda: _after(-3600),
    "far_date": lambda: "Fri, 31 Dec 9999 23:59:59 GMT",
    "asctime_date": lambda: "Wed Oct 21 07:30:00 2026",
    "broken_date": lambda: "Wed, 99 Oct 2026 07:30:00 GMT",
}
"""The forms of F17."""


def _busy(status: int, form: Callable[[], str]) -> Answer:
    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        await respond(status, b"busy", Retry_After=form())(request, writer)

    return answer


BUSY: Mapping[str, tuple[Answer, ErrorKind]] = {
    f"{status}_{name}": (_busy(status, form), ErrorKind.RATE_LIMITED)
    for status in (429, 503)
    for name, form in RETRY_AFTER.items()
}
"""Being asked to wait, in each form."""
