"""Buckets that tests look into, and a proxy that spoils what passes through it."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import socket
import struct
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import obstore
from obstore.store import S3Store

ACCESS_KEY_ID = "not-a-real-key-id"
SECRET_ACCESS_KEY = "not-a-real-secret-key"

Spoil = Callable[["Passing"], int | str | None]
"""Decides on a request: None lets it pass, a number is the status of an error, `reset` and `hang` break."""


def s3_block(endpoint: str) -> dict[str, Any]:
    """Return what a config says of a server."""
    return {
        "endpoint": endpoint,
        "access_key_id": ACCESS_KEY_ID,
        "secret_access_key": SECRET_ACCESS_KEY,
    }


class Content:
    """What a bucket of a server holds, seen without the connectors."""

    def __init__(self, endpoint: str, bucket: str) -> None:
        self.endpoint = endpoint
        self.bucket = bucket
        self._store = S3Store(
            bucket,
            endpoint=endpoint,
            region="us-east-1",
            access_key_id=ACCESS_KEY_ID,
            secret_access_key=SECRET_ACCESS_KEY,
            client_options={"allow_http": True},
        )

    def listed(self) -> list[str]:
        """Return all keys, in order."""
        return sorted(meta["path"] for page in obstore.list(self._store) for meta in page)

    def get(self, key: str) -> bytes:
        """Return an object."""
        return obstore.get(self._store, key).bytes().to_bytes()

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        obstore.put(self._store, key, content)

    def delete(self, key: str) -> None:
        """Delete an object."""
        obstore.delete(self._store, key)

    def all(self) -> dict[str, bytes]:
        """Return all objects by key."""
        return {key: self.get(key) for key in self.listed()}

    def uploads(self) -> str:
        """Return what the server says of uploads that are neither ended nor given up."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.endpoint).netloc)
        with contextlib.closing(connection):
            connection.request("GET", f"/{self.bucket}?uploads")
            return connection.getresponse().read().decode()


class Passing:
    """One request on its way through the proxy."""

    def __init__(self, method: str, target: str, body: bytes) -> None:
        self.method = method
        self.target = target
        self.body = body


class Proxy:
    """Stands before a server; `spoil` may change at any time."""

    def __init__(self, endpoint: str) -> None:
        self.spoil: Spoil = lambda _: None
        self.instead: dict[str, str] = {}
        """Headers that pass instead of those of the client; names in lower case."""
        self.requests: list[Passing] = []
        self._upstream = urllib.parse.urlsplit(endpoint).netloc
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def handle_one_request(self) -> None:
                with contextlib.suppress(ConnectionError):
                    super().handle_one_request()

            def __getattr__(self, name: str) -> Any:
                if not name.startswith("do_"):
                    raise AttributeError(name)
                return self._answer

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                proxy._pass(self, self.rfile.read(length))

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._ended = threading.Event()

    def run(self) -> None:
        """Serve until `stop`."""
        self._server.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        """Let go of hanging requests and end."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _pass(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        request = Passing(handler.command, handler.path, body)
        self.requests.append(request)
        what = self.spoil(request)
        if what == "reset":
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
            handler.close_connection = True
        elif what == "hang":
            self._ended.wait()
            handler.close_connection = True
        elif isinstance(what, int):
            self._send(
                handler, what, {}, error_body("SlowDown" if what == 503 else "InternalError")
            )
        else:
            self._forward(handler, request)

    def _forward(self, handler: http.server.BaseHTTPRequestHandler, request: Passing) -> None:
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        with contextlib.closing(connection):
            headers = {
                name: value
                for name, value in handler.headers.items()
                if name.lower() not in {"host", *self.instead}
            }
            headers |= self.instead
            connection.request(request.method, request.target, request.body, headers)
            answer = connection.getresponse()
            kept = {
                name: value
                for name, value in answer.getheaders()
                if name.lower() not in {"connection", "content-length", "transfer-encoding"}
            }
            length = answer.getheader("Content-Length")
            body = answer.read()
            if request.method == "HEAD" and length is not None:
                kept["Content-Length"] = length
            self._send(handler, answer.status, kept, body)

    def _send(
        self,
        handler: http.server.BaseHTTPRequestHandler,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        handler.send_response_only(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if "Content-Length" not in headers:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextlib.contextmanager
def proxied(endpoint: str) -> Iterator[Proxy]:
    """Run a proxy before a server for the length of a block."""
    proxy = Proxy(endpoint)
    thread = threading.Thread(target=proxy.run)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()


def error_body(code: str) -> bytes:
    """Return an error as S3 says it."""
    return f"<Error><Code>{code}</Code><Message>hostile \x1b[31m text</Message></Error>".encode()


def json_rows(lines: bytes) -> list[Any]:
    """Return the records of JSON Lines."""
    return [json.loads(line) for line in lines.splitlines()]
