"""The floor of B-W3: a bare client that posts orders. Run with a count, a batch, requests at once, a URL."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import aiohttp
import orjson
from orders import order

_HEADERS = {"Content-Type": "application/json"}


async def main(count: int, batch: int, at_once: int, url: str) -> None:
    """Post the orders."""
    starts = iter(range(0, count, batch))
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def work(starts: Iterator[int]) -> None:
            for start in starts:
                body = orjson.dumps([order(n) for n in range(start, min(start + batch, count))])
                async with session.post(url, data=body, headers=_HEADERS) as answer:
                    await answer.read()
                    answer.raise_for_status()

        await asyncio.gather(*(work(starts) for _ in range(at_once)))


_count, _batch, _at_once = map(int, sys.argv[1:4])
asyncio.run(main(_count, _batch, _at_once, sys.argv[4]))
