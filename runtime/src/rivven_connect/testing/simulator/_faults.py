"""What goes wrong in a simulated service, and whether the connector was patient about it.

Each fault strikes the second page of a stream (the first, where there is one page only), once. What
stands behind it is then given as if nothing had happened.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from rivven_connect.testing.simulator._messages import SimulatedReply, SimulatedRequest
from rivven_connect.testing.simulator._paging import SimulatedPage

RETRY_AFTER_S = 1
"""What a rate limit asks to wait: a whole number, as RFC 9110, 10.2.3 has it, and a short one."""

_TOLERANCE_S = 0.05
"""Clocks are read in two threads."""

_REPLIES: Mapping[str, SimulatedReply] = {
    "rate_limited": SimulatedReply(
        {"error": "too many requests"}, 429, {"Retry-After": str(RETRY_AFTER_S)}
    ),
    "server_error": SimulatedReply({"error": "unavailable"}, 503),
    "timeout": SimulatedReply(silent=True),
    "expired_auth": SimulatedReply({"error": "the token has expired"}, 401),
}

FAULTS = (*_REPLIES, "malformed_body", "empty_page")


class VirtualClock:
    """Seconds that pass by themselves, and at once where nobody needs to wait for them.

    What the runner would sleep is added here; a connector that sleeps by itself really does.
    """

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic() + self._ahead

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` be over."""
        self._ahead += seconds


class WaitRequests:
    """Who was asked to wait, and who came back too early."""

    def __init__(self, clock: VirtualClock) -> None:
        self.early: list[str] = []
        """What was wrong, in words."""
        self._clock = clock
        self._asked: dict[str, tuple[float, float]] = {}

    def ask(self, name: str, seconds: float) -> None:
        """Note that `name` was just asked to stay away for `seconds`."""
        self._asked[name] = (self._clock.now(), seconds)

    def came(self, name: str) -> None:
        """Note that `name` is back."""
        since, seconds = self._asked.pop(name, (0.0, 0.0))
        waited = self._clock.now() - since
        if waited < seconds - _TOLERANCE_S:
            self.early.append(
                f"{name}: asked to wait {seconds:g} s by Retry-After, the connector came back after "
                f"{waited:.2f} s"
            )


class PageFaults:
    """Lets one fault strike each stream once."""

    def __init__(self, fault: str | None, waits: WaitRequests, *, pages: int) -> None:
        self.struck: dict[str, SimulatedPage] = {}
        """By stream: the page that was asked for when the fault struck."""
        self._fault = fault
        self._waits = waits
        self._page = min(2, max(1, pages))
        self._expired: set[str] = set()
        self._issued: set[str] = set()

    def issue_token(self) -> str:
        """Return a fresh access token; one that has expired stays so."""
        token = f"simulated-token-{len(self._issued) + 1}"
        self._issued.add(token)
        return token

    def strike(
        self, page: SimulatedPage, request: SimulatedRequest, reply: SimulatedReply
    ) -> SimulatedReply:
        """Return what becomes of the reply with a page."""
        stream = page.stream
        self._waits.came(stream)
        credentials = {value for value in self._shown(request) if value in self._expired}
        if credentials:
            return _REPLIES["expired_auth"]
        if self._fault in (None, "empty_page") or stream in self.struck:
            return reply
        if page.number != self._page:
            return reply
        self.struck[stream] = page
        if self._fault == "malformed_body":
            return malformed(reply)
        if self._fault == "rate_limited":
            self._waits.ask(stream, RETRY_AFTER_S)
        if self._fault == "expired_auth":
            self._expired |= self._shown(request) & self._issued
        return _REPLIES[str(self._fault)]

    def _shown(self, request: SimulatedRequest) -> set[str]:
        """Return the access tokens of ours that a request shows."""
        texts = [*request.headers.values(), *request.query.values()]
        return {token for token in self._issued for text in texts if token == text.split(" ")[-1]}


def malformed(reply: SimulatedReply) -> SimulatedReply:
    """Return the reply with a body that breaks off, or one of another kind if that might not show."""
    content = reply.content()
    is_json = content[:1] in (b"{", b"[")
    broken = content[: max(1, len(content) // 2)] if is_json else b"\xff\xfe<html>not what you want"
    headers = {"Content-Type": reply.content_type(), **reply.headers}
    return SimulatedReply(broken, reply.status, headers)
