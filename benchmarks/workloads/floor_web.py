"""The floor of B-W2: a bare loop over the pages of an API. Run with a URL and a path."""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import orjson


async def main(url: str, path: str) -> None:
    """Write each record as one line."""
    dumps, loads = orjson.dumps, orjson.loads
    cursor: str | None = ""
    async with aiohttp.ClientSession() as session:
        with open(path, "wb", buffering=1 << 16) as file:  # noqa: ASYNC230  # it does nothing else
            write = file.write
            while cursor is not None:
                parameters = {"cursor": cursor} if cursor else {}
                async with session.get(url, params=parameters) as answer:
                    found = loads(await answer.read())
                for record in found["data"]:
                    write(dumps(record, option=orjson.OPT_APPEND_NEWLINE))
                cursor = found["next"]


asyncio.run(main(sys.argv[1], sys.argv[2]))
