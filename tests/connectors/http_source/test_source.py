"""What is read of an API that behaves, and of one that does not."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from rivven_connect import (
    ConfiguredCatalog,
    ConnectorError,
    ErrorKind,
    EventBatch,
    JsonObject,
    Poison,
    State,
    SyncMode,
)
from rivven_connect.connectors.http_source import HttpSource
from rivven_connect.connectors.http_source._generated import HttpSourceConfig
from services.http_api import Asked, HttpApi

PAGINGS: dict[str, JsonObject] = {
    "all": {},
    "pages": {"pagination": {"type": "page"}, "records": "/data"},
    "offset": {"pagination": {"type": "offset", "limit": 500}, "records": "/data"},
    "cursor": {"pagination": {"type": "cursor", "path": "/meta/next"}, "records": "/data"},
    "link": {"pagination": {"type": "link_header"}},
    "next": {"pagination": {"type": "next_url", "path": "/next"}, "records": "/items"},
}
IN_BODY = ("pages", "offset", "cursor")
CHANGED = {"field": "updated_at", "parameter": "since"}


def config_of(api: HttpApi, paging: str = "cursor", **values: Any) -> HttpSourceConfig:
    given = {"url": f"{api.url}/{paging}/orders", "primary_key": ["id"], "retry_count": 0}
    return HttpSourceConfig.parse({**given, **PAGINGS[paging], **values})


def ids(found: Any) -> list[int]:
    return [event.data["id"] for event in found.events]


@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("count", [0, 1, 10, 47])
async def test_every_record_of_every_page_comes_once(
    read: Any, api: HttpApi, paging: str, count: int
) -> None:
    del api.streams["orders"][count:]
    found = await read(HttpSource(), config_of(api, paging))
    assert ids(found) == list(range(count))
    assert {event.stream for event in found.events} <= {"records"}


@pytest.mark.parametrize("paging", IN_BODY)
async def test_parameters_may_go_into_the_body(read: Any, api: HttpApi, paging: str) -> None:
    pages = {**PAGINGS[paging]["pagination"], "place": "body"}
    config = config_of(
        api, paging, method="POST", body={"filter": [1]}, pagination=pages,
        cursor={**CHANGED, "place": "body", "start": "2026-01-01T00:0003"},
    )  # fmt: skip
    found = await read(HttpSource(), config)
    assert ids(found) == list(range(9, 47))
    assert {one.method for one in api.requests} == {"POST"}
    assert all(one.body["filter"] == [1] and not one.query for one in api.requests)


async def test_a_body_that_is_no_object_takes_no_parameter(read: Any, api: HttpApi) -> None:
    pages = {"type": "page", "place": "body"}
    with pytest.raises(ConnectorError, match="place: query"):
        await read(HttpSource(), config_of(api, "pages", body=[1], pagination=pages))


async def test_the_guide_s_names_are_enough(read: Any, api: HttpApi) -> None:
    """One URL whose answer is one record, asked for at once and with the headers."""
    api.intercept = lambda _: web.json_response({"temperature": 3})
    config = HttpSourceConfig.parse(
        {"url": f"{api.url}/now", "poll_interval_ms": 60_000, "headers": {"X-Team": "data-9181"}}
    )
    async with asyncio.timeout(10):
        found = await read(HttpSource(), config, limit=1)
    assert [event.data for event in found.events] == [{"temperature": 3}]
    assert api.requests[0].headers["x-team"] == "data-9181"


async def test_a_polled_stream_gives_what_is_new(read: Any, api: HttpApi) -> None:
    order = {**CHANGED, "order": "ascending"}

    def changing(asked: Asked) -> None:
        if asked.query.get("since", "") >= "2026-01-01T00:0015" and len(api.streams["orders"]) < 50:
            number = len(api.streams["orders"])
            last = api.streams["orders"][-1]["updated_at"]
            api.streams["orders"].append({"id": number, "updated_at": last})

    api.intercept = changing
    config = config_of(api, cursor=order, poll_interval_ms=10)
    async with asyncio.timeout(30):
        found = await read(HttpSource(), config, limit=50)
    assert ids(found) == list(range(50))


async def test_a_polled_full_refresh_gives_everything_each_time(read: Any, api: HttpApi) -> None:
    found = await read(HttpSource(), config_of(api, "next", poll_interval_ms=10), limit=100)
    assert ids(found)[:94] == [*range(47), *range(47)]


@pytest.mark.parametrize("paging", ["pages", "cursor", "link", "next"])
async def test_resuming_at_each_page_repeats_and_loses_nothing(
    read: Any, api: HttpApi, paging: str
) -> None:
    config = config_of(api, paging, cursor={**CHANGED, "order": "ascending"})
    full = await read(HttpSource(), config)
    assert ids(full) == list(range(47))
    assert len(full.states) == 5
    for after, state in full.states:
        assert ids(await read(HttpSource(), config, state)) == list(range(after, 47))


async def test_the_next_run_reads_what_has_changed_ties_included(read: Any, api: HttpApi) -> None:
    for order in ("ascending", "unordered"):
        config = config_of(api, cursor={**CHANGED, "order": order})
        first = await read(HttpSource(), config)
        state = next_run(first)
        last = api.streams["orders"][-1]["updated_at"]
        number = len(api.streams["orders"])
        api.streams["orders"] += [
            {"id": number, "updated_at": last},
            {"id": number + 1, "updated_at": last + "5"},
        ]
        second = await read(HttpSource(), config, state)
        assert ids(second) == [number, number + 1]
        assert ids(await read(HttpSource(), config, next_run(second))) == []


@pytest.mark.parametrize(("parameter", "is_told"), [("since", False), ("changed_since", True)])
async def test_a_parameter_that_the_api_does_not_know_is_told(
    read: Any, api: HttpApi, caplog: pytest.LogCaptureFixture, *, parameter: str, is_told: bool
) -> None:
    """An API passes over what it does not know, and gives everything with each run."""
    config = config_of(api, cursor={"field": "updated_at", "parameter": parameter})
    state = next_run(await read(HttpSource(), config))
    assert "before the cursor" not in caplog.text
    await read(HttpSource(), config, state)
    told = [one for one in caplog.messages if f"does it know the parameter {parameter}?" in one]
    assert len(told) == is_told


def next_run(found: Any) -> JsonObject:
    """Return the last state as the next run finds it, whose number is another one."""
    return {key: value for key, value in found.states[-1][1].items() if key != "complete"}


async def test_an_order_that_does_not_hold_loses_nothing(
    read: Any, api: HttpApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.is_ordered = False
    api.streams["orders"].reverse()
    config = config_of(api, cursor={**CHANGED, "order": "ascending"})
    full = await read(HttpSource(), config)
    assert sorted(ids(full)) == list(range(47))
    assert "went down" in caplog.text
    assert sorted(ids(await read(HttpSource(), config, full.states[0][1]))) == list(range(47))
    assert ids(await read(HttpSource(), config, next_run(full))) == []


async def test_the_first_run_starts_where_the_config_says(read: Any, api: HttpApi) -> None:
    config = config_of(api, cursor={**CHANGED, "start": "2026-01-01T00:0010"})
    assert ids(await read(HttpSource(), config)) == list(range(30, 47))
    refresh = await read(HttpSource(), config, mode=SyncMode.FULL_REFRESH)
    assert ids(refresh) == list(range(30, 47))


async def test_streams_take_from_the_root_what_they_do_not_say(api: HttpApi) -> None:
    api.streams["customers"] = api.streams["orders"][:15]
    config = HttpSourceConfig.parse(
        {
            "url": f"{api.url}/",
            "query": {"kind": "all", "lang": "en"},
            **PAGINGS["pages"],
            "primary_key": ["id"],
            "streams": [
                {"name": "orders", "path": "/pages/orders", "query": {"kind": "sale"}},
                {"name": "customers", "path": "next/customers", **PAGINGS["next"]},
            ],
        }
    )
    source = HttpSource()
    await source.open(config)
    catalog = await source.discover(config)
    chosen = ConfiguredCatalog.from_catalog(catalog)
    read = [item async for item in source.read(config, chosen, None)]
    await source.close()
    batches = [one for one in read if isinstance(one, EventBatch)]
    counts = {
        name: sum(len(b) for b in batches if b.stream == name) for name in ("orders", "customers")
    }
    assert counts == {"orders": 47, "customers": 15}
    assert api.requests[0].query == {"kind": "sale", "lang": "en", "page": "1"}
    first = next(one for one in api.requests if one.path == "/next/customers")
    assert first.query == {"kind": "all", "lang": "en"}


async def test_a_path_is_appended_before_a_fragment(api: HttpApi) -> None:
    streams = [{"name": "orders", "path": "all/orders"}]
    config = config_of(api, "all", url=f"{api.url}#v1", streams=streams)
    assert (await checked(config)).is_success()
    assert [one.path for one in api.requests] == ["/all/orders"]


async def test_two_streams_of_one_name_are_refused(api: HttpApi) -> None:
    config = config_of(api, streams=[{"name": "a"}, {"name": "a", "path": "b"}])
    with pytest.raises(ConnectorError, match="two streams are called 'a'"):
        await HttpSource().discover(config)


def answers(*bodies: Any, **headers: str) -> Callable[[Asked], web.Response]:
    """Answer one after the other, the last one for ever."""
    left = list(bodies)

    def intercept(_: Asked) -> web.Response:
        body = left.pop(0) if len(left) > 1 else left[0]
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        raw = text.encode() if isinstance(text, str) else text
        return web.Response(body=raw, headers={"Content-Type": "text/plain", **headers})

    return intercept


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"data": {"items": [{"id": 1}]}}, [{"id": 1}]),
        ({"data": {"items": {"id": 1}}}, [{"id": 1}]),
        ({"data": {"items": None}}, []),
        (b'\xef\xbb\xbf{"data": {"items": [{"id": 1}]}}', [{"id": 1}]),
    ],
)
async def test_records_at_a_path(read: Any, api: HttpApi, body: Any, found: Any) -> None:
    api.intercept = answers(body)
    read_ = await read(HttpSource(), config_of(api, "all", records="/data/items"))
    assert [event.data for event in read_.events] == found


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "is nothing"), ({"data": {}}, "is nothing"), ({"data": []}, "is nothing"),
        ([], "is nothing"), ("5", "is nothing"), ({"data": {"items": "x"}}, "is a text"),
        ({"data": {"items": True}}, "is a boolean"),
    ],
)  # fmt: skip
async def test_no_records_at_the_path_stops(read: Any, api: HttpApi, body: Any, said: str) -> None:
    api.intercept = answers(body)
    config = config_of(api, "all", records="/data/items", stream="sales")
    with pytest.raises(ConnectorError, match="stream 'sales': at '/data/items'") as caught:
        await read(HttpSource(), config)
    assert said in caught.value.message
    assert caught.value.kind is ErrorKind.CONFIG
    check = await checked(config)
    assert not check.is_success()


async def checked(config: HttpSourceConfig) -> Any:
    source = HttpSource()
    await source.open(config)
    try:
        return await source.check(config)
    finally:
        await source.close()


@pytest.mark.parametrize("key", ["a/b", "m~n", "", "x y", "0"])
async def test_pointers_reach_awkward_names(read: Any, api: HttpApi, key: str) -> None:
    api.intercept = answers({key: [{"list": [{"id": 7}]}]})
    pointer = "/" + key.replace("~", "~0").replace("/", "~1") + "/0/list"
    found = await read(HttpSource(), config_of(api, "all", records=pointer))
    assert ids(found) == [7]


async def test_what_is_no_object_becomes_poison_before_its_page(read: Any, api: HttpApi) -> None:
    api.intercept = answers([{"id": 1}, 5, {"id": 2}, [3], None, "x"])
    found = await read(HttpSource(), config_of(api, "all"))
    assert ids(found) == [1, 2]
    assert [poison.raw for poison in found.poison] == [b"5", b"[3]", b"null", b'"x"']
    assert "a record is an object, and this is a number" in found.poison[0].error
    items = opened_items(config_of(api, "all"))
    assert isinstance(await anext(items), Poison)
    await items.aclose()


@pytest.mark.parametrize(("records", "front", "back"), [("", "", ""), ("/data", '{"data": ', "}")])
async def test_half_a_surrogate_pair_spoils_its_record_alone(
    read: Any, api: HttpApi, records: str, front: str, back: str
) -> None:
    """Grammar allows it (RFC 8259, 8.2), and what cuts texts at a length produces it."""
    spoilt = r'{"id": 2, "note": ["cut \ud83d"]}'
    api.intercept = answers(rf'{front}[{{"id": 1, "note": "\ud83d\ude00"}}, {spoilt}, 3]{back}')
    found = await read(HttpSource(), config_of(api, "all", records=records))
    assert [event.data for event in found.events] == [{"id": 1, "note": "\U0001f600"}]
    assert [json.loads(one.raw) for one in found.poison] == [json.loads(spoilt), 3]
    assert "half of a surrogate pair" in found.poison[0].error


async def test_a_token_that_no_url_can_hold_stops(read: Any, api: HttpApi) -> None:
    api.intercept = answers(r'{"data": [], "meta": {"next": "\ud83d"}}')
    with pytest.raises(ConnectorError, match="half of a surrogate pair") as caught:
        await read(HttpSource(), config_of(api))
    assert caught.value.fatal


async def opened_items(config: HttpSourceConfig, state: State | None = None) -> Any:
    source = HttpSource()
    await source.open(config)
    catalog = ConfiguredCatalog.from_catalog(await source.discover(config))
    items = source.read(config, catalog, state)
    try:
        async for item in items:
            yield item
    finally:
        await items.aclose()  # type: ignore[attr-defined]  # a reading by hooks is a generator
        await source.close()


NOT_JSON = [b"<html>", b"", b"{", b'{"a": "\xff"}', b'{"a": 1e400}', b"[" * 100_000, b'{"a": 1} x']


@pytest.mark.parametrize("body", NOT_JSON)
@pytest.mark.parametrize("records", ["", "/a"])
async def test_what_is_not_json_may_pass(
    read: Any, api: HttpApi, body: bytes, records: str
) -> None:
    api.intercept = answers(body)
    says = "the body is not JSON, but text/plain$"
    with pytest.raises(ConnectorError, match=says) as caught:
        await read(HttpSource(), config_of(api, "all", records=records))
    assert caught.value.retryable


@pytest.mark.parametrize(
    "link",
    [
        "http://169.254.169.254/latest/meta-data",
        "//elsewhere.example.com/",
        "file:///etc/passwd",
        "http://user:pw@127.0.0.1/",
    ],
)
@pytest.mark.parametrize("paging", ["next", "link"])
async def test_n6_a_link_to_another_origin_is_not_followed(
    api: HttpApi, paging: str, link: str
) -> None:
    body: Any = {"items": [{"id": 1}], "next": link} if paging == "next" else [{"id": 1}]
    api.intercept = answers(body, **({"Link": f'<{link}>; rel="next"'} if paging == "link" else {}))
    items = opened_items(config_of(api, paging))
    assert (await anext(items)).records == [{"id": 1}], "the page before the link counts"
    with pytest.raises(ConnectorError, match=r"origin|http or https|credentials") as caught:
        await anext(items)
    assert not caught.value.retryable
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("paging", "bodies"),
    [
        ("next", [{"items": [{"id": 1}], "next": "/next/orders"}]),
        ("next", [{"items": [], "next": "/a"}, {"items": [], "next": "/b"}, {"items": [], "next": "/a"}]),
        ("cursor", [{"data": [{"id": 1}], "meta": {"next": "t"}}]),
        ("cursor", [{"data": [], "meta": {"next": 1}}, {"data": [], "meta": {"next": 2}},
                    {"data": [], "meta": {"next": 1}}]),
        ("pages", [{"data": [{"id": 1}]}]),
        ("offset", [{"data": [{"id": 1}]}]),
        ("pages", [{"data": [{"id": 1}], "took_ms": 1}, {"data": [{"id": 1}], "took_ms": 2},
                   {"data": []}]),
    ],
)  # fmt: skip
async def test_pages_that_go_in_a_circle_end(
    read: Any, api: HttpApi, paging: str, bodies: list[Any]
) -> None:
    api.intercept = answers(*bodies)
    async with asyncio.timeout(20):
        with pytest.raises(ConnectorError, match=r"in a circle|byte for byte") as caught:
            await read(HttpSource(), config_of(api, paging))
    assert caught.value.fatal
    assert len(api.requests) <= len(bodies) + 1


@pytest.mark.parametrize("records", ["/result/data", "/result/pages/0/data"])
async def test_pages_with_the_same_records_deep_inside_end(
    read: Any, api: HttpApi, records: str
) -> None:
    found = {"data": [{"id": 1}]}
    bodies = [{"result": {**found, "pages": [found], "took_ms": number}} for number in range(3)]
    api.intercept = answers(*bodies, {"result": {"data": [], "pages": [{"data": []}]}})
    with pytest.raises(ConnectorError, match="byte for byte"):
        await read(HttpSource(), config_of(api, "pages", records=records))
    assert len(api.requests) == 2


@pytest.mark.parametrize("link", [5, ["a"], {"a": 1}])
async def test_a_link_that_is_no_text_stops(read: Any, api: HttpApi, link: Any) -> None:
    api.intercept = answers({"items": [], "next": link})
    with pytest.raises(ConnectorError, match="is no text"):
        await read(HttpSource(), config_of(api, "next"))


@pytest.mark.parametrize("token", [None, False, 0, "", [], {}])
async def test_a_token_that_says_nothing_ends_the_stream(
    read: Any, api: HttpApi, token: Any
) -> None:
    api.intercept = answers({"data": [{"id": 1}], "meta": {"next": token}})
    assert ids(await read(HttpSource(), config_of(api))) == [1]
    assert len(api.requests) == 1


async def test_a_pointer_to_no_token_is_said(
    read: Any, api: HttpApi, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        pages = {"type": "cursor", "path": "/meta/nxt"}
        await read(HttpSource(), config_of(api, pagination=pages))
    assert "nothing at /meta/nxt" in caplog.text


async def test_the_check_names_the_stream_that_fails(api: HttpApi) -> None:
    assert (await checked(config_of(api))).is_success()
    missing = await checked(config_of(api, streams=[{"name": "a", "path": "b"}]))
    assert "HTTP 404" in str(missing)
    api.allowed = lambda _: False
    assert "HTTP 401" in str(await checked(config_of(api)))


async def test_no_content_is_no_records(read: Any, api: HttpApi) -> None:
    api.intercept = lambda _: web.Response(status=204)
    assert (await read(HttpSource(), config_of(api, "all", records="/data"))).events == []
