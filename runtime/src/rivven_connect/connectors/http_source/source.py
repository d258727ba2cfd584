"""The http source: JSON of an API, one stream after the other, each page by page.

A stream with an ascending cursor has a resume point behind each page. No other has one inside a
pass: a page's number, offset, token or link means something to the API at that moment, and after a
crash it may lead past records that have moved, or nowhere. Such a stream is read again from its
start.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from rivven_connect import (
    Catalog,
    ConfiguredStream,
    ConnectorError,
    Json,
    JsonObject,
    RetryConfig,
    Rows,
    Source,
    SyncMode,
)
from rivven_connect.connectors.http_source._generated import HttpSourceBase, HttpSourceConfig
from rivven_connect.connectors.http_source.access import open_client
from rivven_connect.connectors.http_source.endpoints import endpoints_of
from rivven_connect.connectors.http_source.reading import read_first, read_pages
from rivven_connect.http import HttpClient

_RETRY = RetryConfig(initial_backoff_ms=200)


class HttpSource(HttpSourceBase):
    """Reads the streams that its config describes, by the runtime's rules of cursors and ends."""

    _client: HttpClient | None = None

    read = Source.read

    async def open(self, config: HttpSourceConfig) -> None:
        """Make the client; nothing is connected yet."""
        self._client = await open_client(config)

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def check_streams_readable(self, config: HttpSourceConfig) -> None:
        """Return if the first page of each stream can be had and holds records."""
        for endpoint in endpoints_of(config):
            await read_first(self._require_client(), endpoint)

    async def discover(self, config: HttpSourceConfig) -> Catalog:
        """Return the streams of the config; nothing is asked for."""
        return Catalog([one.spec().stream(one.schema) for one in endpoints_of(config)])

    def poll_interval_ms(self, config: HttpSourceConfig) -> float | None:
        """Return the config's interval."""
        return config.poll_interval_ms

    def read_discovered(
        self, config: HttpSourceConfig, chosen: ConfiguredStream, cursor: Json
    ) -> AsyncIterator[Rows[JsonObject]]:
        """Yield the records of one stream; incremental, those changed at or after `cursor`."""
        name = chosen.stream.name
        endpoint = next((one for one in endpoints_of(config) if one.name == name), None)
        if endpoint is None:
            raise ConnectorError.configuration(f"the config describes no stream {name!r}")
        retry = _RETRY.replace(
            max_retries=config.retry_count, max_retry_after_ms=config.max_retry_after_ms
        )
        begin = cursor if chosen.sync_mode is SyncMode.INCREMENTAL else None
        return read_pages(self._require_client(), endpoint, begin, retry)

    def _require_client(self) -> HttpClient:
        if self._client is None:
            raise ConnectorError.internal("the source is not open")
        return self._client
