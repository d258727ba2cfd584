"""Web servers of a small shop: a JSON API that is read, and a webhook that takes what is posted."""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PAGE = 50
_MINUTES_A_DAY = 24 * 60


class ShopApi:
    """Its orders, and how to reach it: `GET /orders?updated_since=...&cursor=...`, `GET /customers`.

    An answer is `{"data": [...], "next": "cursor of the next page, or null"}`.
    """

    token = "shop-api-token-of-no-value"

    def __init__(self, url: str) -> None:
        self.url = url
        self.orders: dict[int, dict[str, Any]] = {}
        self.requests: list[str] = []
        self._clock = 0

    def place_orders(self, number: int) -> None:
        """Add orders, each a minute after the one before, and pairs in the same minute."""
        for _ in range(number):
            order_id = len(self.orders) + 1
            self._clock += order_id % 2
            self.orders[order_id] = {
                "id": order_id,
                "customer": f"customer-{order_id % 7}",
                "status": "placed",
                "total": f"{order_id * 2.5:.2f}",
                "items": [{"sku": f"sku-{order_id % 11}", "quantity": 1 + order_id % 3}],
                "updated_at": self._now(),
            }

    def ship(self, order_id: int) -> None:
        """Change an order."""
        self._clock += 1
        self.orders[order_id] |= {"status": "shipped", "updated_at": self._now()}

    def page(self, target: str) -> dict[str, Any]:
        """Return the answer to a request."""
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))
        since, start = query.get("updated_since", ""), int(query.get("cursor", "0"))
        found = sorted(
            (one for one in self.orders.values() if one["updated_at"] >= since),
            key=lambda one: (one["updated_at"], one["id"]),
        )
        following = start + _PAGE
        return {
            "data": found[start:following],
            "next": str(following) if following < len(found) else None,
        }

    def _now(self) -> str:
        day, minute = divmod(self._clock, _MINUTES_A_DAY)
        return f"2026-01-{day + 1:02}T{minute // 60:02}:{minute % 60:02}:00Z"


@contextlib.contextmanager
def shop_api() -> Iterator[ShopApi]:
    """Serve the API for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            api.requests.append(self.path)
            if self.headers.get("Authorization") != f"Bearer {api.token}":
                self._answer(401, {"error": "a token is needed"})
            elif urllib.parse.urlsplit(self.path).path == "/orders":
                self._answer(200, api.page(self.path))
            else:
                self._answer(404, {"error": "no such thing"})

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as inherited
            pass

        def _answer(self, status: int, value: dict[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with _serving(Handler) as url:
        api = ShopApi(url)
        yield api


class Receiver:
    """What was posted to a webhook."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []

    @property
    def records(self) -> list[Any]:
        """Every record of every request."""
        return [record for body in self.bodies for record in json.loads(body)]


@contextlib.contextmanager
def webhook_receiver() -> Iterator[Receiver]:
    """Take what is posted, for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.headers.append({name.lower(): text for name, text in self.headers.items()})
            receiver.bodies.append(body)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as inherited
            pass

    with _serving(Handler) as url:
        receiver = Receiver(f"{url}/in")
        yield receiver


@contextlib.contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
