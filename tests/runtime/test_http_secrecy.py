"""What was sent is not shown: not in errors, not in logs, not in tracebacks."""

from __future__ import annotations

import base64
import logging
import traceback
import urllib.parse
from collections.abc import Iterator

import pytest
from http_kit import Answer, echo, gzip_bomb, raw, redirect, refused_url, reset, respond, serve

from rivven_connect import ConnectorError, Secret
from rivven_connect.http import HttpClient, HttpLimits, api_key, basic, bearer

CANARY = 'c4n@ry/+%"7Zq9 wKx2'
PLAIN = "plain-header-value-31337"
QUERY = "query value/31337"
LIMITS = HttpLimits(read_timeout_ms=300, total_timeout_ms=1000, max_body_bytes=100_000)


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield


def variants(text: str) -> set[str]:
    encoded = base64.b64encode(text.encode()).decode().rstrip("=")
    quoted = {urllib.parse.quote(text), urllib.parse.quote(text, safe=""), repr(text)[1:-1]}
    return {text, encoded[:-1], urllib.parse.quote_plus(text), *quoted}


def leaks(text: str) -> set[str]:
    return {one for secret in (CANARY, PLAIN, QUERY) for one in variants(secret) if one in text}


def told(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """Return all that a person may see: message, traceback with its chain, log of all libraries."""
    trace = "".join(traceback.format_exception(error))
    return "\n".join([str(error), repr(error), trace, caplog.text])


BROKEN: dict[str, Answer] = {
    "echo_400": echo(400),
    "echo_401": echo(401),
    "echo_500": echo(500),
    "bomb": gzip_bomb(4),
    "reset": reset,
    "not_http": raw(f"{CANARY} {PLAIN}\r\n\r\n".encode()),
    "bad_header": raw(f"HTTP/1.1 200 OK\r\n{CANARY} {PLAIN}\r\n\r\n".encode()),
    "bad_chunk": raw(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{PLAIN}\r\n".encode()),
    "redirect": redirect(f"http://127.0.0.1:1/{PLAIN}?{urllib.parse.quote(CANARY)}"),
    "silent": raw(b"", then="wait"),
}


@pytest.mark.parametrize("auth", [bearer(Secret(CANARY)), basic("me", Secret(CANARY)),
                                  api_key(Secret(CANARY), header="X-Team-Key")])  # fmt: skip
@pytest.mark.parametrize("name", BROKEN)
async def test_no_failure_shows_what_was_sent(
    name: str, auth: dict[str, Secret], caplog: pytest.LogCaptureFixture
) -> None:
    with serve(BROKEN[name]) as server:
        async with HttpClient(
            server.url,
            headers={"X-Plain": PLAIN},
            auth=auth,
            limits=LIMITS,
            redirects="same_origin",
        ) as client:
            with pytest.raises(ConnectorError) as failed:
                await client.request("POST", f"?key={urllib.parse.quote(QUERY)}", body=b"{}")
    if server.requests:
        sent = server.requests[0].headers
        assert sent["x-plain"] == PLAIN
        assert sent[next(iter(auth)).lower()] == next(iter(auth.values())).reveal()
    assert leaks(told(failed.value, caplog)) == set()
    assert "/in?key=***" in str(failed.value)


async def test_a_page_that_repeats_a_secret_in_other_forms(
    caplog: pytest.LogCaptureFixture,
) -> None:
    page = " | ".join(["told", *sorted(variants(CANARY))])
    with serve(respond(500, page.encode())) as server:
        async with HttpClient(server.url, auth=bearer(Secret(CANARY))) as client:
            with pytest.raises(ConnectorError, match="told") as failed:
                await client.request("GET")
    assert leaks(told(failed.value, caplog)) == set()


async def test_nobody_there_and_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    async with HttpClient(refused_url(), headers={"X-Plain": PLAIN}) as client:
        with pytest.raises(ConnectorError) as failed:
            await client.request("GET", f"?key={urllib.parse.quote(QUERY)}")
    assert leaks(told(failed.value, caplog)) == set()


async def test_an_error_page_is_shown_shortened_and_harmless() -> None:
    page = b"first\r\nINFO: forged line \x1b[31m\x00 \xff\xe2\x80\xae " + b"y" * 3000
    with serve(respond(400, page)) as server:
        async with HttpClient(server.url) as client:
            with pytest.raises(ConnectorError) as failed:
                await client.request("GET")
    text = str(failed.value)
    assert text.startswith(
        f"HTTP 400 from GET {server.url}: first\\r\\nINFO: forged line \\x1b[31m"
    )
    assert text.isprintable()
    assert len(text) < 600


async def test_a_secret_at_the_cut_is_not_shown_in_part(caplog: pytest.LogCaptureFixture) -> None:
    """A page of secrets alone shrinks when it is masked, and the last one is cut in two."""
    secret = "S" + "abcdefgh" * 100
    page = (secret * 30).encode()
    with serve(respond(400, page)) as server:
        async with HttpClient(server.url, auth=api_key(Secret(secret))) as client:
            with pytest.raises(ConnectorError) as failed:
                await client.request("GET")
    assert "abcdefgh" not in told(failed.value, caplog)


async def test_what_is_logged_of_a_request(caplog: pytest.LogCaptureFixture) -> None:
    with serve(respond(201, b"four")) as server:
        async with HttpClient(server.url, headers={"X-Plain": PLAIN}) as client:
            await client.request("POST", "/a%20b?x=1&y=2", body=b"12345")
    origin = server.url.removesuffix("/in")
    (line,) = [r.getMessage() for r in caplog.records if r.name == "rivven_connect.http"]
    assert line.startswith(f"POST {origin}/a%20b?x=***&y=***: 201 in ")
    assert line.endswith(" ms, 5 bytes sent, 4 received")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Key", f"{CANARY}\r\nX-Injected: 1"),
        ("X-Key", f"{CANARY}\n"),
        ("X-Key", f"{CANARY}\0"),
        ("X-Key\r\nX-Injected", CANARY),
        ("X Key", CANARY),
        ("", CANARY),
        ("Host", CANARY),
        ("content-length", CANARY),
        ("Transfer-Encoding", CANARY),
    ],
)
async def test_headers_that_are_not_legal(name: str, value: str) -> None:
    for header in (value, Secret(value)):
        with pytest.raises(ConnectorError) as failed:
            HttpClient("http://127.0.0.1:1/", headers={name: header})
        assert failed.value.fatal
        assert leaks(str(failed.value)) == set()


async def test_headers_of_one_name_replace_each_other() -> None:
    with serve(respond()) as server:
        async with HttpClient(server.url, headers={"x-key": "one", "User-Agent": "me"}) as client:
            await client.request("GET", headers={"X-KEY": "two"})
    (request,) = server.requests
    assert (request.headers["x-key"], request.headers["user-agent"]) == ("two", "me")
