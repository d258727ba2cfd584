"""aiohttp, behind one exchange; imported when the first client is made.

Its exceptions are mapped here and nowhere else. They hold URLs and headers, hence `from None`.
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from rivven_connect._errors import ConnectorError
from rivven_connect._network import NotPublicError, require_allowed
from rivven_connect._problems import escape_text
from rivven_connect.http._deadlines import Deadlines
from rivven_connect.http._late_trust import late_trust

with late_trust():
    import aiohttp

if TYPE_CHECKING:
    from rivven_connect.http._client import HttpLimits
    from rivven_connect.http._message import Request

T = TypeVar("T")

_READ_BYTES = 64 * 1024


class Session:
    """Keeps connections and nothing else, and takes nothing from the environment."""

    def __init__(
        self,
        limits: HttpLimits,
        headers: Mapping[str, str],
        *,
        https: bool,
        verify_tls: bool,
        ca_file: str | None,
    ) -> None:
        connector = aiohttp.TCPConnector(
            limit=limits.max_connections,
            keepalive_timeout=limits.keepalive_ms / 1000,
            ssl=verify_tls and _trust(ca_file, https=https),
            socket_factory=_allowed_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=limits.max_header_line_bytes,
            max_field_size=limits.max_header_line_bytes,
            max_headers=limits.max_headers,
        )
        self._headers = headers
        self._longest_silence_s = limits.read_timeout_ms / 1000
        connecting_s = limits.connect_timeout_ms / 1000
        self._listening = aiohttp.ClientTimeout(
            sock_connect=connecting_s, sock_read=self._longest_silence_s
        )
        self._bounded = aiohttp.ClientTimeout(sock_connect=connecting_s)
        self._deadlines = Deadlines()

    async def close(self) -> None:
        """Close all connections; may be repeated."""
        self._deadlines.close()
        await self._session.close()

    async def exchange(
        self, request: Request, read: Callable[[aiohttp.ClientResponse], Awaitable[T]]
    ) -> T:
        """Send one request and return what `read` makes of its answer, whose body it reads.

        Raises:
            ConnectorError: there is no whole answer before the deadline, or none may be had.
        """
        left_s = request.deadline - asyncio.get_running_loop().time()
        # No silence outlasts a deadline before its end: three timers less.
        is_bounded = left_s <= self._longest_silence_s
        try:
            with self._deadlines.until(request.deadline):
                async with self._session.request(
                    request.method,
                    request.url,
                    # Those of the session need not be put together again.
                    headers=None if request.headers is self._headers else request.headers,
                    data=request.body,
                    allow_redirects=False,
                    timeout=self._bounded if is_bounded else self._listening,
                ) as answer:
                    try:
                        return await read(answer)
                    finally:
                        # Reusing the connection would mean to read what is left of the body first.
                        if not answer.content.at_eof():
                            answer.close()
        except (TimeoutError, aiohttp.ClientError, OSError, UnicodeError) as error:
            raise _connector_error(error, request.where) from None


class _Socket(socket.socket):
    """Reads 64 KiB at once.

    asyncio asks for 256 KiB, however short the answer is, and a run has blocks of that size come and
    go with pages of their own.
    """

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Return what has arrived, of that size at most."""
        return super().recv(min(size, _READ_BYTES), flags)


def _allowed_socket(address: tuple[Any, ...]) -> socket.socket:
    """Return a socket for the very address that it will be connected to, if policy allows it."""
    family, kind, protocol, _, target = address
    require_allowed(target[0])
    return _Socket(family, kind, protocol)


@functools.cache
def _system_trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(("http/1.1",))
    return context


def _trust(ca_file: str | None, *, https: bool) -> ssl.SSLContext | bool:
    if ca_file is None:
        return _system_trust() if https else True
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
        case UnicodeError():  # a label of the name is empty or too long, or a header not Unicode
            make = ConnectorError.configuration
            text = "the host name or a header is not legal"
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
