"""The http-webhook sink: one request a batch, and no doubt counted as success.

At least once: where the answer stays out, the receiver may have the records, and gets them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from rivven_connect import (
    ConnectorError,
    RecordError,
    RetryableError,
    RetryConfig,
    RetryGuard,
    SourceEvent,
    WriteResult,
)
from rivven_connect.connectors.http_webhook_sink._generated import (
    HttpWebhookSinkBase,
    HttpWebhookSinkConfig,
)
from rivven_connect.connectors.http_webhook_sink.payload import encode_record, idempotency_key
from rivven_connect.http import Headers, HttpClient, HttpLimits, api_key, basic, bearer

_QUICK_RETRIES: Final = RetryConfig(initial_backoff_ms=100, max_backoff_ms=1000)
_REACHED: Final = frozenset({*range(200, 300), 405, 501})
"""Answers to a HEAD that come from the endpoint; many take no HEAD."""

_UNENCODABLE = (TypeError, ValueError, RecursionError)
"""What the encoder raises for a record that is not JSON."""


class HttpWebhookSink(HttpWebhookSinkBase):
    """Posts batches to one URL."""

    _client: HttpClient | None = None

    async def open(self, config: HttpWebhookSinkConfig) -> None:
        """Make the client; nothing is connected yet."""
        self._client = HttpClient(
            config.url,
            headers={"Content-Type": "application/json", **config.headers},
            auth=_credentials(config),
            limits=HttpLimits(
                connect_timeout_ms=config.timeout_ms,
                read_timeout_ms=config.timeout_ms,
                total_timeout_ms=config.timeout_ms,
            ),
            verify_tls=config.verify_tls,
            ca_file=config.ca_file,
        )

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def check_endpoint_reachable(self, config: HttpWebhookSinkConfig) -> None:
        """Return if the URL answers a HEAD request, or says that it takes none."""
        await self._require_client().request("HEAD", accept=_REACHED, wants_body=False)

    async def write_batch(
        self, config: HttpWebhookSinkConfig, events: Sequence[SourceEvent]
    ) -> WriteResult:
        """Post the events, at most `batch_size` in one request.

        Raises:
            RetryableError: nobody knows whether the receiver has them, or it has not.
            RecordError: the receiver refuses a request of several; each is to be sent alone.
            FatalError: it refuses every request.
        """
        result = WriteResult()
        encoded: list[tuple[SourceEvent, bytes]] = []
        for event in events:
            try:
                record = encode_record(event, envelope=config.include_metadata)
            except _UNENCODABLE as error:
                result.add_failed_event(event, f"the record cannot be written as JSON: {error}")
            else:
                encoded.append((event, record))
        for start in range(0, len(encoded), config.batch_size):
            await self._post(config, encoded[start : start + config.batch_size], result)
        return result

    async def _post(
        self,
        config: HttpWebhookSinkConfig,
        encoded: Sequence[tuple[SourceEvent, bytes]],
        result: WriteResult,
    ) -> None:
        """Post one request, and say in `result` what became of its events."""
        events = [event for event, _ in encoded]
        records = [record for _, record in encoded]
        body = records[0] if config.batch_size == 1 else b"[" + b",".join(records) + b"]"
        headers = {}
        if config.idempotency_header and (key := idempotency_key(events)):
            headers[config.idempotency_header] = key
        try:
            await self._send(config, body, headers)
        except RecordError as error:
            if len(events) > 1:
                raise
            result.add_failed_event(events[0], error.message)
        else:
            result.add_success(len(events), len(body))

    async def _send(self, config: HttpWebhookSinkConfig, body: bytes, headers: Headers) -> None:
        client = self._require_client()
        guard = RetryGuard(_QUICK_RETRIES.replace(max_retries=config.retry_count))
        while True:
            try:
                await client.request(config.method, body=body, headers=headers, wants_body=False)
            except RetryableError as error:
                if error.retry_after or not guard.should_retry(error):
                    raise
                await asyncio.sleep(guard.record_attempt(error) / 1000)
            else:
                return

    def _require_client(self) -> HttpClient:
        if self._client is None:
            raise ConnectorError.internal("the sink is not open")
        return self._client


def _credentials(config: HttpWebhookSinkConfig) -> Headers:
    auth = config.auth
    if auth is None:
        return {}
    if auth.type == "bearer":
        return bearer(auth.token)
    if auth.type == "basic":
        return basic(auth.username, auth.password)
    return api_key(auth.key, header=auth.header_name)
