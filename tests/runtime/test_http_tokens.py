"""Access tokens by client credentials: got once, renewed in time, shown to nobody."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import logging
import traceback
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from http_kit import Answer, HostileServer, Request, echo, redirect, respond, serve

from rivven_connect import ConnectorError, ErrorKind, Secret
from rivven_connect._redaction import redact
from rivven_connect.http import ClientCredentials, HttpClient, HttpLimits, Query, link_url

SECRET = 's3cr et/+%"7Zq9'
TOKEN = "minted-token-{}-4711"
LIMITS = HttpLimits(total_timeout_ms=5000)


def granting(**more: Any) -> Answer:
    """Give out a new token each time."""
    numbers = itertools.count()

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        body = {"access_token": TOKEN.format(next(numbers)), "token_type": "Bearer", **more}
        await respond(200, json.dumps(body).encode())(request, writer)

    return answer


def letting_in(allowed: Callable[[str], bool]) -> Answer:
    """Answer who has a good token, and 401 to others."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        sent = request.headers.get("authorization", "")
        await respond(200 if allowed(sent) else 401, b"{}")(request, writer)

    return answer


def client_of(api: HostileServer, tokens: HostileServer, **more: Any) -> HttpClient:
    given = {"client_id": "me & co", "client_secret": Secret(SECRET), "limits": LIMITS, **more}
    credentials = ClientCredentials(tokens.url, **given)
    headers = {"X-Team": Secret("team-key-31337")}
    return HttpClient(api.url, auth=credentials, headers=headers, limits=LIMITS)


def sent(server: HostileServer) -> list[str]:
    return [request.headers.get("authorization", "") for request in server.requests]


async def test_one_token_serves_all_requests() -> None:
    with serve(respond()) as api, serve(granting(expires_in=3600)) as tokens:
        async with client_of(api, tokens, scope="a b", parameters={"audience": "x"}) as client:
            await asyncio.gather(*(client.request("GET") for _ in range(5)))
    assert sent(api) == [f"Bearer {TOKEN.format(0)}"] * 5
    (asked,) = tokens.requests
    assert dict(urllib.parse.parse_qsl(asked.body.decode())) == {
        "grant_type": "client_credentials", "scope": "a b", "audience": "x",
    }  # fmt: skip
    pair = f"{urllib.parse.quote_plus('me & co')}:{urllib.parse.quote_plus(SECRET)}"
    assert asked.headers["authorization"] == f"Basic {base64.b64encode(pair.encode()).decode()}"


async def test_each_side_gets_its_own_alone() -> None:
    with serve(respond()) as api, serve(granting()) as tokens:
        async with client_of(api, tokens, credentials_in="body") as client:
            await client.request("GET", query={"q": "31337"})
    (asked,) = tokens.requests
    form = dict(urllib.parse.parse_qsl(asked.body.decode()))
    assert (form["client_id"], form["client_secret"]) == ("me & co", SECRET)
    assert not {"authorization", "x-team"} & asked.headers.keys()
    assert asked.target == "/in"
    assert SECRET not in str(api.requests)


@pytest.mark.parametrize("lifetime", [0, -5, 0.05, "0.05"])
async def test_a_token_is_renewed_before_it_expires(lifetime: Any) -> None:
    with serve(respond()) as api, serve(granting(expires_in=lifetime)) as tokens:
        async with client_of(api, tokens) as client:
            await client.request("GET")
            await asyncio.sleep(0.06)
            await client.request("GET")
    assert sent(api) == [f"Bearer {TOKEN.format(number)}" for number in (0, 1)]


@pytest.mark.parametrize("lifetime", [3600, "3600", 10**30, None, "soon", [1], True])
async def test_a_token_that_lasts_is_kept(lifetime: Any) -> None:
    lasting = 3600 if lifetime is True else lifetime
    with serve(respond()) as api, serve(granting(expires_in=lasting)) as tokens:
        async with client_of(api, tokens) as client:
            for _ in range(3):
                await client.request("GET")
    assert len(tokens.requests) == 1


async def test_a_refused_token_is_renewed_once() -> None:
    good = letting_in(lambda text: text.endswith(TOKEN.format(1)))
    with serve(good) as api, serve(granting(expires_in=3600)) as tokens:
        async with client_of(api, tokens) as client:
            assert (await client.request("POST", body=b"once more")).status == 200
            await client.request("GET")
    assert [request.body for request in api.requests] == [b"once more", b"once more", b""]
    assert len(tokens.requests) == 2


async def test_requests_that_are_refused_together_renew_together() -> None:
    good = letting_in(lambda text: not text.endswith(TOKEN.format(0)))
    with serve(good) as api, serve(granting(expires_in=3600)) as tokens:
        async with client_of(api, tokens) as client:
            await asyncio.gather(*(client.request("GET") for _ in range(4)))
    assert len(tokens.requests) == 2


async def test_who_is_refused_with_a_new_token_stays_so() -> None:
    with serve(respond(401)) as api, serve(granting()) as tokens:
        async with client_of(api, tokens) as client:
            with pytest.raises(ConnectorError, match="HTTP 401") as caught:
                await client.request("GET")
    assert caught.value.kind is ErrorKind.AUTH
    assert (len(api.requests), len(tokens.requests)) == (2, 2)


