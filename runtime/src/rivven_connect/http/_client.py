"""One client for one origin: what is sent, what is taken for an answer, and what is logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Final, Literal, Self

import msgspec
import msgspec.structs

from rivven_connect._errors import ConnectorError, ErrorKind, FatalError, RetryableError
from rivven_connect.http._body import ACCEPTED_ENCODINGS, excerpt, read_body, read_start
from rivven_connect.http._message import (
    Headers,
    HttpResponse,
    Query,
    Request,
    merged_headers,
    revealed,
)
from rivven_connect.http._statuses import status_error
from rivven_connect.http._urls import parse_url, resolve, with_parameters

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

    from rivven_connect.http._oauth import ClientCredentials

_log = logging.getLogger("rivven_connect.http")

_DEFAULT_HEADERS: Final = {
    "Accept-Encoding": ACCEPTED_ENCODINGS,
    "User-Agent": "rivven-connect",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPS_METHOD = frozenset({307, 308})
_DISCARDED_BYTES = 64 * 1024
_EXCERPT_BYTES = 16 * 1024
_EXCERPT_S = 2.0


class HttpLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of every exchange. Times in milliseconds, sizes in bytes."""

    connect_timeout_ms: int = 10_000
    read_timeout_ms: int = 30_000
    """Longest silence of the other side."""
    total_timeout_ms: int = 60_000
    """Longest time of one `request`, redirects and the answer's body included."""
    max_body_bytes: int = 64 << 20
    """Largest answer, as received and after unpacking."""
    max_header_line_bytes: int = 8190
    max_headers: int = 128
    max_redirects: int = 5
    max_connections: int = 20
    keepalive_ms: int = 15_000
    """Unused connections are closed after this; most servers wait longer, so theirs are seldom stale."""


