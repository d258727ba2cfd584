"""A source of the usual form, a hook with an ascending cursor, whose records are all of one time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rivven_connect._catalog import SyncMode
from rivven_connect._json import JsonObject
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorSpec, GeneratedSpec
from rivven_connect._streams import StreamSet, StreamSpec
from rivven_connect.config import Integer, SourceConfig


class TiedConfig(SourceConfig):
    """How many records, and how many the hook yields at once."""

    total: Integer = 1000
    page: Integer = 10


class TiedSpec(GeneratedSpec):
    """What a manifest would have generated."""

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(connector_type="tied", version="1.0.0")

    @classmethod
    def catalog_schemas(cls) -> dict[str, JsonObject]:
        return {}


class TiedStreams(StreamSet):
    """One stream."""

    s0 = StreamSpec[JsonObject](
        name="s0",
        hook="read_s0",
        primary_key=(("id",),),
        cursor="t",
        cursor_order="ascending",
        sync_modes=(SyncMode.INCREMENTAL, SyncMode.FULL_REFRESH),
    )


class Tied(Source[TiedConfig]):
    """Every record has the same cursor."""

    config_type = TiedConfig
    spec_type = TiedSpec
    streams: ClassVar[TiedStreams] = TiedStreams()

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return TiedSpec.spec()

    def read_s0(self, config: TiedConfig, cursor: int | None) -> Iterator[list[JsonObject]]:
        """Yield all: each record is at the cursor."""
        for first in range(0, config.total, config.page):
            last = min(first + config.page, config.total)
            yield [{"k": f"s0-{n}", "id": n, "t": 7} for n in range(first, last)]
