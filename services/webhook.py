"""A receiver of webhooks that keeps each request as it came."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path


class _Receiver(http.server.ThreadingHTTPServer):
    """Appends a JSON line per request: method, target, headers, and the body as base64."""

    daemon_threads = True

    def __init__(self, file: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._file = file
        self._lock = threading.Lock()

    def keep(self, request: dict[str, object]) -> None:
        with self._lock, self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(request) + "\n")


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Receiver
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keep(
            {
                "method": self.command,
                "target": self.path,
                "headers": dict(self.headers.items()),
                "body": base64.b64encode(body).decode(),
            }
        )
        self._answer()

    def _answer(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def webhook_receiver(file: Path) -> Iterator[str]:
    """Run a receiver for the length of a block; give the URL of its root, without the last slash."""
    with _Receiver(file) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
