"""A server that speaks what the connectors need of Azure's Blob service, in memory.

Put Blob, Put Block, Put Block List, Get Blob with ranges, List Blobs; version 2023 of
https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import re
import threading
import urllib.parse
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.sax.saxutils import escape

ACCOUNT = "account"
_MODIFIED = "Sat, 31 Jan 2026 12:00:00 GMT"


class BlobService:
    """Containers by name, each with its blobs; any signature will do, but there must be one."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, bytes]] = {}
        self.queries: list[str] = []
        self._blocks: dict[tuple[str, str, str], bytes] = {}
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                service._put(self, body)

            def do_GET(self) -> None:
                service._get(self)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/{ACCOUNT}"

    def run(self) -> None:
        """Serve until `stop`."""
        self._server.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def _put(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        blobs, container, name, query = self._place(handler)
        if blobs is None:
            return
        kind = query.get("comp", "")
        if kind == "block":
            self._blocks[container, name, query["blockid"]] = body
        elif kind == "blocklist":
            ids = [one.text or "" for one in ElementTree.fromstring(body)]
            blobs[name] = b"".join(self._blocks[container, name, one] for one in ids)
        else:
            blobs[name] = body
        _answer(handler, 201, b"", ETag=_etag(blobs.get(name, b"")))

    def _get(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        blobs, _, name, query = self._place(handler)
        if blobs is None:
            return
        if query.get("comp") == "list":
            found = sorted(key for key in blobs if key.startswith(query.get("prefix", "")))
            after = int(query.get("marker") or 0)
            _answer(handler, 200, _list({key: blobs[key] for key in found}, after))
        elif name not in blobs:
            _answer(handler, 404, _error("BlobNotFound"))
        elif handler.headers.get("If-Match") not in {None, _etag(blobs[name])}:
            _answer(handler, 412, _error("ConditionNotMet"))
        else:
            content = blobs[name]
            asked = handler.headers.get("x-ms-range") or handler.headers.get("Range") or "bytes=0-"
            start, end = asked.removeprefix("bytes=").split("-")
            some = content[int(start) : int(end or len(content)) + 1]
            last = int(start) + len(some) - 1
            place = f"bytes {start}-{last}/{len(content)}"
            _answer(handler, 206, some, ETag=_etag(content), Content_Range=place)

    def _place(
        self, handler: http.server.BaseHTTPRequestHandler
    ) -> tuple[dict[str, bytes] | None, str, str, dict[str, str]]:
        """Return container and blob that a request is of; None where it is refused."""
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.queries.append(url.query)
        found = re.fullmatch(rf"/{ACCOUNT}/([^/]+)/?(.*)", url.path)
        container, name = (found[1], urllib.parse.unquote(found[2])) if found else ("", "")
        blobs = self.containers.get(container)
        if not ("sig" in query or "Authorization" in handler.headers):
            _answer(handler, 403, _error("AuthenticationFailed"))
            return None, container, name, query
        if blobs is None:
            _answer(handler, 404, _error("ContainerNotFound"))
        return blobs, container, name, query


@contextlib.contextmanager
def blob_service() -> Iterator[BlobService]:
    """Run a server for the length of a block."""
    service = BlobService()
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        yield service
    finally:
        service.stop()
        thread.join()


def _list(blobs: dict[str, bytes], after: int) -> bytes:
    """Return a page of two."""
    entries = "".join(
        f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{_MODIFIED}</Last-Modified>"
        f"<Content-Length>{len(content)}</Content-Length><Content-Type>x/y</Content-Type>"
        f"<Etag>{escape(_etag(content))}</Etag></Properties></Blob>"
        for name, content in list(blobs.items())[after : after + 2]
    )
    following = str(after + 2) if after + 2 < len(blobs) else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>'
        f"{entries}</Blobs><NextMarker>{following}</NextMarker></EnumerationResults>"
    ).encode()


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>x</Message></Error>".encode()


def _answer(
    handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes, **headers: str
) -> None:
    handler.send_response_only(status)
    all_headers = {"Last_Modified": _MODIFIED, "Content_Length": str(len(body)), **headers}
    for name, value in all_headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
