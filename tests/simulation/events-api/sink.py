"""The events-api sink: one request a record, with the standard library alone."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator

from events_api._generated import EventsApiBase, EventsApiConfig

from rivven_connect import ConnectorError, SourceEvent, WriteResult


class EventsApi(EventsApiBase):
    """Posts to one URL."""

    async def write(
        self, config: EventsApiConfig, events: AsyncIterator[SourceEvent]
    ) -> WriteResult:
        """Post each event, and say what became of it."""
        result = WriteResult()
        async for event in events:
            status, wait = await asyncio.to_thread(_post, config.endpoint, event)
            if status < 300:
                result.add_success(1)
            elif status == 422:
                result.add_failed_event(event, "HTTP 422")
            elif status == 429:
                raise ConnectorError.rate_limited("HTTP 429", retry_after=wait)
            elif status >= 500:
                raise ConnectorError.transient(f"HTTP {status}")
            else:
                raise ConnectorError.auth(f"HTTP {status}")
        return result


def _post(url: str, event: SourceEvent) -> tuple[int, float | None]:
    """Return the status, and how long to wait."""
    request = urllib.request.Request(url, json.dumps(event.data).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, None
    except urllib.error.HTTPError as refusal:
        with refusal:
            wait = refusal.headers.get("Retry-After")
            return refusal.code, float(wait) if wait else None
