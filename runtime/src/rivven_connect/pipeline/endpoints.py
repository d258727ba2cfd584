"""The endpoints `/health`, `/ready`, `/live` and `/metrics`, served beside a run.

A server has threads of its own, so it answers while the loop is busy. Whatever a client does, it
gets a few kilobytes and two seconds to ask, one answer, and no influence on the run.
"""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import logging
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from rivven_connect._errors import InputError
from rivven_connect.pipeline.health import health_body, health_of
from rivven_connect.pipeline.monitoring import RunState
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.recorded import RecordedMetrics

_log = logging.getLogger("rivven_connect.monitor")

MOST_CLIENTS = 32
LONGEST_HEAD = 8 * 1024
CLIENT_TIMEOUT_S = 2.0

_JSON = "application/json; charset=utf-8"


class Answer(NamedTuple):
    """What a page says."""

    status: int
    content_type: str
    body: bytes


Pages = Mapping[str, Callable[[], Answer]]
"""Path -> what makes its answer."""


def health_pages(state: RunState) -> Pages:
    """Return `/health`, `/ready` and `/live` of a run."""

    def health() -> Answer:
        body = health_body(state)
        return _json(200 if health_of(state)[0].is_ready else 503, body)

    def ready() -> Answer:
        found = health_of(state)[0]
        return _json(200 if found.is_ready else 503, {"status": str(found)})

    return {"/health": health, "/ready": ready, "/live": lambda: _json(200, {"status": "live"})}


def metrics_pages(state: RunState, recorded: RecordedMetrics) -> Pages:
    """Return `/metrics` of a run; needs the extra `metrics`."""
    from rivven_connect.pipeline.metrics_page import (  # noqa: PLC0415  # needs an extra
        CONTENT_TYPE,
        MetricsPage,
    )

    page = MetricsPage(state, recorded)
    return {"/metrics": lambda: Answer(200, CONTENT_TYPE, page.render())}


@contextlib.contextmanager
def serving(plan: PipelinePlan, state: RunState, recorded: RecordedMetrics) -> Iterator[list[str]]:
    """Serve what the settings ask for while the block runs; yields the addresses.

    Health and metrics that have the same host and port share a server.

    Raises:
        InputError: an address cannot be listened on (RVN735); nothing is served then.
    """
    health, metrics = plan.settings.health, plan.settings.metrics
    asked: dict[tuple[str, int], tuple[str, dict[str, Callable[[], Answer]]]] = {}
    if health.enabled:
        asked[health.host, health.port] = ("health", dict(health_pages(state)))
    if metrics.enabled:
        _, pages = asked.setdefault((metrics.host, metrics.port), ("metrics", {}))
        pages.update(metrics_pages(state, recorded))
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(_served(plan, key, address, pages))
            for address, (key, pages) in asked.items()
        ]


@contextlib.contextmanager
def _served(plan: PipelinePlan, key: str, address: tuple[str, int], pages: Pages) -> Iterator[str]:
    host, port = address
    try:
        server = _Server(host, port, pages)
    except OSError as error:
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        problem = plan.loaded.problem(
            "RVN735",
            ("settings", key),
            f"{key} cannot listen on {shown}: {error.strerror or error}",
            hint="stop what listens there, or choose another port; 0 takes any free one",
        )
        raise InputError([problem]) from error
    thread = threading.Thread(
        target=server.serve_forever, args=(0.1,), name=f"{key} endpoint", daemon=True
    )
    thread.start()
    _log.info("%s at %s", ", ".join(sorted(pages)), server.url)
    try:
        yield server.url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    """One thread per client, few clients; a newcomer takes the place of the slowest."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = found[0][0]
        self.pages = pages
        self._clients: dict[socket.socket, None] = {}
        self._lock = threading.Lock()
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """The address, with the port that was chosen where 0 was asked for."""
        host, port = self.server_address[:2]
        shown = host.decode() if isinstance(host, bytes | bytearray) else str(host)
        return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"

    def process_request(self, request: object, client_address: object) -> None:
        """Serve a client in a thread of its own; the oldest goes where there are too many."""
        if not isinstance(request, socket.socket):
            raise TypeError("TCP clients come as sockets")
        with self._lock:
            oldest = next(iter(self._clients)) if len(self._clients) >= MOST_CLIENTS else None
            if oldest is not None:
                del self._clients[oldest]
            self._clients[request] = None
        if oldest is not None:
            with contextlib.suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: object) -> None:
        """Forget a client."""
        if isinstance(request, socket.socket):
            with self._lock:
                self._clients.pop(request, None)
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that go away in the middle; anything else is a bug of ours."""
        if not isinstance(sys.exception(), OSError):
            _log.warning("a page of the endpoint failed", exc_info=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers one GET or HEAD; the standard library parses a head that was read with bounds."""

    protocol_version = "HTTP/1.1"
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"
    timeout = CLIENT_TIMEOUT_S
    server: _Server

    def setup(self) -> None:
        """Read the head now, so that its size and time have one bound each."""
        super().setup()
        self.rfile = io.BufferedReader(io.BytesIO(_read_head(self.connection)))
        self.connection.settimeout(CLIENT_TIMEOUT_S)

    def do_GET(self) -> None:
        """Answer with a page."""
        page = self.server.pages.get(self.path.partition("?")[0])
        answer = page() if page else Answer(404, "text/plain; charset=utf-8", b"404 Not Found\n")
        self._send(answer)

    do_HEAD = do_GET  # noqa: N815  # the standard library's name

    def _refuse(self) -> None:
        text = b"405 Method Not Allowed\n"
        self._send(Answer(405, "text/plain; charset=utf-8", text), Allow="GET, HEAD")

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _refuse  # noqa: N815  # as above

    def _send(self, answer: Answer, **headers: str) -> None:
        self.send_response_only(answer.status)
        fixed = {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
        }
        for name, value in (fixed | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def version_string(self) -> str:
        """Name no versions to strangers."""
        return "rivven-connect"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Log nothing: probes come every second, and what clients send is theirs."""


def _read_head(connection: socket.socket) -> bytes:
    """Return a request's head, or nothing where it is too large or does not come in time."""
    deadline = time.monotonic() + CLIENT_TIMEOUT_S
    head = b""
    while b"\r\n\r\n" not in head and b"\n\n" not in head:
        left = deadline - time.monotonic()
        if left <= 0 or len(head) > LONGEST_HEAD:
            return b""
        connection.settimeout(left)
        try:
            piece = connection.recv(2048)
        except OSError:
            return b""
        if not piece:
            return b""
        head += piece
    return head


def _json(status: int, body: Mapping[str, object]) -> Answer:
    return Answer(status, _JSON, json.dumps(body).encode() + b"\n")
