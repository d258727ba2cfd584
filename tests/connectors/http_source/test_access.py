"""Who we are to an API: each kind of credentials, on every page and nowhere else."""

from __future__ import annotations

import base64
import gc
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from rivven_connect import ConnectorError, ErrorKind
from rivven_connect.connectors.http_source import HttpSource
from rivven_connect.connectors.http_source._generated import HttpSourceConfig
from services.http_api import Asked, HttpApi, http_api

SECRET = "s3cret-9f31"


@pytest.fixture
def tokens() -> Iterator[HttpApi]:
    """Another origin, which gives out tokens."""
    with http_api() as server:

        def grant(_: Asked) -> web.Response:
            number = len(server.requests)
            return web.json_response({"access_token": f"tok-{number}-9182", "expires_in": 3600})

        server.intercept = grant
        yield server


def config_of(api: HttpApi, auth: dict[str, Any] | None, **values: Any) -> HttpSourceConfig:
    given: dict[str, Any] = {
        "url": f"{api.url}/next/orders",
        "pagination": {"type": "next_url", "path": "/next"},
        "records": "/items",
        "primary_key": ["id"],
        "retry_count": 0,
    }
    return HttpSourceConfig.parse({**given, **({"auth": auth} if auth else {}), **values})


BASIC = base64.b64encode(f"me:{SECRET}".encode()).decode()
AUTHS: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "bearer", "token": SECRET}, "authorization", f"Bearer {SECRET}"),
    ({"type": "basic", "username": "me", "password": SECRET}, "authorization", f"Basic {BASIC}"),
    ({"type": "api_key", "key": SECRET}, "x-api-key", SECRET),
    ({"type": "api_key", "key": SECRET, "header_name": "X-Key"}, "x-key", SECRET),
]


@pytest.mark.parametrize(("auth", "header", "value"), AUTHS)
async def test_credentials_go_with_every_page(
    read: Any, api: HttpApi, auth: dict[str, Any], header: str, value: str
) -> None:
    api.allowed = lambda asked: asked.headers.get(header) == value
    found = await read(HttpSource(), config_of(api, auth))
    assert [event.data["id"] for event in found.events] == list(range(47))


async def test_a_key_in_the_query_goes_with_links_too_and_is_masked(
    read: Any, api: HttpApi, caplog: pytest.LogCaptureFixture
) -> None:
    auth = {"type": "api_key", "key": SECRET, "query_name": "key"}
    api.allowed = lambda asked: asked.query.get("key") == SECRET
    with caplog.at_level(logging.DEBUG, "rivven_connect"):
        found = await read(HttpSource(), config_of(api, auth))
        assert len(found.events) == 47
        api.allowed = lambda _: False
        with pytest.raises(ConnectorError, match="HTTP 401") as caught:
            await read(HttpSource(), config_of(api, auth))
    assert SECRET not in caplog.text + str(caught.value)


async def test_tokens_are_got_elsewhere_and_renewed_in_the_middle_of_a_pass(
    read: Any, api: HttpApi, tokens: HttpApi
) -> None:
    """The API takes each token three times; states know nothing of them."""
    taken: list[str] = []

    def allowed(asked: Asked) -> bool:
        token = asked.headers.get("authorization", "")
        if not token.startswith("Bearer tok-") or taken.count(token) == 3:
            return False
        taken.append(token)
        return True

    api.allowed = allowed
    auth = {
        "type": "oauth2",
        "token_url": f"{tokens.url}/token",
        "client_id": "me",
        "client_secret": SECRET,
    }
    cursor = {"field": "updated_at", "parameter": "since", "order": "ascending"}
    headers = {"X-Team": "team-31337"}
    found = await read(HttpSource(), config_of(api, auth, headers=headers, cursor=cursor))
    assert [event.data["id"] for event in found.events] == list(range(47))
    assert [one.path for one in tokens.requests] == ["/token", "/token"]
    assert not any("x-team" in one.headers for one in tokens.requests)
    assert "tok-" not in json.dumps(found.states)
    assert SECRET not in str(api.requests)


async def test_who_is_not_let_in_stops(read: Any, api: HttpApi) -> None:
    api.allowed = lambda _: False
    with pytest.raises(ConnectorError) as caught:
        await read(HttpSource(), config_of(api, {"type": "bearer", "token": SECRET}))
    assert caught.value.kind is ErrorKind.AUTH


@pytest.mark.parametrize(
    ("given", "sent"),
    [({}, "application/json"), ({"public_headers": {"content-type": "application/x"}}, "application/x")],
)  # fmt: skip
async def test_a_body_says_what_it_is(
    read: Any, api: HttpApi, given: dict[str, Any], sent: str
) -> None:
    await read(HttpSource(), config_of(api, None, method="POST", body={"a": 1}, **given))
    assert {one.headers["content-type"] for one in api.requests} == {sent}
    assert {one.headers["accept"] for one in api.requests} == {"application/json"}


async def test_without_a_body_no_type_is_sent(read: Any, api: HttpApi) -> None:
    accept = {"Accept": "application/vnd.api+json"}
    await read(HttpSource(), config_of(api, None, public_headers=accept))
    assert {one.headers.get("content-type") for one in api.requests} == {None}
    assert {one.headers["accept"] for one in api.requests} == {"application/vnd.api+json"}


@pytest.mark.parametrize(
    "bad",
    [
        {"headers": {"bad name": "x"}},
        {"headers": {"Host": "elsewhere.example.com"}},
        {"public_headers": {"X-A": "a\r\nb"}},
        {"ca_file": "/nonexistent.pem"},
    ],
)
async def test_what_cannot_be_opened_leaves_nothing_open(api: HttpApi, bad: Any) -> None:
    auth = {"type": "oauth2", "token_url": api.url, "client_id": "me", "client_secret": SECRET}
    config = config_of(api, auth, **bad)
    source = HttpSource()
    with pytest.raises(ConnectorError):
        await source.open(config)
    await source.close()
    await source.close()
    gc.collect()
