"""The service that a source reads from: streams in pages, one fault, and a record of both."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rivven_connect._catalog import Stream
from rivven_connect._json import JsonObject
from rivven_connect.testing.simulator._faults import PageFaults, WaitRequests
from rivven_connect.testing.simulator._messages import (
    Answer,
    SimulatedReply,
    SimulatedRequest,
    as_reply,
)
from rivven_connect.testing.simulator._paging import PagedStream, SimulatedPage, default_shape
from rivven_connect.testing.simulator._records import make_records

Shape = Callable[[SimulatedPage], Answer]


class StreamService:
    """Serves streams. A request belongs to the stream that a route, or a part of its path, names."""

    def __init__(
        self,
        streams: Sequence[Stream],
        *,
        pages: int,
        page_size: int,
        fault: str | None,
        waits: WaitRequests,
        routes: Sequence[tuple[str, str]] = (),
        shapes: dict[str, Shape] | None = None,
        records: dict[str, Sequence[JsonObject]] | None = None,
    ) -> None:
        self.unrouted: list[str] = []
        """Paths that were asked for and belong to no stream."""
        self.faults = PageFaults(fault, waits, pages=pages)
        self._routes = routes
        self._shapes = shapes or {}
        given = records or {}
        self.streams = {
            one.full_name(): PagedStream(
                one.full_name(),
                _recorded(given[one.full_name()]) if one.full_name() in given else _made(one),
                cursor=one.default_cursor_field,
                pages=pages,
                page_size=page_size,
                empty_page=fault == "empty_page",
            )
            for one in streams
        }

    def size(self) -> int:
        """Return how many records there are in all streams."""
        return sum(len(one.records()) for one in self.streams.values())

    def answer(self, request: SimulatedRequest, base_url: str) -> SimulatedReply:
        """Return what the service says to a request."""
        name = self._stream_of(request.path)
        if name is None:
            if request.method == "POST" and request.path.rstrip("/").endswith("token"):
                return self._token()
            self.unrouted.append(f"{request.method} {request.path}")
            return SimulatedReply({"error": "no stream of that name"}, 404)
        page = self.streams[name].page(request, base_url)
        if self.streams[name].runs_on:
            return SimulatedReply({"error": "there is no such page, and never will be"}, 404)
        shape = self._shapes.get(name) or self._shapes.get("") or default_shape
        reply = as_reply(shape(page))
        if page.next_url and "Link" not in reply.headers:
            headers = {**reply.headers, "Link": f'<{page.next_url}>; rel="next"'}
            reply = SimulatedReply(reply.body, reply.status, headers)
        return self.faults.strike(page, request, reply)

    def _token(self) -> SimulatedReply:
        """Answer as the token endpoint of OAuth 2.0 does (RFC 6749, 5.1)."""
        token = self.faults.issue_token()
        return SimulatedReply({"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def _stream_of(self, path: str) -> str | None:
        for pattern, stream in self._routes:
            if re.fullmatch(pattern, path):
                return stream
        names = {_plain(name): name for name in self.streams}
        names |= {_plain(name.rpartition(".")[2]): name for name in self.streams}
        for part in reversed(path.split("/")):
            stem = _plain(part.partition(".")[0])
            if found := names.get(stem):
                return found
        return None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _made(stream: Stream) -> Callable[[int], Sequence[JsonObject]]:
    return lambda count: make_records(stream, count)


def _recorded(records: Sequence[JsonObject]) -> Callable[[int], Sequence[JsonObject]]:
    return lambda count: records[:count]
