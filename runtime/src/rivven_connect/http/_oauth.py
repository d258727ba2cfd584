"""Access tokens by OAuth 2.0 client credentials (RFC 6749, section 4.4).

A token is got when it is first needed, kept in memory alone, and renewed before it expires or when
it is refused. The endpoint that gives it out may be of another origin than the API: it gets the
client's credentials and nothing else, and the API gets the token and nothing else.
"""

from __future__ import annotations

import asyncio
import math
import urllib.parse
from collections.abc import Mapping
from typing import Final, Literal

from rivven_connect._errors import ConnectorError, RecordError
from rivven_connect._json import Json
from rivven_connect._redaction import register_secret
from rivven_connect._secret import Secret
from rivven_connect.http._auth import basic, bearer
from rivven_connect.http._client import HttpClient, HttpLimits
from rivven_connect.http._message import Headers, HttpResponse

_EARLY: Final = 0.1
"""Part of a token's life that is not used: clocks differ, and a request takes its time."""
_EARLIEST_S: Final = 60.0


class ClientCredentials:
    """Gets bearer tokens; the `auth` of an `HttpClient`, which closes it.

    Args:
        token_url: where tokens are given out, `http` or `https`.
        client_id: who asks.
        client_secret: registered as secret, and so is every token from the moment it is known.
        scope: what the token is to be good for, as the other side names it; empty leaves it out.
        parameters: further ones of the token request, such as `audience` or `resource`.
        credentials_in: `header`, as section 2.3.1 wants it, or `body` for servers that want that.
        limits: those of the token request.
        verify_tls: as of `HttpClient`; `ca_file` likewise.

    Raises:
        ConnectorError: the URL is not legal, or the extra `http` is not installed.
    """

    def __init__(
        self,
        token_url: str,
        *,
        client_id: str,
        client_secret: Secret,
        scope: str = "",
        parameters: Mapping[str, str] | None = None,
        credentials_in: Literal["header", "body"] = "header",
        limits: HttpLimits | None = None,
        verify_tls: bool = True,
        ca_file: str | None = None,
    ) -> None:
        secret = client_secret.reveal()
        register_secret(secret)
        form = {"grant_type": "client_credentials", **(parameters or {})}
        if scope:
            form["scope"] = scope
        auth: Headers = {}
        if credentials_in == "header":
            quoted = Secret(urllib.parse.quote_plus(secret))
            auth = basic(urllib.parse.quote_plus(client_id), quoted)
        else:
            form |= {"client_id": client_id, "client_secret": secret}
        self._form = urllib.parse.urlencode(form).encode()
        self._client = HttpClient(
            token_url,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            auth=auth,
            limits=limits,
            verify_tls=verify_tls,
            ca_file=ca_file,
        )
        self._lock = asyncio.Lock()
        self._token: Headers | None = None
        self._until = math.inf

    async def headers(self) -> Headers:
        """Return the header of a token that is good for a while; one request gets it for all.

        Raises:
            ConnectorError: none is given out.
        """
        async with self._lock:
            loop = asyncio.get_running_loop()
            if self._token is None or loop.time() >= self._until:
                asked = loop.time()
                token, lifetime = _granted(await self._ask())
                self._token = bearer(token)
                self._until = asked + lifetime - min(_EARLIEST_S, lifetime * _EARLY)
            return self._token

    def forget(self, headers: Headers) -> None:
        """Get another token instead of the one that `headers` returned; a newer one stays."""
        if self._token is headers:
            self._token = None

    async def close(self) -> None:
        """Close the connections; may be repeated."""
        await self._client.close()

    async def _ask(self) -> HttpResponse:
        try:
            return await self._client.request("POST", body=self._form)
        except RecordError as error:
            # A refusal of the grant is HTTP 400 (section 5.2), and no record is at fault.
            raise ConnectorError.auth(f"no access token: {error.message}") from None


def _granted(answer: HttpResponse) -> tuple[Secret, float]:
    """Return the token of an answer (section 5.1), and for how many seconds it is good."""
    found: Json = answer.json()
    token = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token:
        raise ConnectorError.auth("the token endpoint answered without an access_token")
    kind = found.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ConnectorError.auth("the token endpoint gave a token that is no bearer token")
    return Secret(token), _seconds(found.get("expires_in"))


def _seconds(value: Json) -> float:
    """Return a lifetime; unlimited where none is told, since a refusal tells it too.

    Some servers write the number as text.
    """
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return math.inf
    return found if found > 0 else 0.0 if found <= 0 else math.inf
