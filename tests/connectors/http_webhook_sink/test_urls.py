"""URLs with what a record says of itself in them; names are hostile."""

from __future__ import annotations

from collections import Counter

import pytest
from http_kit import respond, serve

from rivven_connect import ErrorKind, InputError, SourceEvent
from rivven_connect.connectors.http_webhook_sink.urls import UrlTemplate

from .webhook_kit import KEYED, config_of, event, ids, opened, write, write_rows

HOSTILE = {
    'a"b': "/a%22b/x",
    "a/b?c#d": "/a%2Fb%3Fc%23d/x",
    "a b;c&d=e+f": "/a%20b%3Bc%26d%3De%2Bf/x",
    "%2e%2e": "/%252e%252e/x",
    "{namespace}": "/%7Bnamespace%7D/x",
    "@evil.example": "/%40evil.example/x",
    "\\\\evil.example\\": "/%5C%5Cevil.example%5C/x",
    "r\r\nHost: evil": "/r%0D%0AHost%3A%20evil/x",
    "größe✓": "/gr%C3%B6%C3%9Fe%E2%9C%93/x",
    "..x": "/..x/x",
    "x" * 300: f"/{'x' * 300}/x",
}


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_name_is_a_part_of_one_segment(name: str) -> None:
    with serve(respond()) as server:
        url = server.url.removesuffix("/in") + "/{stream}/x"
        result = await write(url, [SourceEvent.record(name, {"id": 1})])
        rows = await write(url.replace("{stream}", "{namespace}"), [event(1, namespace=name)])
    assert result.records_written == rows.records_written == 1
    # What is sent may have fewer characters encoded, never more of a meaning.
    assert {UrlTemplate("http://h/{stream}/x").url(name, "", None)} == {f"http://h{HOSTILE[name]}"}
    for request in server.requests:
        segments = request.target.split("?")[0].split("#")[0].split("/")
        assert len(segments) == 3
        assert segments[2] == "x"
        assert request.headers["host"] == server.url.split("/")[2]


@pytest.mark.parametrize("name", [".", "..", "\ud800"])
async def test_a_name_that_would_lead_elsewhere_is_a_dead_letter(name: str) -> None:
    with serve(respond()) as server:
        events = [event(1), SourceEvent.record(name, {"id": 2}), event(3)]
        result = await write(f"{server.url}/{{stream}}/x", events, include_metadata=False)
    assert [(f.event, f.retryable) for f in result.failed_events] == [(events[1], False)]
    assert "name of the stream" in result.errors[0]
    assert (ids(server), result.records_written) == ([[1, 3]], 2)


async def test_dots_of_two_names_do_not_add_up_to_a_way_out() -> None:
    with serve(respond()) as server:
        events = [SourceEvent(stream=".", namespace=".", data={"id": 1})]
        result = await write(f"{server.url}/{{namespace}}{{stream}}/x", events)
    assert (server.requests, len(result.failed_events)) == ([], 1)


async def test_a_request_holds_the_records_of_one_url() -> None:
    events = [
        event(1),
        event(2, namespace="shop"),
        SourceEvent.delete("orders", {"id": 3}),
        event(4),
        SourceEvent.record("items", {"id": 5}),
    ]
    with serve(respond()) as server:
        url = f"{server.url}/{{namespace}}/{{stream}}?type={{event_type}}"
        result = await write(url, events, include_metadata=False)
    found = {request.target: row for request, row in zip(server.requests, ids(server), strict=True)}
    assert found == {
        "/in/default/orders?type=record": [1, 4],
        "/in/shop/orders?type=record": [2],
        "/in/default/orders?type=delete": [3],
        "/in/default/items?type=record": [5],
    }
    assert result.records_written == 5


async def test_whole_batches_go_to_the_url_of_their_stream() -> None:
    with serve(respond()) as server:
        result = await write_rows(f"{server.url}/{{stream}}", [{"id": 1}], [{"id": 2}])
        odd = await write_rows(f"{server.url}/{{stream}}/{{event_type}}", [{"id": 3}])
    targets = Counter(request.target for request in server.requests)
    assert targets == Counter({"/in/orders": 1, "/in/orders/record": 1})
    assert (result.records_written, odd.records_written) == (2, 1)


async def test_records_of_one_key_keep_their_order_over_urls() -> None:
    """Grouped by URL, the deletion would overtake what is deleted, or what comes after it."""
    events = [event(1), SourceEvent.delete("orders", {"id": 1}), event(1), event(2)]
    with serve(respond()) as server:
        url = f"{server.url}/{{event_type}}"
        await write(url, events, catalog=KEYED, include_metadata=False)
    found = [
        request.target
        for request, row in zip(server.requests, ids(server), strict=True)
        if 1 in row
    ]
    assert found == ["/in/record", "/in/delete", "/in/record"]


@pytest.mark.parametrize(
    "url",
    [
        "http://{stream}/in",
        "http://{stream}.example.com/in",
        "http://h:{stream}/in",
        "{stream}://h/in",
        "http://h{stream}/in",
        "http://h/{other}",
        "http://h/{stream",
        "http://h/}",
        "http://h/a b/{stream}",
        "http://h/%zz/{stream}",
    ],
)
def test_the_origin_and_what_is_unknown_are_not_filled_in(url: str) -> None:
    with pytest.raises(InputError):
        config_of(url)


async def test_credentials_in_a_url_are_refused_as_before() -> None:
    with pytest.raises(Exception, match="credentials"):
        await write("http://me:secret@h/{stream}", [event(1)])


def test_the_urls_that_are_remembered_are_bounded() -> None:
    template = UrlTemplate("http://h/{stream}")
    for number in range(25_000):
        assert template.url(f"s{number}", "", None).endswith(f"/s{number}")
    assert len(template._known) <= 10_000


CHECKED = {
    "/in/{stream}": "/in/",
    "/in/of-{stream}/x": "/in/",
    "/{stream}": "/",
    "/in?of={stream}": "/in",
    "/in?a=b": "/in?a=b",
}


@pytest.mark.parametrize("path", CHECKED)
async def test_the_check_asks_for_what_all_urls_have_in_common(path: str) -> None:
    with serve(respond(404 if path in ("/in/{stream}", "/{stream}") else 200)) as server:
        async with opened(server.url.removesuffix("/in") + path) as (sink, config):
            await sink.check_endpoint_reachable(config)
    assert [(r.method, r.target) for r in server.requests] == [("HEAD", CHECKED[path])]


async def test_the_check_asks_the_health_url_if_there_is_one() -> None:
    with serve(respond()) as server, serve(respond()) as other:
        health = server.url.removesuffix("/in") + "/health"
        auth = {"type": "api_key", "key": "not-a-real-key"}
        async with opened(server, health_check_url=health, auth=auth) as (sink, config):
            await sink.check_endpoint_reachable(config)
        async with opened(server, health_check_url=other.url, auth=auth) as (sink, config):
            with pytest.raises(Exception, match="another origin") as failed:
                await sink.check_endpoint_reachable(config)
    assert getattr(failed.value, "kind", None) is ErrorKind.CONFIG
    assert [(r.target, r.headers["x-api-key"]) for r in server.requests] == [
        ("/health", "not-a-real-key")
    ]
    assert other.connections == 0
