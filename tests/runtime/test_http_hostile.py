"""What the HTTP client makes of servers that misbehave: one error, in time, and nothing leaks."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import pytest
from http_kit import (
    LARGEST_BODY,
    MISBEHAVIOURS,
    TLS,
    Answer,
    endless,
    gzip_bomb,
    head,
    raw,
    refused_url,
    respond,
    serve,
)

from rivven_connect import ConnectorError, ErrorKind
from rivven_connect.http import HttpClient, HttpLimits
from rivven_connect.http._body import read_body

LIMITS = HttpLimits(
    connect_timeout_ms=2000,
    read_timeout_ms=1000,
    total_timeout_ms=2000,
    max_body_bytes=LARGEST_BODY,
    max_redirects=3,
)
BUDGET_S = 20
"""What no case may take; the limits above end each much earlier."""

PACKED = gzip.compress(b"x" * 5000)


@pytest.mark.parametrize("name", MISBEHAVIOURS)
async def test_every_misbehaviour_is_one_error_in_time(name: str) -> None:
    answer, kind = MISBEHAVIOURS[name]
    with serve(answer) as server:
        async with HttpClient(server.url, limits=LIMITS, redirects="same_origin") as client:
            async with asyncio.timeout(BUDGET_S):
                with pytest.raises(ConnectorError) as failed:
                    await client.request("POST", body=b'{"id": 1}')
    assert failed.value.kind is kind, failed.value
    assert failed.value.retryable is (
        kind in {ErrorKind.CONNECTION, ErrorKind.TIMEOUT, ErrorKind.TRANSIENT}
    )
    assert len(str(failed.value)) < 1000


LEAVES_A_REST = (
    "bomb_in_an_error",
    "broken_chunk_size",
    "endless",
    "gzip_bomb",
    "silent_after_head",
    "too_large",
    "unasked_coding",
    "unavailable",
)


@pytest.mark.parametrize("name", LEAVES_A_REST)
async def test_the_client_works_on_after_a_misbehaviour(name: str) -> None:
    """No connection with a rest of an answer on it is used again."""
    with serve(MISBEHAVIOURS[name][0], respond(200, b"good")) as server:
        async with HttpClient(server.url, limits=LIMITS) as client:
            with pytest.raises(ConnectorError):
                await client.request("POST", body=b"1")
            assert (await client.request("POST", body=b"2")).body == b"good"


async def test_a_bomb_takes_little_memory() -> None:
    with serve(gzip_bomb(64)) as server:
        async with HttpClient(server.url, limits=LIMITS) as client:
            tracemalloc.start()
            try:
                with pytest.raises(ConnectorError, match="larger"):
                    await client.request("GET")
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
    assert peak < 16 << 20


async def test_nobody_there_is_retryable() -> None:
    async with HttpClient(refused_url(), limits=LIMITS) as client:
        with pytest.raises(ConnectorError, match="refused") as failed:
            await client.request("GET")
    assert failed.value.kind is ErrorKind.CONNECTION


async def test_an_unknown_host_is_retryable() -> None:
    async with HttpClient("http://nobody.invalid/", limits=LIMITS) as client:
        with pytest.raises(ConnectorError) as failed:
            await client.request("GET")
    assert failed.value.retryable


@pytest.mark.parametrize("answer", [endless, gzip_bomb(16), respond(200, b"x" * (2 << 20))])
async def test_who_wants_no_body_is_content_with_any(answer: Answer) -> None:
    with serve(answer) as server:
        async with HttpClient(server.url, limits=LIMITS) as client:
            found = await client.request("POST", body=b"1", wants_body=False)
            assert (found.status, found.body) == (200, b"")
            await client.request("POST", body=b"2", wants_body=False)
    assert [request.body for request in server.requests] == [b"1", b"2"]


async def test_who_wants_no_body_still_needs_a_short_one_to_be_whole() -> None:
    with serve(MISBEHAVIOURS["reset_in_body"][0]) as server:
        async with HttpClient(server.url, limits=LIMITS) as client:
            with pytest.raises(ConnectorError) as failed:
                await client.request("POST", body=b"1", wants_body=False)
    assert failed.value.retryable


async def test_an_error_page_that_never_ends_does_not_hide_the_status() -> None:
    page = raw(head(422, ("Content-Length", "100")) + b"no", then="wait")
    with serve(page) as server:
        async with HttpClient(server.url, limits=LIMITS) as client:
            with pytest.raises(ConnectorError, match="HTTP 422") as failed:
                await client.request("POST", body=b"1")
    assert failed.value.kind is ErrorKind.DATA


async def test_a_body_that_is_not_json_is_no_answer() -> None:
    page = respond(200, b"<html>maintenance", Content_Type="text/html")
    with serve(page) as server:
        async with HttpClient(server.url, limits=LIMITS) as client:
            found = await client.request("GET", "?token=canary-in-query")
    with pytest.raises(ConnectorError, match="not JSON") as failed:
        found.json()
    assert failed.value.retryable
    assert "canary" not in str(failed.value)


DEFLATED = zlib.compress(b"x" * 5000)


@pytest.mark.parametrize("host", ["a..invalid", f"{'a' * 64}.invalid"])
async def test_a_host_that_no_name_server_can_know_stops(host: str) -> None:
    async with HttpClient(f"http://{host}/", limits=LIMITS) as client:
        with pytest.raises(
            ConnectorError, match=r"GET http://a.*: the host name or a header is not legal"
        ):
            await client.request("GET")


@pytest.mark.parametrize("body", [DEFLATED, DEFLATED[2:-4]], ids=["deflate", "bare_deflate"])
async def test_what_comes_byte_by_byte_is_unpacked(body: bytes) -> None:
    async def dripping() -> AsyncIterator[bytes]:
        for place in range(len(body)):
            yield body[place : place + 1]

    unpacked, received = await read_body(dripping(), "deflate", 5000, where="here")
    assert unpacked == b"x" * 5000
    assert received == len(body)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (PACKED, "gzip"),
        (gzip.compress(b"x" * 4000) + gzip.compress(b"x" * 1000), "GZIP"),
        (DEFLATED, "deflate"),
        (DEFLATED[2:-4], "deflate"),
        (b"x" * 5000, "identity"),
    ],
    ids=["gzip", "gzip_members", "deflate", "bare_deflate", "identity"],
)
async def test_packed_answers_are_unpacked(body: bytes, encoding: str) -> None:
    with serve(respond(200, body, Content_Encoding=encoding)) as server:
        async with HttpClient(server.url, limits=LIMITS) as client:
            assert (await client.request("GET")).body == b"x" * 5000
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


async def test_an_untrusted_certificate_stops() -> None:
    with serve(respond(), tls=TLS / "trusted.pem") as server:
        async with HttpClient(server.url, limits=LIMITS) as client:
            with pytest.raises(ConnectorError, match="not trusted") as failed:
                await client.request("POST", body=b"secret", headers={"X-Key": "canary"})
    assert failed.value.kind is ErrorKind.CONFIG
    assert server.requests == []


async def test_an_expired_certificate_stops() -> None:
    file = TLS / "expired.pem"
    with serve(respond(), tls=file) as server:
        async with HttpClient(server.url, limits=LIMITS, ca_file=str(file)) as client:
            with pytest.raises(ConnectorError, match="expired"):
                await client.request("POST", body=b"secret")
    assert server.requests == []


async def test_a_trusted_authority_and_reuse_of_connections() -> None:
    file = TLS / "trusted.pem"
    with serve(respond(200, b"ok"), tls=file) as server:
        async with HttpClient(server.url, limits=LIMITS, ca_file=str(file)) as client:
            for _ in range(3):
                assert (await client.request("POST", body=b"1")).body == b"ok"
        await client.close()
    assert server.connections == 1


async def test_verification_turned_off_is_said_at_each_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serve(respond(), tls=TLS / "expired.pem") as server:
        for _ in range(2):
            async with HttpClient(server.url, limits=LIMITS, verify_tls=False) as client:
                await client.request("GET")
    told = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 2
    assert all("not verified" in record.getMessage() for record in told)


async def test_http_spoken_to_a_tls_port_is_an_error() -> None:
    with serve(respond(), tls=TLS / "trusted.pem") as server:
        plain = server.url.replace("https", "http")
        async with HttpClient(plain, limits=LIMITS) as client:
            with pytest.raises(ConnectorError) as failed:
                await client.request("GET")
    assert failed.value.retryable
