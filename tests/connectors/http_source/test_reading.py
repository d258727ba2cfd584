"""One page ahead, failures that pass, and what is committed meanwhile."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections import Counter
from typing import Any

import pytest
from aiohttp import web

from rivven_connect import ConnectorError, RetryConfig
from rivven_connect.connectors.http_source._generated import HttpSourceConfig
from rivven_connect.connectors.http_source.access import open_client
from rivven_connect.connectors.http_source.endpoints import endpoints_of
from rivven_connect.connectors.http_source.reading import read_pages
from services.http_api import Asked, HttpApi

WAIT_S = 20.0


def config_of(api: HttpApi, **values: Any) -> HttpSourceConfig:
    given = {
        "url": f"{api.url}/pages/orders",
        "pagination": {"type": "page"},
        "records": "/data",
        "primary_key": ["id"],
        "retry_count": 0,
    }
    return HttpSourceConfig.parse({**given, **values})


async def until(condition: Any) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110  # another thread makes it true
            await asyncio.sleep(0.005)


class Pages:
    """The pages of the one stream, pulled by hand."""

    def __init__(self, config: HttpSourceConfig, **retry: Any) -> None:
        self._config = config
        self._retry = RetryConfig(**{"max_retries": 0, "initial_backoff_ms": 1, **retry})

    async def __aenter__(self) -> Any:
        self._client = await open_client(self._config)
        endpoint = endpoints_of(self._config)[0]
        self._pages = read_pages(self._client, endpoint, None, self._retry)
        return self._pages

    async def __aexit__(self, *_: object) -> None:
        await self._pages.aclose()
        await self._client.close()


async def test_exactly_one_page_is_asked_for_ahead(api: HttpApi) -> None:
    async with Pages(config_of(api)) as pages:
        for number in (2, 3, 4):
            await anext(pages)
            await until(lambda: len(api.requests) == number)  # noqa: B023  # within this turn
            await asyncio.sleep(0.02)
            assert len(api.requests) == number, "and no further one"


async def test_the_next_page_is_under_way_before_this_one_is_handed_over(api: HttpApi) -> None:
    answered = threading.Event()
    api.intercept = lambda asked: answered.set() if asked.query["page"] == "2" else None
    async with Pages(config_of(api)) as pages:
        await anext(pages)
        await until(answered.is_set)


async def test_a_page_that_fails_ahead_says_so_behind_the_one_before(api: HttpApi) -> None:
    api.intercept = lambda asked: web.Response(status=500) if asked.query["page"] == "2" else None
    async with Pages(config_of(api)) as pages:
        first = await anext(pages)
        await until(lambda: len(api.requests) == 2)
        await asyncio.sleep(0.02)  # the failure has arrived by now, mostly
        assert [row["id"] for row in first.records] == list(range(10))
        with pytest.raises(ConnectorError, match="HTTP 500"):
            await anext(pages)


@pytest.mark.parametrize("pulled", [0, 1, 3])
async def test_left_alone_it_leaves_no_task_and_no_complaint(
    api: HttpApi, pulled: int, caplog: pytest.LogCaptureFixture
) -> None:
    held = threading.Event()
    api.intercept = lambda _: web.Response(status=500) if held.is_set() else None
    async with Pages(config_of(api)) as pages:
        for _ in range(pulled):
            await anext(pages)
        held.set()
        await asyncio.sleep(0.02)
    gc.collect()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert "never retrieved" not in caplog.text


async def test_closed_while_the_page_ahead_waits_it_ends_at_once(api: HttpApi) -> None:
    api.intercept = failing(9, "2", 503, **{"Retry-After": "100"})
    async with asyncio.timeout(WAIT_S):
        async with Pages(config_of(api), max_retries=5) as pages:
            await anext(pages)
            await until(lambda: len(api.requests) == 2)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_cancelled_while_it_waits_it_ends_at_once(api: HttpApi) -> None:
    config = config_of(api)

    async def consume() -> None:
        async with Pages(config, max_retries=5, initial_backoff_ms=60_000) as pages:
            await anext(pages)

    api.intercept = lambda _: web.Response(status=503, headers={"Retry-After": "100"})
    task = asyncio.create_task(consume())
    await until(lambda: api.requests)
    await asyncio.sleep(0.02)
    task.cancel()
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert asyncio.all_tasks() == {asyncio.current_task()}


def failing(times: int, page: str, status: int = 429, **headers: str) -> Any:
    """Let the first requests for a page fail."""
    left = [times]

    def intercept(asked: Asked) -> web.Response | None:
        if asked.query.get("page") == page and left[0]:
            left[0] -= 1
            return web.Response(status=status, headers=headers)
        return None

    return intercept


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_what_passes_is_waited_out_at_the_page(
    api: HttpApi, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    api.intercept = failing(2, "3", status)
    with caplog.at_level(logging.WARNING):
        async with Pages(config_of(api), max_retries=2) as pages:
            found = [row["id"] async for page in pages for row in page.records]
    assert found == list(range(47))
    assert Counter(one.query["page"] for one in api.requests)["3"] == 3
    assert Counter(one.query["page"] for one in api.requests)["1"] == 1
    assert caplog.text.count("trying again") == 2


async def test_the_wait_that_is_asked_for_is_kept_and_bounded(
    api: HttpApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.intercept = failing(1, "2", 429, **{"Retry-After": "3600"})
    with caplog.at_level(logging.WARNING):
        async with Pages(config_of(api), max_retries=1, max_retry_after_ms=50) as pages:
            assert len([page async for page in pages]) == 5
    assert "trying again in 0.1 s" in caplog.text or "trying again in 0.0 s" in caplog.text
