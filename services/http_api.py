"""A small API that pages in every usual way, in memory, on a loopback socket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiohttp import web

Record = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Asked:
    """One request, as the API got it; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


class HttpApi:
    """Serves the records of `streams`: `/PAGING/STREAM`, where PAGING says how.

    | paging   | parameters      | answer                                        |
    |----------|-----------------|-----------------------------------------------|
    | `all`    |                 | `[...]`                                       |
    | `pages`  | `page`, from 1  | `{"data": [...]}`, empty behind the last page |
    | `offset` | `offset`        | `{"data": [...]}`, likewise                   |
    | `cursor` | `cursor`        | `{"data": [...], "meta": {"next": TOKEN}}`    |
    | `link`   |                 | `[...]` and a `Link` header                   |
    | `next`   |                 | `{"items": [...], "next": URL}`               |

    Parameters are in the query, or of a POST in its JSON body. `since` leaves out the records whose
    `updated_at` is lower; what is left comes in its order, unless `is_ordered` is off.
    """

    def __init__(self) -> None:
        self.streams: dict[str, list[Record]] = {}
        self.page_size = 10
        self.is_ordered = True
        self.requests: list[Asked] = []
        self.allowed: Callable[[Asked], bool] = lambda _: True
        """Whether a request is let in; otherwise it gets 401."""
        self.intercept: Callable[[Asked], web.Response | None] = lambda _: None
        """Gives another answer instead."""
        self.url = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))

    def start(self) -> None:
        """Listen; returns when clients can connect."""
        self._thread.start()
        if not self._ready.wait(30):
            raise TimeoutError("the API did not start")

    def stop(self) -> None:
        """Close everything."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(
            request.method,
            request.path,
            dict(request.query),
            {name.lower(): value for name, value in request.headers.items()},
            await request.json()
            if request.content_type == "application/json"
            else await request.text(),
        )
        self.requests.append(asked)
        other = self.intercept(asked)
        if other is not None:
            return other
        if not self.allowed(asked):
            return web.json_response({"error": "who are you?"}, status=401)
        paging, _, stream = asked.path.strip("/").rpartition("/")
        if stream not in self.streams:
            return web.json_response({"error": f"no stream {stream}"}, status=404)
        given = asked.body if isinstance(asked.body, dict) else asked.query
        return self._page(paging.rpartition("/")[2], request, self._wanted(stream, given), given)

    def _wanted(self, stream: str, given: Mapping[str, Any]) -> list[Record]:
        records = self.streams[stream]
        if "since" in given:
            records = [one for one in records if str(one["updated_at"]) >= str(given["since"])]
        if self.is_ordered:
            records = sorted(records, key=lambda one: str(one.get("updated_at")))
        return records

    def _page(
        self, paging: str, request: web.Request, records: list[Record], given: Mapping[str, Any]
    ) -> web.Response:
        size = self.page_size
        match paging:
            case "pages":
                start = (int(given.get("page", 1)) - 1) * size
                return web.json_response({"data": records[start : start + size]})
            case "offset":
                start = int(given.get("offset", 0))
                return web.json_response({"data": records[start : start + size]})
            case "cursor":
                start = int(base64.b64decode(given.get("cursor", "MA==")))
                token = base64.b64encode(str(start + size).encode()).decode()
                more = token if start + size < len(records) else None
                found = {"data": records[start : start + size], "meta": {"next": more}}
                return web.json_response(found)
            case "link" | "next":
                start = int(request.query.get("at", 0))
                more = str(request.rel_url.update_query(at=str(start + size)))
                is_last = start + size >= len(records)
                page = records[start : start + size]
                if paging == "next":
                    return web.json_response({"items": page, "next": None if is_last else more})
                headers = {} if is_last else {"Link": f'</>; rel="first", <{more}>; rel="next"'}
                return web.json_response(page, headers=headers)
        return web.json_response(records)


@contextlib.contextmanager
def http_api() -> Iterator[HttpApi]:
    """Run an API for the length of a block."""
    api = HttpApi()
    api.start()
    try:
        yield api
    finally:
        api.stop()
