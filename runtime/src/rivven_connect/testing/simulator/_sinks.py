"""The service that a sink writes to: it takes records, or refuses them as it is told."""

from __future__ import annotations

import json
import math
import urllib.parse
from collections.abc import Sequence
from typing import Literal

from rivven_connect._json import Json, JsonObject
from rivven_connect.testing.simulator._faults import WaitRequests
from rivven_connect.testing.simulator._messages import SimulatedReply, SimulatedRequest

Expected = Literal["retried", "dead_letter", "failed"]


class RecordService:
    """Knows records again in whatever body they come, by a text that each alone has.

    `retried`: the first request with records is refused. `dead_letter`: each request with the
    second record in it. `failed`: each request with any record.
    """

    def __init__(
        self,
        records: Sequence[JsonObject],
        *,
        status: int,
        retry_after_s: float | None,
        expected: Expected,
        waits: WaitRequests,
    ) -> None:
        self.marks = [mark_of(record, records) for record in records]
        """By record: the text that no other record has."""
        self.taken: set[int] = set()
        """Which records came in a request that was accepted."""
        self.refusals = 0
        self.bad = min(1, len(records) - 1)
        """Which record is refused where one goes to the dead letters."""
        self._expected = expected
        self._waits = waits
        self._status = status
        self._wait_s = None if retry_after_s is None else math.ceil(retry_after_s)

    def answer(self, request: SimulatedRequest, base_url: str) -> SimulatedReply:
        """Return what the service says to a request."""
        if request.method == "POST" and request.path.rstrip("/").endswith("token"):
            return SimulatedReply({"access_token": "simulated-token", "token_type": "Bearer"})
        text = urllib.parse.unquote_plus(f"{request.target}\n{request.text()}")
        held = {
            index
            for index, mark in enumerate(self.marks)
            if mark in text or json.dumps(mark)[1:-1] in text
        }
        if not held:
            return SimulatedReply({})
        self._waits.came("the service")
        if self._refuses(held):
            self.refusals += 1
            return self._refusal()
        self.taken |= held
        return SimulatedReply({})

    def _refuses(self, held: set[int]) -> bool:
        if self._expected == "dead_letter":
            return self.bad in held
        return self._expected == "failed" or self.refusals == 0

    def _refusal(self) -> SimulatedReply:
        if self._wait_s is None:
            return SimulatedReply({"error": "refused"}, self._status)
        self._waits.ask("the service", self._wait_s)
        headers = {"Retry-After": str(self._wait_s)}
        return SimulatedReply({"error": "refused"}, self._status, headers)


def mark_of(record: JsonObject, records: Sequence[JsonObject]) -> str:
    """Return a text of the record that stands in no other one.

    Raises:
        LookupError: it has none.
    """
    others = [text for one in records if one is not record for text in _texts(one)]
    for text in sorted(_texts(record), key=len, reverse=True):
        if text and not any(text in other for other in others):
            return text
    raise LookupError(
        "a record of simulator.sample (tests/conftest.py) has no text that no other one has"
    )


def _texts(value: Json) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _texts(one)]
