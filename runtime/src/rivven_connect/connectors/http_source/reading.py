"""The pages of a stream, one asked for ahead of the one that is worked on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from rivven_connect import (
    ConnectorError,
    Json,
    JsonObject,
    Page,
    RetryConfig,
    RetryGuard,
    Rows,
)
from rivven_connect.connectors.http_source.document import Document
from rivven_connect.connectors.http_source.endpoints import Endpoint
from rivven_connect.connectors.http_source.paging import Paging
from rivven_connect.connectors.http_source.records import records_of, rows_of
from rivven_connect.http import HttpClient

_log = logging.getLogger("rivven_connect.read")


async def read_pages(
    client: HttpClient, endpoint: Endpoint, cursor: Json, retry: RetryConfig
) -> AsyncGenerator[Rows[JsonObject], None]:
    """Yield the records of a stream, page by page, from `cursor` on.

    The next page is asked for before this one is yielded. What is wrong with it, or with the way to
    it, is raised when this one has been taken.

    Raises:
        ConnectorError: a page cannot be had, after as many tries as `retry` says.
    """
    paging = Paging(endpoint, endpoint.asked(cursor))
    parameter = endpoint.cursor.parameter if endpoint.cursor and cursor is not None else None
    ahead = asyncio.create_task(_behind(None, client, paging, retry), name="http-page")
    try:
        while (page := await ahead) is not None:
            ahead = asyncio.create_task(_behind(page, client, paging, retry), name="http-page")
            await asyncio.sleep(0)  # the request leaves before the records are decoded
            for row in rows_of(page, endpoint):
                if parameter and isinstance(row, Page) and _begins_below(row, endpoint, cursor):
                    _log.warning(
                        "stream %s: the API gives records from before the cursor, and they come "
                        "again with each run: does it know the parameter %s?",
                        endpoint.name,
                        parameter,
                    )
                    parameter = None  # said once
                yield row
    finally:
        ahead.cancel()
        await asyncio.wait([ahead])
        if not ahead.cancelled():
            ahead.exception()  # taken note of: nobody waits for that page any more


def _begins_below(page: Page[JsonObject], endpoint: Endpoint, cursor: Json) -> bool:
    """Whether a record is from before the cursor, which the parameter should have kept away."""
    field = endpoint.cursor.field if endpoint.cursor else ""
    values: list[Any] = [one.get(field) for one in page.records]
    return any(type(one) is type(cursor) and one < cursor for one in values)


async def read_first(client: HttpClient, endpoint: Endpoint) -> None:
    """Ask for the first page of a stream, once, and look at its records.

    Raises:
        ConnectorError: it cannot be had, or holds no records.
    """
    page = await _fetch(client, Paging(endpoint, endpoint.asked(None)), RetryConfig.no_retry())
    records_of(page, endpoint)


async def _fetch(client: HttpClient, paging: Paging, retry: RetryConfig) -> Document:
    """Return the page that `paging` asks for; failures that may pass are waited out here.

    A stream without resume points would otherwise begin again for each of them. What was read
    before is written and committed meanwhile.
    """
    asked = paging.asked
    body = None if asked.body is None else msgspec.json.encode(asked.body)
    guard = RetryGuard(retry)
    while True:
        try:
            answer = await client.request(
                asked.method,
                asked.url,
                body=body,
                query=asked.query,
                headers=None if body is None else paging.endpoint.body_headers,
            )
            return Document(answer)
        except ConnectorError as error:
            if not guard.should_retry(error):
                raise
            wait_ms = guard.record_attempt(error)
            _log.warning("%s; trying again in %.1f s", error.message, wait_ms / 1000)
            await asyncio.sleep(wait_ms / 1000)


async def _behind(
    page: Document | None, client: HttpClient, paging: Paging, retry: RetryConfig
) -> Document | None:
    """Return the page behind `page`, the first one behind None; None at the end."""
    if page is not None and not paging.follow(page):
        return None
    return await _fetch(client, paging, retry)
