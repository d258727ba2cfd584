"""Bodies packed and signed: what a receiver verifies and unpacks."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import time
from typing import Any

import pytest
from http_kit import Request, echo, respond, serve

from rivven_connect import ConnectorError, ErrorKind, Secret
from rivven_connect.connectors.http_webhook_sink._generated.config import Signing
from rivven_connect.connectors.http_webhook_sink.sending import signature

from .webhook_kit import event, ids, opened, write, write_rows

SECRET = "not-a-real-sécret"
SIGNING = {"secret": SECRET}


def expected(request: Request, timestamp: str) -> str:
    """Return the signature that a request must have, computed by another construction.

    HMAC by its definition (RFC 2104, section 2), over what came over the wire.
    """
    key = SECRET.encode().ljust(64, b"\0")
    inner = bytes(byte ^ 0x36 for byte in key) + f"{timestamp}.".encode() + request.body
    outer = bytes(byte ^ 0x5C for byte in key) + hashlib.sha256(inner).digest()
    return f"sha256={hashlib.sha256(outer).hexdigest()}"


@pytest.mark.parametrize("more", [{}, {"compression_threshold_bytes": 1}], ids=["plain", "gzip"])
async def test_what_is_sent_is_signed_with_the_time(more: dict[str, int]) -> None:
    before = int(time.time())
    with serve(respond()) as server:
        await write(server, [event(n) for n in range(50)], signing=SIGNING, batch_size=10, **more)
    assert len(server.requests) == 5
    for request in server.requests:
        timestamp = request.headers["x-webhook-timestamp"]
        assert before <= int(timestamp) <= time.time()
        assert request.headers["x-webhook-signature"] == expected(request, timestamp)
        assert ("content-encoding" in request.headers) is bool(more)


async def test_the_headers_may_have_other_names() -> None:
    names = {"header": "X-Signature", "timestamp_header": "X-At"}
    with serve(respond()) as server:
        await write(server, [event(1)], signing={**SIGNING, **names})
    (request,) = server.requests
    assert request.headers["x-signature"] == expected(request, request.headers["x-at"])
    assert "x-webhook-signature" not in request.headers
    assert SECRET not in str(request)


@pytest.mark.parametrize(
    "more",
    [
        {"signing": {**SIGNING, "header": "X-Sig", "timestamp_header": "x-sig"}},
        {"signing": SIGNING, "idempotency_header": "X-Webhook-Timestamp"},
        {"signing": {**SIGNING, "header": "X-Team"}, "headers": {"x-team": "data"}},
        {"signing": {**SIGNING, "header": "Content-Encoding"}},
        {"idempotency_header": "content-type"},
        {"idempotency_header": "Authorization", "auth": {"type": "bearer", "token": "t"}},
        {"idempotency_header": "X-API-Key", "auth": {"type": "api_key", "key": "k"}},
        {"signing": {**SIGNING, "timestamp_header": "Host"}},
    ],
)
async def test_two_values_of_one_header_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError, match="header") as caught:
        async with opened("http://127.0.0.1:1/", **more):
            pass
    assert caught.value.kind is ErrorKind.CONFIG


def test_a_known_signature() -> None:
    """RFC 4231 has no such text; this one was made with `openssl dgst -sha256 -hmac`."""
    signing = Signing(secret=Secret("key"), header="S", timestamp_header="T")
    assert signature(signing, b'{"id":1}', clock=lambda: 1_700_000_000.9) == {
        "T": "1700000000",
        "S": "sha256=1d542af0cd7355fefa5c19021ad89d3e2afd77ebff5448db280f180e013d2651",
    }


async def test_a_further_attempt_is_signed_anew() -> None:
    """A receiver that refuses old signatures must not refuse it."""
    with serve(respond(500), respond()) as server:
        await write(server, [event(1)], signing=SIGNING, retry_count=1, retry_backoff_ms=1500)
    first, second = (int(request.headers["x-webhook-timestamp"]) for request in server.requests)
    assert second > first
    for request in server.requests:
        timestamp = request.headers["x-webhook-timestamp"]
        assert hmac.compare_digest(
            request.headers["x-webhook-signature"], expected(request, timestamp)
        )


async def test_without_signing_nothing_is_signed() -> None:
    with serve(respond()) as server:
        await write(server, [event(1)])
    assert not any("webhook" in name for name in server.requests[0].headers)


async def test_an_error_that_repeats_a_signature_gives_neither_it_nor_the_secret_away() -> None:
    with serve(echo(422)) as server:
        result = await write(server, [event(1)], signing=SIGNING)
    (failed,) = result.failed_events
    signed = server.requests[0].headers["x-webhook-signature"]
    assert "you sent" in failed.error
    assert SECRET not in failed.error
    assert signed not in failed.error


async def test_large_bodies_are_packed() -> None:
    with serve(respond()) as server:
        result = await write_rows(
            server, [{"id": n} for n in range(300)], compression_threshold_bytes=500
        )
    large, *_ = server.requests
    assert large.headers["content-encoding"] == "gzip"
    assert large.headers["content-type"] == "application/json"
    assert int(large.headers["content-length"]) == len(large.body)
    assert len(large.body) < len(gzip.decompress(large.body))
    assert sorted(number for row in ids(server) for number in row) == list(range(300))
    assert result.bytes_written == sum(len(request.body) for request in server.requests)


@pytest.mark.parametrize(
    ("threshold", "rows"),
    [
        (0, [{"id": n} for n in range(100)]),
        (10_000, [{"id": n} for n in range(100)]),
        (1, [{"id": 1}]),  # gzip would make it larger
    ],
    ids=["off", "below", "larger"],
)
async def test_what_is_small_or_would_grow_stays_as_it_is(
    threshold: int, rows: list[dict[str, int]]
) -> None:
    with serve(respond()) as server:
        await write_rows(server, rows, compression_threshold_bytes=threshold)
    assert server.bodies == [rows]
    assert "content-encoding" not in server.requests[0].headers


async def test_the_threshold_is_the_first_size_that_is_packed() -> None:
    rows = [{"id": n} for n in range(100)]
    with serve(respond()) as server:
        await write_rows(server, rows)
        size = len(server.requests[0].body)
        await write_rows(server, rows, compression_threshold_bytes=size + 1)
        await write_rows(server, rows, compression_threshold_bytes=size)
    packed = ["content-encoding" in request.headers for request in server.requests]
    assert packed == [False, False, True]


async def test_the_content_type_may_be_another() -> None:
    with serve(respond()) as server:
        await write(server, [event(1)], content_type="application/vnd.api+json")
        await write(server, [event(1)], content_type="a/b", headers={"Content-Type": "c/d"})
    assert [r.headers["content-type"] for r in server.requests] == [
        "application/vnd.api+json",
        "c/d",
    ]


async def test_a_deletion_may_have_a_body() -> None:
    with serve(respond(204)) as server:
        result = await write_rows(server, [{"id": 1}], method="DELETE")
    assert [(r.method, r.json()) for r in server.requests] == [("DELETE", [{"id": 1}])]
    assert result.records_written == 1
