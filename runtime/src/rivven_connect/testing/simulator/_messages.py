"""What a simulated service gets and gives."""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Mapping
from typing import Any, TypeAlias

from rivven_connect._json import Json, JsonObject


class CannotSimulate(Exception):
    """The simulator does not know enough to stand in; the message says what to tell it."""


_UNPACK = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRequest:
    """One request of the connector under test; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = dataclasses.field(default=b"", repr=False)
    target: str = ""
    """Path and query, as sent."""

    def text(self) -> str:
        """Return the body as text, unpacked where it came packed."""
        packing = _UNPACK.get(self.headers.get("content-encoding", ""))
        raw = self.body if packing is None else zlib.decompress(self.body, packing)
        return raw.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.text())

    def parameters(self) -> dict[str, str]:
        """Return the query, and the plain values of a JSON body: some services search by POST."""
        found: dict[str, str] = {}
        if self.body:
            try:
                body = self.json()
            except (ValueError, zlib.error):
                body = None
            if isinstance(body, dict):
                found = {k: str(v) for k, v in body.items() if isinstance(v, str | int | float)}
        return {**found, **self.query}


@dataclasses.dataclass(frozen=True, slots=True)
class SimulatedReply:
    """One answer. A `body` that is no text or bytes is sent as JSON."""

    body: Json | bytes = b""
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    silent: bool = False
    """The request is read, and nothing is ever answered."""

    def content(self) -> bytes:
        """Return the body as it is sent."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    def content_type(self) -> str:
        """Return the type of the body, where the headers do not name it."""
        return "text/plain" if isinstance(self.body, str | bytes) else "application/json"


Answer: TypeAlias = SimulatedReply | JsonObject | list[Any] | str | bytes
"""A reply, or only its body."""


def as_reply(answer: Answer) -> SimulatedReply:
    """Return the answer as a reply."""
    return answer if isinstance(answer, SimulatedReply) else SimulatedReply(answer)