class HttpClient:
    """Talks to the origin of `base_url` and to no other. Make it in `open`; it does not connect.

    Args:
        base_url: `http` or `https`; what a relative URL of a request is relative to.
        headers: sent with every request; values that are `Secret` are masked in all output.
        auth: headers as `bearer`, `basic` and `api_key` return them, or who gets tokens; the client
            closes it.
        query: parameters of every request, instead of those of the same name; as `headers`.
        redirects: `none`, or `same_origin` to follow those that stay there.
        verify_tls: False trusts any certificate, and warns about it.
        ca_file: a PEM file of the authorities to trust instead of the system's.

    Raises:
        ConnectorError: a URL or header is not legal, or the extra `http` is not installed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Headers | None = None,
        auth: Headers | ClientCredentials | None = None,
        query: Query | None = None,
        limits: HttpLimits | None = None,
        redirects: Literal["none", "same_origin"] = "none",
        verify_tls: bool = True,
        ca_file: str | None = None,
    ) -> None:
        try:
            from rivven_connect.http import _session  # noqa: PLC0415  # aiohttp is an extra
        except ModuleNotFoundError as error:
            raise ConnectorError.configuration(
                f"HTTP needs {error.name}: pip install 'rivven-connect[http]'"
            ) from error
        self._base = parse_url(base_url)
        self._limits = limits or HttpLimits()
        self._follows = redirects == "same_origin"
        fixed = auth if isinstance(auth, Mapping) else {}
        self._tokens = None if isinstance(auth, Mapping) else auth
        self._headers = merged_headers(_DEFAULT_HEADERS, headers or {}, fixed)
        self._query = revealed(query or {})
        self._session = _session.Session(
            self._limits,
            self._headers,
            https=self._base.scheme == "https",
            verify_tls=verify_tls,
            ca_file=ca_file,
        )
        if not verify_tls:
            _log.warning("certificates of %s are not verified", self._base.origin())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; may be repeated."""
        await self._session.close()
        if self._tokens is not None:
            await self._tokens.close()

    async def request(
        self,
        method: str,
        url: str = "",
        *,
        body: bytes | None = None,
        headers: Headers | None = None,
        query: Query | None = None,
        accept: Container[int] = range(200, 300),
        timeout_ms: int | None = None,
        wants_body: bool = True,
    ) -> HttpResponse:
        """Send one request and return its answer, whole.

        A redirect keeps method and body: one that asks to change them is followed for `GET` and
        `HEAD` only, since another request than the one that was made proves nothing.

        Args:
            method: upper case.
            url: relative to `base_url`, or absolute within its origin; by default `base_url` itself.
            body: sent as it is.
            headers: in addition to the client's, and instead of those of the same name.
            query: parameters in addition to those of `url`, and instead of those of the same name.
            accept: the statuses of an answer that is no error.
            timeout_ms: instead of `total_timeout_ms`.
            wants_body: False for who needs the status alone: an answer of any size will do, and
                `body` stays empty. A short one must still be whole.

        Raises:
            ConnectorError: the answer is an error, or there is none. Its message holds the start
                of the answer's body, secrets and what was sent masked.
        """
        target = resolve(self._base, url) if url else self._base
        if query:
            target = with_parameters(target, revealed(query))
        budget_ms = self._limits.total_timeout_ms if timeout_ms is None else timeout_ms
        for is_last in (self._tokens is None, True):
            credentials = await self._tokens.headers() if self._tokens is not None else {}
            request = Request(
                method=method,
                url=self._complete(target),
                headers=merged_headers(self._headers, credentials, headers or {})
                if credentials or headers
                else self._headers,
                body=body,
                deadline=asyncio.get_running_loop().time() + budget_ms / 1000,
            )
            try:
                return await self._follow(request, accept, wants_body=wants_body)
            except FatalError as error:
                if is_last or error.kind is not ErrorKind.AUTH or self._tokens is None:
                    raise
                self._tokens.forget(credentials)  # revoked before its time
        raise AssertionError("the last try returns or raises")

    async def _follow(
        self, request: Request, accept: Container[int], *, wants_body: bool
    ) -> HttpResponse:
        """Send a request, and again wherever it is redirected to."""
        for _ in range(self._limits.max_redirects + 1):
            outcome = await self._send(request, accept, wants_body=wants_body)
            if isinstance(outcome, HttpResponse):
                return outcome
            request = msgspec.structs.replace(request, url=self._complete(outcome))
        raise ConnectorError.configuration(
            f"{request.where}: more than {self._limits.max_redirects} redirects"
        )

    def _complete(self, url: URL) -> URL:
        return with_parameters(url, self._query) if self._query else url

    async def _send(
        self, request: Request, accept: Container[int], *, wants_body: bool
    ) -> HttpResponse | URL:
        """Return the answer, or where it redirects to."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        status: int | str = "no answer"
        received = 0

        async def read(answer: aiohttp.ClientResponse) -> HttpResponse | URL:
            nonlocal status, received
            status = answer.status
            if status in accept:
                content = b""
                if wants_body or not answer.content.at_eof():
                    content, received = await self._body(answer, request, wants_body=wants_body)
                return HttpResponse(status, answer.headers, content, str(request.url))
            keeps_meaning = request.method in {"GET", "HEAD"} or status in _KEEPS_METHOD
            if self._follows and status in _REDIRECTS and keeps_meaning:
                return _redirected(answer, request)
            raise await _refusal(answer, request)

        try:
            return await self._session.exchange(request, read)
        finally:
            if _log.isEnabledFor(logging.DEBUG):  # the text costs more than the rest of a request
                _log.debug(
                    "%s: %s in %.0f ms, %d bytes sent, %d received",
                    request.where,
                    status,
                    (loop.time() - started) * 1000,
                    len(request.body or b""),
                    received,
                )

    async def _body(
        self, answer: aiohttp.ClientResponse, request: Request, *, wants_body: bool
    ) -> tuple[bytes, int]:
        """Return the body, and how many bytes of it were received."""
        chunks = answer.content.iter_any()
        if not wants_body:
            start, _ = await read_start(chunks, "", _DISCARDED_BYTES)
            return b"", len(start)
        encoding = answer.headers.get("Content-Encoding", "")
        limit = self._limits.max_body_bytes
        return await read_body(chunks, encoding, limit, where=request)


def _redirected(answer: aiohttp.ClientResponse, request: Request) -> URL:
    try:
        return resolve(request.url, answer.headers.get("Location", ""))
    except ConnectorError as error:
        raise ConnectorError.configuration(
            f"HTTP {answer.status} from {request.where}: {error}"
        ) from None


async def _refusal(answer: aiohttp.ClientResponse, request: Request) -> ConnectorError:
    """Return the error of an answer that is none of the accepted ones."""
    message = f"HTTP {answer.status} from {request.where}"
    if answer.status in _REDIRECTS:
        message += ": this redirect is not followed"
    elif text := await _excerpt(answer, request):
        message += f": {text}"
    return status_error(answer.status, answer.headers, message)


async def _excerpt(answer: aiohttp.ClientResponse, request: Request) -> str:
    """Return what the other side says about an error; nothing if it does not say it soon."""
    import aiohttp  # noqa: PLC0415  # an extra

    soon = asyncio.get_running_loop().time() + _EXCERPT_S
    encoding = answer.headers.get("Content-Encoding", "")
    try:
        async with asyncio.timeout_at(min(soon, request.deadline)):
            raw, cut = await read_start(answer.content.iter_any(), encoding, _EXCERPT_BYTES)
    except (TimeoutError, aiohttp.ClientError, OSError, RetryableError):
        return ""
    return excerpt(raw, cut=cut, private=request.private)
