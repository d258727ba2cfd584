"""One request, made ready and sent: packed, signed, paced, and tried again."""

from __future__ import annotations

import asyncio
import gzip
import hmac
import time
from collections.abc import Awaitable, Callable
from typing import Final

from rivven_connect import (
    ConnectorError,
    RateLimitConfig,
    RateLimiter,
    RetryableError,
    RetryConfig,
    RetryGuard,
)
from rivven_connect.connectors.http_webhook_sink._generated import HttpWebhookSinkConfig
from rivven_connect.connectors.http_webhook_sink._generated.config import Signing
from rivven_connect.connectors.http_webhook_sink.urls import UrlTemplate
from rivven_connect.http import Headers, HttpClient, HttpLimits, api_key, basic, bearer
from rivven_connect.http._message import merged_headers

LONGEST_WAIT_MS: Final = 60_000
"""Of a request that is tried again here; who asks for more is asking the pipeline."""
_JITTER: Final = 0.25
_COMPRESSION_LEVEL: Final = 6
_REACHED: Final = frozenset({*range(200, 300), 405, 501})
"""Answers to a HEAD that come from the endpoint; many take no HEAD."""
_FOLDER_REACHED: Final = _REACHED | {400, 404, 410}
"""The same where nobody but its children has to be there."""


class Sender:
    """Sends what one config wants sent."""

    def __init__(
        self,
        config: HttpWebhookSinkConfig,
        template: UrlTemplate,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        _require_apart(config)
        self._sleep = sleep
        self._config = config
        self._template = template
        self._retries = _retries(config)
        self._limiter = RateLimiter(
            RateLimitConfig(events_per_second=config.rate_limit_rps, burst=1)
        )
        self._client = HttpClient(
            template.sample,
            headers={"Content-Type": config.content_type, **config.headers},
            auth=_credentials(config),
            limits=HttpLimits(
                connect_timeout_ms=config.timeout_ms,
                read_timeout_ms=config.timeout_ms,
                total_timeout_ms=config.timeout_ms,
                max_connections=config.max_concurrency + 1,
                keepalive_ms=config.keepalive_ms,
            ),
            verify_tls=config.verify_tls,
            ca_file=config.ca_file,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def check(self) -> None:
        """Return if the endpoint answers a HEAD request, or says that it takes none.

        Raises:
            ConnectorError: it does not.
        """
        url = self._config.health_check_url or self._template.fixed
        is_itself = self._config.health_check_url is not None or not self._template.names
        accepted = _REACHED if is_itself else _FOLDER_REACHED
        await self._client.request("HEAD", url, accept=accepted, wants_body=False)

    async def send(self, url: str, body: bytes, headers: Headers) -> int:
        """Send a body, as often as may be; return how many bytes it took.

        Args:
            url: where to; empty for the one URL of the config.
            body: before it is packed.
            headers: in addition to those of all requests.

        Raises:
            ConnectorError: it is not known to have arrived.
        """
        config = self._config
        if config.compression_threshold_bytes:
            packed = await _packed(body, config.compression_threshold_bytes)
            if packed is not None:
                body, headers = packed, {**headers, "Content-Encoding": "gzip"}
        guard = RetryGuard(self._retries)
        while True:
            if config.rate_limit_rps:
                await self._limiter.acquire()
            if config.signing is not None:
                headers = {**headers, **signature(config.signing, body)}
            try:
                await self._client.request(
                    config.method, url, body=body, headers=headers, wants_body=False
                )
            except RetryableError as error:
                if (error.retry_after or 0) * 1000 > LONGEST_WAIT_MS:
                    raise
                if not guard.should_retry(error):
                    raise
                await self._sleep(guard.record_attempt(error) / 1000)
            else:
                return len(body)


def signature(
    signing: Signing, body: bytes, *, clock: Callable[[], float] = time.time
) -> dict[str, str]:
    """Return the headers that prove a body: when it was sent, and by whom.

    The HMAC-SHA256 is of the Unix time in seconds, a full stop and the body as it is sent, so that
    a receiver checks it before it unpacks anything.
    """
    now = str(int(clock()))
    secret = signing.secret.reveal().encode()
    digest = hmac.digest(secret, b"%b.%b" % (now.encode(), body), "sha256")
    return {signing.timestamp_header: now, signing.header: f"sha256={digest.hex()}"}


async def _packed(body: bytes, threshold: int) -> bytes | None:
    """Return the body as gzip, if it is large enough and becomes smaller."""
    if len(body) < threshold:
        return None
    found = await asyncio.to_thread(gzip.compress, body, _COMPRESSION_LEVEL, mtime=0)
    return found if len(found) < len(body) else None


def _retries(config: HttpWebhookSinkConfig) -> RetryConfig:
    """Return `retry_backoff_ms` x 2^n and up to a quarter more, as a middle and what it varies by."""
    middle = 1 + _JITTER / 2
    return RetryConfig(
        max_retries=config.retry_count,
        initial_backoff_ms=round(config.retry_backoff_ms * middle),
        max_backoff_ms=LONGEST_WAIT_MS,
        jitter=1 - 1 / middle,
        max_retry_after_ms=LONGEST_WAIT_MS,
    )


def _require_apart(config: HttpWebhookSinkConfig) -> None:
    """Return if no header that a request is given replaces another one.

    Raises:
        ConnectorError: one does, or says how the message itself travels.
    """
    signing = config.signing
    added = [signing.header, signing.timestamp_header] if signing is not None else []
    if config.idempotency_header is not None:
        added.append(config.idempotency_header)
    merged_headers(dict.fromkeys(added, ""))
    taken = {"content-type", "content-encoding"}
    taken.update(name.lower() for name in (*config.headers, *_credentials(config)))
    for name in added:
        if name.lower() in taken:
            raise ConnectorError.configuration(
                f"the header {name} would replace another of the same name; give it a name of its own"
            )
        taken.add(name.lower())


def _credentials(config: HttpWebhookSinkConfig) -> Headers:
    auth = config.auth
    if auth is None:
        return {}
    if auth.type == "bearer":
        return bearer(auth.token)
    if auth.type == "basic":
        return basic(auth.username, auth.password)
    return api_key(auth.key, header=auth.header_name)
