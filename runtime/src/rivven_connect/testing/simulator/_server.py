"""A real HTTP server on a loopback socket, in a thread of this process."""

from __future__ import annotations

import http.server
import select
import socket
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any

from rivven_connect.testing.simulator._messages import SimulatedReply, SimulatedRequest

_POLL_S = 0.02
_IDLE_S = 30.0
"""Seconds after which a connection that says nothing is given up."""


class LoopbackServer:
    """Answers every request by `answer`, which is called by one thread at a time.

    `silence_s` bounds how long a request that gets no answer is held; `outwaited` counts those whose
    client was still waiting then. `errors` are what `answer` raised.
    """

    def __init__(self, answer: Callable[[SimulatedRequest], SimulatedReply]) -> None:
        self.silence_s = 10.0
        self.outwaited = 0
        self.errors: list[Exception] = []
        self._answer = answer
        self._lock = threading.Lock()
        self._http = _Listener(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(_POLL_S,), name="rivven-simulator"
        )

    def start(self) -> None:
        """Answer from now on; clients could connect before."""
        self._thread.start()

    def stop(self) -> None:
        """Break every connection and wait until all threads have ended."""
        self._http.shutdown()
        self._thread.join()
        self._http.break_connections()
        self._http.server_close()

    def reply_to(self, request: SimulatedRequest) -> SimulatedReply:
        """Return the answer to a request; an exception is kept, and answered by 500."""
        with self._lock:
            try:
                return self._answer(request)
            except Exception as error:  # noqa: BLE001  # an author's function; the test raises it
                self.errors.append(error)
                return SimulatedReply(f"the simulator failed: {type(error).__name__}", 500)


class _Listener(http.server.ThreadingHTTPServer):
    """Knows its open connections, so that it can end its threads."""

    daemon_threads = False
    owner: LoopbackServer

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def break_connections(self) -> None:
        for one in list(self._open):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed meanwhile
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that hangs up is what these tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    """Reads one request of a connection, answers, and closes: no stale connection confuses a test."""

    protocol_version = "HTTP/1.1"
    server: _Listener
    timeout = _IDLE_S

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # whatever the method
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Write nothing."""

    def _serve(self) -> None:
        self.close_connection = True
        split = urllib.parse.urlsplit(self.path)
        request = SimulatedRequest(
            method=self.command,
            path=urllib.parse.unquote(split.path),
            query=dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._body(),
            target=self.path,
        )
        reply = self.server.owner.reply_to(request)
        if reply.silent:
            self._hold()
        else:
            self._send(reply)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(parts)

    def _send(self, reply: SimulatedReply) -> None:
        content = reply.content()
        self.send_response(reply.status)
        headers = {"Content-Type": reply.content_type(), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _hold(self) -> None:
        """Wait until the client hangs up."""
        ready, _, _ = select.select([self.connection], [], [], self.server.owner.silence_s)
        if not ready:
            self.server.owner.outwaited += 1
