"""aiohttp, behind one exchange; imported when the first client is made.

Its exceptions are mapped here and nowhere else. They hold URLs and headers, hence `from None`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import aiohttp

from rivven_connect._errors import ConnectorError
from rivven_connect._network import NotPublicError, require_allowed
from rivven_connect._problems import escape_text

if TYPE_CHECKING:
    from rivven_connect.http._client import HttpLimits
    from rivven_connect.http._message import Request


def open_session(
    limits: HttpLimits, *, verify_tls: bool, ca_file: str | None
) -> aiohttp.ClientSession:
    """Return a session that keeps connections and nothing else, and takes nothing from the environment."""
    connector = aiohttp.TCPConnector(
        limit=limits.max_connections,
        keepalive_timeout=limits.keepalive_ms / 1000,
        ssl=_trust(ca_file) if verify_tls else False,
        socket_factory=_allowed_socket,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        max_line_size=limits.max_header_line_bytes,
        max_field_size=limits.max_header_line_bytes,
        max_headers=limits.max_headers,
        timeout=aiohttp.ClientTimeout(
            total=None,
            sock_connect=limits.connect_timeout_ms / 1000,
            sock_read=limits.read_timeout_ms / 1000,
        ),
    )


@contextlib.asynccontextmanager
async def exchange(
    session: aiohttp.ClientSession, request: Request
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Send one request and yield its answer, whose body is read inside the block.

    Raises:
        ConnectorError: there is no whole answer before the deadline, or none may be had.
    """
    try:
        async with (
            asyncio.timeout_at(request.deadline),
            session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
            ) as answer,
        ):
            try:
                yield answer
            finally:
                # Reusing the connection would mean to read what is left of the body first.
                if not answer.content.at_eof():
                    answer.close()
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise _connector_error(error, request.where) from None


def _allowed_socket(address: tuple[Any, ...]) -> socket.socket:
    """Return a socket for the very address that it will be connected to, if policy allows it."""
    family, kind, protocol, _, target = address
    require_allowed(target[0])
    return socket.socket(family, kind, protocol)


def _trust(ca_file: str | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        name = escape_text(ca_file)
        raise ConnectorError.configuration(
            f"the certificates in {name!r} cannot be loaded: {error.strerror or 'not PEM'}"
        ) from error


def _connector_error(error: Exception, where: str) -> ConnectorError:
    """Return what a failed exchange means, most specific first. Nothing of the exchange is repeated."""
    make: Callable[[str], ConnectorError] = ConnectorError.connection
    match error:
        case TimeoutError():
            make, text = ConnectorError.timeout, "no whole answer in time"
        case aiohttp.ClientConnectorCertificateError():
            make = ConnectorError.configuration
            text = f"the certificate is not trusted{_reason(error.certificate_error)}"
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, NotPublicError):
            make = ConnectorError.configuration
            text = f"{error.os_error}, and settings.network is public_only"
        case aiohttp.ClientConnectorDNSError():
            text = "the host name cannot be resolved"
        case aiohttp.ClientConnectorSSLError():
            text = "the TLS handshake failed"
        case aiohttp.ClientConnectorError():
            text = f"cannot be reached{_reason(error.os_error)}"
        case aiohttp.ClientPayloadError():
            text = "the answer ends before its end"
        case aiohttp.ClientResponseError():
            text = "the answer is not HTTP that can be read"
        case aiohttp.InvalidURL():
            make, text = ConnectorError.configuration, "the URL cannot be used"
        case _:
            text = f"the connection broke{_reason(error)}"
    return make(f"{where}: {text}")


def _reason(error: object) -> str:
    """Return what the operating system or OpenSSL says: fixed texts, without anything of ours."""
    text = getattr(error, "verify_message", None)
    number = getattr(error, "errno", None)
    if text is None and isinstance(number, int) and number > 0:
        text = os.strerror(number)
    return f": {escape_text(text, limit=100)}" if text else ""
