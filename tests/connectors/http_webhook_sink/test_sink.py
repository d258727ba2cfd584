"""What is posted, and what each answer means for the records."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Sequence
from typing import Any

import pytest
from http_kit import (
    TLS,
    Answer,
    drip,
    echo,
    endless,
    raw,
    redirect,
    refused_url,
    reset,
    reset_before_body,
    respond,
    serve,
)

from rivven_connect import (
    ConnectorError,
    ErrorKind,
    EventMetadata,
    FatalError,
    RetryableError,
    SourceEvent,
)
from rivven_connect.connectors.http_webhook_sink import HttpWebhookSink

from .webhook_kit import NOON, config_of, event, opened, write


async def test_a_batch_is_an_array_of_envelopes() -> None:
    full = event(
        1, timestamp=NOON, namespace="shop", sub_index=2, metadata=EventMetadata(transaction_id="t")
    )
    with serve(respond(204)) as server:
        result = await write(server, [full, SourceEvent.delete("orders", {"id": 2})])
    assert server.bodies == [
        [
            {
                "stream": "orders",
                "event_type": "record",
                "timestamp": "2026-01-01T12:00:00Z",
                "namespace": "shop",
                "data": {"id": 1},
                "metadata": {"position": 1, "sub_index": 2, "transaction_id": "t"},
            },
            {
                "stream": "orders",
                "event_type": "delete",
                "timestamp": None,
                "namespace": None,
                "data": {"id": 2},
                "metadata": {},
            },
        ]
    ]
    assert (result.records_written, result.failed_events) == (2, [])
    assert result.bytes_written == len(server.requests[0].body)
    assert server.requests[0].method == "POST"
    assert server.requests[0].headers["content-type"] == "application/json"


async def test_the_data_alone() -> None:
    with serve(respond()) as server:
        await write(server, [event(1)], include_metadata=False)
        await write(server, [event(1), event(2)], include_metadata=False, batch_size=1)
    assert server.bodies == [[{"id": 1}], {"id": 1}, {"id": 2}]


async def test_no_request_holds_more_than_batch_size() -> None:
    with serve(respond()) as server:
        result = await write(
            server, [event(n) for n in range(7)], include_metadata=False, batch_size=3
        )
    assert [[row["id"] for row in body] for body in server.bodies] == [[0, 1, 2], [3, 4, 5], [6]]
    assert result.records_written == 7


async def test_nothing_to_write_sends_nothing() -> None:
    with serve(respond()) as server:
        result = await write(server, [])
    assert (result.records_written, server.connections) == (0, 0)


BASIC = base64.b64encode("me:pä:ss".encode()).decode()


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "bearer", "token": "not-a-real-token"}, "authorization", "Bearer not-a-real-token"),
        (
            {"type": "basic", "username": "me", "password": "pä:ss"},
            "authorization",
            f"Basic {BASIC}",
        ),
        ({"type": "api_key", "key": "not-a-real-key"}, "x-api-key", "not-a-real-key"),
        ({"type": "api_key", "key": "not-a-real-key", "header_name": "X-K"}, "x-k", "not-a-real-key"),
    ],
)  # fmt: skip
async def test_credentials_and_headers(auth: Any, header: str, value: str) -> None:
    extra = {"X-Team": "data", "content-type": "application/vnd.team+json"}
    with serve(respond()) as server:
        await write(server, [event(1)], auth=auth, headers=extra, method="PATCH")
    (request,) = server.requests
    assert request.method == "PATCH"
    assert request.headers[header] == value
    assert request.headers["x-team"] == "data"
    assert request.headers["content-type"] == "application/vnd.team+json"


@pytest.mark.parametrize(("status", "wait"), [(408, None), (429, 7.0), (500, None), (503, 7.0)])
@pytest.mark.parametrize("batch_size", [1, 100])
async def test_what_may_pass_is_retryable(status: int, wait: float | None, batch_size: int) -> None:
    answer = respond(status, Retry_After="7") if wait else respond(status)
    with serve(answer) as server, pytest.raises(RetryableError) as failed:
        await write(server, [event(1)], batch_size=batch_size)
    assert failed.value.retry_after == wait


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 405, 415])
@pytest.mark.parametrize("batch_size", [1, 100])
async def test_what_will_not_pass_stops(status: int, batch_size: int) -> None:
    with serve(respond(status)) as server, pytest.raises(FatalError, match=f"HTTP {status}"):
        await write(server, [event(1), event(2)], batch_size=batch_size)


UNKNOWN: dict[str, Answer] = {
    "reset": reset,
    "reset_before_body": reset_before_body,
    "no_answer": raw(b"", then="wait"),
    "half_closed": raw(b"", then="half_close"),
    "drip": drip,
    "cut_answer": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
}


@pytest.mark.parametrize("name", UNKNOWN)
async def test_an_unknown_outcome_is_not_success(name: str) -> None:
    with serve(UNKNOWN[name]) as server:
        for batch_size in (1, 100):
            with pytest.raises(RetryableError):
                await write(server, [event(1)], batch_size=batch_size, timeout_ms=400)


async def test_nobody_there_is_retryable() -> None:
    with pytest.raises(RetryableError):
        await write(refused_url(), [event(1)])


async def test_a_success_with_an_endless_page_is_a_success() -> None:
    with serve(endless) as server:
        result = await write(server, [event(1)])
    assert result.records_written == 1


async def test_a_record_that_is_not_json_fails_alone() -> None:
    bad = SourceEvent.record("orders", {"id": object()})
    events = [event(1), bad, event(2)]
    with serve(respond()) as server:
        result = await write(server, events, include_metadata=False)
    assert [(f.event, f.retryable) for f in result.failed_events] == [(bad, False)]
    assert server.bodies == [[{"id": 1}, {"id": 2}]]
    assert result.records_written == 2


async def test_quick_retries_send_the_same_again() -> None:
    with serve(respond(500), reset, respond(200)) as server:
        result = await write(
            server, [event(1)], retry_count=2, retry_backoff_ms=100, idempotency_header="X-Key"
        )
    assert result.records_written == 1
    assert len({(r.body, r.headers["x-key"]) for r in server.requests}) == 1
    assert len(server.requests) == 3


async def test_quick_retries_come_to_an_end() -> None:
    with serve(respond(500)) as server, pytest.raises(RetryableError):
        await write(server, [event(1)], retry_count=2, retry_backoff_ms=100)
    assert len(server.requests) == 3


@pytest.mark.parametrize("answer", [respond(422), respond(401)])
async def test_quick_retries_are_for_what_may_pass(answer: Answer) -> None:
    with serve(answer) as server, contextlib.suppress(FatalError):
        await write(server, [event(1)], retry_count=5)
    assert len(server.requests) == 1


async def keys_of(events: Sequence[SourceEvent], **values: Any) -> list[str | None]:
    with serve(respond()) as server:
        await write(server, events, idempotency_header="Idempotency-Key", **values)
    return [request.headers.get("idempotency-key") for request in server.requests]


async def test_the_key_of_a_record_is_the_same_in_every_run() -> None:
    first = await keys_of([event(1), event(2)], batch_size=1)
    again = await keys_of([event(2, timestamp=NOON), event(1)], batch_size=1)
    assert first == again[::-1]
    assert len(set(first)) == 2


async def test_records_that_differ_have_keys_that_differ() -> None:
    one = event(1)
    other_data = SourceEvent(stream="orders", data={"id": 9}, position=1)
    other_type = SourceEvent.delete("orders", {"id": 1})
    other_type.position = 1
    others = [event(2), event(1, sub_index=1), event(1, namespace="n"), other_data, other_type]
    keys = await keys_of([one, *others], batch_size=1)
    assert None not in keys
    assert len(set(keys)) == len(keys)


async def test_records_without_a_position_have_no_key() -> None:
    """They might be equal and not the same; a receiver would drop the second."""
    unplaced = SourceEvent.record("orders", {"id": 1})
    assert await keys_of([unplaced, unplaced], batch_size=1) == [None, None]
    assert await keys_of([event(1), unplaced]) == [None]


async def test_without_its_name_no_key_is_sent() -> None:
    with serve(respond()) as server:
        await write(server, [event(1)])
    assert "idempotency-key" not in server.requests[0].headers


async def check(url: str, **values: Any) -> ConnectorError | None:
    config = config_of(url, **values)
    sink = HttpWebhookSink()
    await sink.open(config)
    try:
        await sink.check_endpoint_reachable(config)
    except ConnectorError as error:
        return error
    finally:
        await sink.close()
    return None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, None),
        (204, None),
        (405, None),
        (501, None),
        (302, ErrorKind.CONFIG),
        (401, ErrorKind.AUTH),
        (403, ErrorKind.PERMISSION),
        (404, ErrorKind.NOT_FOUND),
        (503, ErrorKind.TRANSIENT),
    ],
)
async def test_the_check_asks_with_head(status: int, kind: ErrorKind | None) -> None:
    with serve(respond(status)) as server:
        error = await check(server.url, auth={"type": "api_key", "key": "not-a-real-key"})
    assert (error and error.kind) == kind
    assert [(r.method, r.body) for r in server.requests] == [("HEAD", b"")]
    assert server.requests[0].headers["x-api-key"] == "not-a-real-key"


async def test_the_check_fails_where_nobody_is() -> None:
    error = await check(refused_url())
    assert error is not None
    assert error.kind is ErrorKind.CONNECTION


async def test_open_does_not_connect() -> None:
    with serve(respond()) as server:
        sink = HttpWebhookSink()
        await sink.open(config_of(server.url))
        await sink.close()
        await sink.close()
    assert server.connections == 0


async def test_writing_before_open_is_a_bug_that_says_so() -> None:
    config = config_of("http://127.0.0.1:1/")
    with pytest.raises(FatalError, match="not open"):
        await HttpWebhookSink().write_batch(config, [event(1)])


async def test_a_certificate_is_verified_unless_told_otherwise() -> None:
    file = TLS / "trusted.pem"
    with serve(respond(), tls=file) as server:
        with pytest.raises(FatalError, match="certificate"):
            await write(server, [event(1)])
        await write(server, [event(2)], ca_file=str(file))
        await write(server, [event(3)], verify_tls=False)
    assert [body[0]["data"]["id"] for body in server.bodies] == [2, 3]


async def test_a_page_that_repeats_what_was_sent_gives_no_secret_away() -> None:
    values = {
        "headers": {"X-Team": "canary-in-a-header"},
        "auth": {"type": "basic", "username": "me", "password": "canary-password"},
    }
    with serve(echo(422)) as server:
        result = await write(f"{server.url}?token=canary-in-query", [event(1)], **values)
    (failed,) = result.failed_events
    assert "you sent" in failed.error
    for canary in ("canary", base64.b64encode(b"me:canary-password").decode()):
        assert canary not in failed.error
        assert canary not in repr(config_of("http://h/", **values))


@pytest.mark.parametrize(("keepalive_ms", "connections"), [(90_000, 1), (1, 2)])
async def test_a_connection_is_kept_as_long_as_it_may(keepalive_ms: int, connections: int) -> None:
    with serve(respond()) as server:
        async with opened(server, keepalive_ms=keepalive_ms) as (sink, config):
            await sink.write_batch(config, [event(1)])
            await asyncio.sleep(0.05)  # time itself is what is tested
            await sink.write_batch(config, [event(2)])
    assert (server.connections, len(server.requests)) == (connections, 2)


async def test_no_record_goes_where_a_redirect_leads() -> None:
    with (
        serve(respond()) as other,
        serve(redirect(other.url)) as server,
        pytest.raises(FatalError, match="not followed"),
    ):
        await write(server, [event(1)], headers={"X-Key": "canary"})
    assert other.connections == 0
