"""A receiver of webhooks that answers 200 only when what it got is on the disk.

    python webhook_receiver.py FILE [--port PORT] [--reset-every N]

It listens on 127.0.0.1, prints its port as the first line, and appends every record of a posted JSON
array, or the one object, to FILE as a line of its own. With `--reset-every N`, each Nth request is
stored and its connection then reset without an answer: the sender cannot know that it arrived.
It ends on SIGTERM, and when its standard input closes if that is a pipe, so that it outlives nobody.
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import signal
import socket
import stat
import struct
import sys
import threading
from typing import Any, BinaryIO

LONGEST_BODY = 256 << 20


class Receiver(http.server.ThreadingHTTPServer):
    """Stores the records of all connections in one file."""

    daemon_threads = True

    def __init__(self, port: int, file: BinaryIO, reset_every: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self._file = file
        self._reset_every = reset_every
        self._lock = threading.Lock()
        self._requests = 0

    def store(self, records: list[Any]) -> bool:
        """Make the records durable; return whether the sender is to be told."""
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        with self._lock:
            self._file.write(lines.encode("utf-8", "surrogatepass"))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._requests += 1
            return not self._reset_every or self._requests % self._reset_every != 0

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of senders that were killed."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as the base class calls it


class Handler(http.server.BaseHTTPRequestHandler):
    """Takes one request after the other from a connection."""

    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Say that somebody is here."""
        self._answer(204)

    def do_POST(self) -> None:
        """Store what is posted; what is not whole, or no JSON, is not stored."""
        length = int(self.headers.get("Content-Length", "-1"))
        if not 0 <= length <= LONGEST_BODY:
            self.close_connection = True
            self._answer(411)
            return
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        try:
            found = json.loads(body)
        except ValueError:
            self._answer(400)
            return
        if self.server.store(found if isinstance(found, list) else [found]):
            self._answer(200)
        else:
            self._reset()

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # `shutdown_request` would send a FIN first.
        os.close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--reset-every", type=int, default=0)
    arguments = parser.parse_args()
    with open(arguments.file, "ab") as file:
        receiver = Receiver(arguments.port, file, arguments.reset_every)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        print(receiver.server_port, flush=True)
        if stat.S_ISFIFO(os.fstat(0).st_mode):
            threading.Thread(target=_end_with_parent, daemon=True).start()
        receiver.serve_forever(0.1)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
