"""The services that a page's blocks need, and how the page knows them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from services.http_api import http_api
from services.object_store import ACCESS_KEY_ID, SECRET_ACCESS_KEY, object_store
from services.postgres import postgres_server
from services.webhook import webhook_receiver

_NEEDS = re.compile(r"^<!-- services: ([a-z_ ]+) -->$", re.MULTILINE)


@contextlib.contextmanager
def running_services(page: Path, folder: Path) -> Iterator[dict[str, str]]:
    """Start what the page says it needs; give the environment variables of its commands."""
    wanted = _NEEDS.search(page.read_text(encoding="utf-8"))
    with contextlib.ExitStack() as stack:
        variables: dict[str, str] = {}
        for name in wanted[1].split() if wanted else ():
            variables |= stack.enter_context(_SERVICES[name](folder))
        yield variables


@contextlib.contextmanager
def _postgres(_: Path) -> Iterator[dict[str, str]]:
    """`SHOP_DSN` and `REPLICA_DSN`: two empty databases of one server, and `PSQL`, the program."""
    with (
        postgres_server() as server,
        server.database("shop") as shop,
        server.database("replica") as replica,
    ):
        yield {"SHOP_DSN": shop, "REPLICA_DSN": replica, "PSQL": str(server.program("psql"))}


@contextlib.contextmanager
def _object_store(_: Path) -> Iterator[dict[str, str]]:
    """`S3_ENDPOINT` with the empty bucket `lake`, and credentials as AWS names them."""
    with object_store() as store:
        store.create_bucket("lake")
        yield {
            "S3_ENDPOINT": store.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        }


@contextlib.contextmanager
def _http_api(_: Path) -> Iterator[dict[str, str]]:
    """`API_URL` with streams `orders` and `customers`, and `API_TOKEN`, which it wants to see."""
    token = "token-of-the-documentation"
    with http_api() as api:
        api.allowed = lambda asked: asked.headers.get("authorization") == f"Bearer {token}"
        api.streams = {
            "orders": [
                {"id": number, "total": number * 5, "updated_at": f"2026-01-{number // 2 + 1:02d}"}
                for number in range(45)
            ],
            "customers": [{"id": number, "name": f"customer {number}"} for number in range(12)],
        }
        yield {"API_URL": api.url, "API_TOKEN": token}


@contextlib.contextmanager
def _webhook(folder: Path) -> Iterator[dict[str, str]]:
    """`HOOK_URL`, whose requests become lines of `requests.jsonl`; `HOOK_TOKEN` and `HOOK_SECRET`."""
    with webhook_receiver(folder / "requests.jsonl") as url:
        yield {
            "HOOK_URL": url,
            "HOOK_TOKEN": "not-a-real-token",
            "HOOK_SECRET": "not-a-real-secret",
        }


_SERVICES: Mapping[str, Callable[[Path], AbstractContextManager[dict[str, str]]]] = {
    "postgres": _postgres,
    "object_store": _object_store,
    "http_api": _http_api,
    "webhook": _webhook,
}
