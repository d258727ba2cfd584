"""A reading that is closed early closes everything below it before the source itself closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar

from rivven_connect._adapters import close_iterator, opened
from rivven_connect._catalog import Catalog, ConfiguredCatalog, Stream
from rivven_connect._source import Source
from rivven_connect._streams import StreamSet, StreamSpec
from rivven_connect.testing import MockConfig


class Streams(StreamSet):
    rows: ClassVar[StreamSpec[Any]] = StreamSpec(name="rows", hook="read_rows")


class Client(Source[MockConfig]):
    config_type = MockConfig
    streams = Streams()

    def __init__(self) -> None:
        self.order: list[str] = []

    async def read_rows(self, config: MockConfig, cursor: None) -> AsyncIterator[dict[str, int]]:
        try:
            while True:
                await asyncio.sleep(0)
                yield {"id": 1}
        finally:
            self.order.append("hook")

    async def close(self) -> None:
        self.order.append("source")


def test_a_hook_is_closed_before_its_source() -> None:
    """The garbage collector would close an abandoned hook after the client that it reads from."""

    async def scenario() -> list[str]:
        source = Client()
        catalog = ConfiguredCatalog.from_catalog(Catalog([Stream(name="rows")]))
        async with opened(source, MockConfig()):
            items = source.read(MockConfig(), catalog, None)
            await anext(items)
            await close_iterator(items)
        return source.order

    assert asyncio.run(scenario()) == ["hook", "source"]
