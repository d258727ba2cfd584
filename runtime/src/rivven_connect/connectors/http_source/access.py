"""The client of an API: who we are there, and what bounds hold."""

from __future__ import annotations

from rivven_connect.connectors.http_source._generated import HttpSourceConfig
from rivven_connect.connectors.http_source._generated.config import ApiKey, Basic, Bearer, OAuth2
from rivven_connect.http import (
    ClientCredentials,
    Headers,
    HttpClient,
    HttpLimits,
    Query,
    api_key,
    basic,
    bearer,
)


async def open_client(config: HttpSourceConfig) -> HttpClient:
    """Return the client that the config describes; nothing is connected yet.

    Raises:
        ConnectorError: a URL or header is not legal, or the extra `http` is not installed.
    """
    limits = HttpLimits(
        connect_timeout_ms=config.timeout_ms,
        read_timeout_ms=config.timeout_ms,
        total_timeout_ms=config.timeout_ms,
        max_body_bytes=config.max_body_bytes,
    )
    auth, query = _credentials(config, limits)
    try:
        return HttpClient(
            config.url,
            headers={"Accept": "application/json", **config.public_headers, **config.headers},
            auth=auth,
            query=query,
            limits=limits,
            redirects="same_origin",
            verify_tls=config.verify_tls,
            ca_file=config.ca_file,
        )
    except BaseException:
        if isinstance(auth, ClientCredentials):
            await auth.close()
        raise


def _credentials(
    config: HttpSourceConfig, limits: HttpLimits
) -> tuple[Headers | ClientCredentials, Query]:
    match config.auth:
        case Bearer() as auth:
            return bearer(auth.token), {}
        case Basic() as auth:
            return basic(auth.username, auth.password), {}
        case ApiKey() as auth if auth.query_name is not None:
            return {}, {auth.query_name: auth.key}
        case ApiKey() as auth:
            return api_key(auth.key, header=auth.header_name), {}
        case OAuth2() as auth:
            tokens = ClientCredentials(
                auth.token_url,
                client_id=auth.client_id,
                client_secret=auth.client_secret,
                scope=auth.scope,
                parameters=auth.parameters,
                credentials_in=auth.credentials_in,
                limits=limits,
                verify_tls=config.verify_tls,
                ca_file=config.ca_file,
            )
            return tokens, {}
    return {}, {}