NO_TOKEN: dict[str, tuple[Answer, ErrorKind]] = {
    "refused": (respond(400, b'{"error": "invalid_client"}'), ErrorKind.AUTH),
    "unknown": (respond(401), ErrorKind.AUTH),
    "busy": (respond(503, Retry_After="3"), ErrorKind.TRANSIENT),
    "no_json": (respond(200, b"<html>"), ErrorKind.TRANSIENT),
    "no_object": (respond(200, b"[]"), ErrorKind.AUTH),
    "no_token": (respond(200, b"{}"), ErrorKind.AUTH),
    "empty": (respond(200, b'{"access_token": ""}'), ErrorKind.AUTH),
    "no_text": (respond(200, b'{"access_token": 5}'), ErrorKind.AUTH),
    "no_header": (respond(200, b'{"access_token": "a\\r\\nb: c"}'), ErrorKind.CONFIG),
    "other_type": (respond(200, b'{"access_token": "a", "token_type": "mac"}'), ErrorKind.AUTH),
    "sent_elsewhere": (redirect("http://127.0.0.1:1/"), ErrorKind.CONFIG),
    "echo": (echo(400), ErrorKind.AUTH),
}


@pytest.mark.parametrize("name", NO_TOKEN)
@pytest.mark.parametrize("place", ["header", "body"])
async def test_without_a_token_nothing_is_asked_and_nothing_shown(
    name: str, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer, kind = NO_TOKEN[name]
    with caplog.at_level(logging.DEBUG), serve(respond()) as api, serve(answer) as tokens:
        async with client_of(api, tokens, credentials_in=place) as client:
            with pytest.raises(ConnectorError) as caught:
                await client.request("GET")
    assert caught.value.kind is kind
    assert api.connections == 0
    told = caplog.text + "".join(traceback.format_exception(caught.value))
    for form in (SECRET, urllib.parse.quote_plus(SECRET), urllib.parse.quote(SECRET)):
        assert form not in told
        assert base64.b64encode(form.encode()).decode()[4:-4] not in told


async def test_s7_a_token_is_secret_from_birth(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), serve(echo(500)) as api, serve(granting()) as tokens:
        async with client_of(api, tokens) as client:
            with pytest.raises(ConnectorError) as caught:
                await client.request("GET")
    token = TOKEN.format(0)
    assert token not in redact(f"somebody logs {token}")
    assert token not in caplog.text + str(caught.value)


@pytest.fixture
def shown(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


@pytest.mark.parametrize(
    ("base", "given", "expected"),
    [
        ("", {}, "/in?key=k9182-key"),
        ("?a=1&key=other", {}, "/in?a=1&key=k9182-key"),
        ("?a=1", {"a": "2", "b": "x y&z"}, "/in?a=2&b=x+y%26z&key=k9182-key"),
    ],
)
async def test_parameters_are_merged_and_masked(
    base: str, given: Query, expected: str, shown: pytest.LogCaptureFixture
) -> None:
    with serve(redirect("/in?moved=1"), respond(), echo(500)) as api:
        key = {"key": Secret("k9182-key")}
        async with HttpClient(f"{api.url}{base}", query=key, redirects="same_origin") as client:
            await client.request("GET", query=given)
            with pytest.raises(ConnectorError) as caught:
                await client.request("GET", "/in?page=2", query=given)
    targets = [request.target for request in api.requests]
    assert urllib.parse.parse_qs(targets[0].partition("?")[2]) == urllib.parse.parse_qs(
        expected.partition("?")[2]
    )
    assert targets[1] == "/in?moved=1&key=k9182-key"
    assert "page=2" in targets[2]
    assert "key=k9182-key" in targets[2]
    assert "k9182-key" not in shown.text + str(caught.value)


async def test_other_parameters_stay_as_they_are_written() -> None:
    """A link to a next page may be signed, or hold a token that is no UTF-8."""
    link = "/in?token=%E4%2B;x&flag&key=theirs&f=1&f=2&sig=a+b"
    with serve(respond()) as api:
        async with HttpClient(api.url, query={"key": Secret("k9182-key")}) as client:
            await client.request("GET", link, query={"more": "é"})
    (request,) = api.requests
    assert request.target == "/in?token=%E4%2B;x&flag&f=1&f=2&sig=a+b&more=%C3%A9&key=k9182-key"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('<https://a.example/x?page=2>; rel="next"', "https://a.example/x?page=2"),
        ('</x,y>; rel="first", </x;z>; title="a, <b>"; rel=next', "/x;z"),
        ('<a>; rel="last next"', "a"),
        ("<a>;REL=NEXT", "a"),
        ('<a>; title="x; rel=prev"; rel=next', "a"),
        ('<a>; title="x; rel=next"; rel=prev, <b>; rel=next', "b"),
        (r'<a>; title="a \"b\""; rel="next"', "a"),
        (r'<a>; title="x, <y>; rel=\"next\""; rel=prev, <b>; rel=next', "b"),
        ('<a>; rev="next", <b>; norel=next', None),
        ('<a>; rel="nextish", <b>', None),
        ("", None),
        ("<<>; rel=next", None),
        ("a; rel=next", None),
        ("<a" * 2000, None),
    ],
)
async def test_the_link_header(header: str, expected: str | None) -> None:
    with serve(respond(200, b"", Link=header)) as api:
        async with HttpClient(api.url) as client:
            answer = await client.request("GET")
    assert link_url(answer) == expected


async def test_links_in_several_headers() -> None:
    with serve(respond(200, b"", LINK="<a>; rel=first", link="<b>; rel=next")) as api:
        async with HttpClient(api.url) as client:
            answer = await client.request("GET")
    assert link_url(answer) == "b"
