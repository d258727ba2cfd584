"""Requests at once: as many as may be, in an order that is promised, at a rate that is kept."""

from __future__ import annotations

import asyncio
import datetime
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from http_kit import Answer, Request, respond, serve

from rivven_connect import (
    Catalog,
    ConfiguredCatalog,
    EventBatch,
    RateLimiter,
    RetryableError,
    SourceEvent,
    Stream,
)
from rivven_connect.connectors.http_webhook_sink import HttpWebhookSink
from rivven_connect.connectors.http_webhook_sink.keys import KeyReader
from rivven_connect.connectors.http_webhook_sink.waves import plan_waves

from .webhook_kit import KEYED, Together, config_of, event, ids, opened, sent, write, write_rows


def rows(*numbers: int) -> list[dict[str, int]]:
    return [{"id": number} for number in numbers]


@pytest.mark.parametrize("at_once", [1, 2, 4, 7])
@pytest.mark.parametrize("catalog", [None, KEYED], ids=["no key", "key"])
async def test_so_many_requests_are_under_way_and_no_more(
    at_once: int, catalog: ConfiguredCatalog | None
) -> None:
    """Each answer waits for as many requests: with fewer at once, none would ever come."""
    answer = Together(at_once)
    count = 3 * at_once * 5
    with serve(answer) as server:
        result = await write_rows(
            server,
            rows(*range(count)),
            batch_size=5,
            max_concurrency=at_once,
            timeout_ms=20_000,
            catalog=catalog,
        )
    assert answer.most == at_once
    assert sorted(number for request in ids(server) for number in request) == list(range(count))
    assert result.records_written == count


def test_a_full_request_is_enough_for_a_write_that_may_be_larger() -> None:
    sink = HttpWebhookSink()
    limits = sink.batch_config(config_of("http://h/"))
    assert (limits.due_records, limits.max_records, limits.max_wait_ms) == (100, 6400, 1000)
    alone = sink.batch_config(config_of("http://h/", batch_size=1, max_concurrency=1))
    assert (alone.due_records, alone.max_records) == (1, 20)
    slow = sink.batch_config(config_of("http://h/", rate_limit_rps=2, batch_timeout_ms=50))
    assert (slow.due_records, slow.max_records, slow.max_wait_ms) == (100, 200, 50)


class Late:
    """Holds back the first request until others have come, or it is clear that none will."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self._requests = 0
        self._others = asyncio.Event()

    async def __call__(self, request: Request, writer: Any) -> None:
        self._requests += 1
        if self._requests > 1:
            self._others.set()
        else:
            try:
                async with asyncio.timeout(0.2):
                    await self._others.wait()
            except TimeoutError:
                pass
        self.done += [row["version"] for row in sent(request)]
        await respond()(request, writer)


def versions(*keys: int) -> list[dict[str, int]]:
    """Return a record of each key; versions count through all of them."""
    return [{"id": key, "version": version} for version, key in enumerate(keys)]


@pytest.mark.parametrize("whole", [True, False], ids=["batches", "events"])
async def test_records_of_one_key_never_overtake_each_other(whole: bool) -> None:
    late = Late()
    made = versions(1, 1, 1)
    with serve(late) as server:
        if whole:
            await write_rows(server, made, batch_size=1, catalog=KEYED)
        else:
            events = [SourceEvent.record("orders", row) for row in made]
            await write(server, events, batch_size=1, catalog=KEYED, include_metadata=False)
    assert late.done == [0, 1, 2]


async def test_records_without_a_key_may_overtake_each_other() -> None:
    late = Late()
    with serve(late) as server:
        await write_rows(server, versions(1, 1), batch_size=1)
    assert late.done == [1, 0]


async def test_with_one_at_a_time_all_records_keep_their_order() -> None:
    late = Late()
    with serve(late) as server:
        await write_rows(server, versions(*range(5)), batch_size=1, max_concurrency=1)
    assert late.done == [0, 1, 2, 3, 4]


WAVES: dict[str, tuple[list[Any], list[list[list[int]]]]] = {
    "apart": ([1, 2, 3, 4], [[[0, 1], [2, 3]]]),
    "same in one request": ([1, 1, 2, 3], [[[0, 1], [2, 3]]]),
    "same in two": ([1, 2, 2, 3], [[[0, 1]], [[2, 3]]]),
    "last meets first": ([1, 2, 3, 4, 1], [[[0, 1], [2, 3]], [[4]]]),
    "none": ([], []),
}


@pytest.mark.parametrize("name", WAVES)
def test_a_wave_has_each_key_once(name: str) -> None:
    keys, expected = WAVES[name]
    waves = plan_waves(None, keys, len(keys), batch_size=2)
    assert [[list(request) for request in wave] for wave in waves] == expected


def catalog_of(*key: list[str]) -> ConfiguredCatalog:
    stream = Stream(name="orders", source_defined_primary_key=list(key))
    return ConfiguredCatalog.from_catalog(Catalog.single_stream(stream))


def of_rows(catalog: ConfiguredCatalog, *batches: EventBatch) -> Any:
    reader = KeyReader.of(catalog)
    assert reader is not None
    return reader.of_batches(batches)


def test_keys_are_read_from_the_records_of_a_batch() -> None:
    rows = [{"id": 1, "a": {"id": 9}}, {"id": "1"}, {"b": 2}, {"id": None}, "text"]
    assert of_rows(catalog_of(["id"]), EventBatch("orders", rows)) == [1, "1", None, None, None]
    several = EventBatch("orders", [{"a": 1, "b": "x"}, {"b": "x"}])
    assert of_rows(catalog_of(["a"], ["b"]), several) == [(1, "x"), (None, "x")]


def test_keys_of_several_streams_are_different_things() -> None:
    """Of one stream they are equal; records of a stream without a key are apart from all."""
    named = [Stream(name=one, source_defined_primary_key=[["id"]]) for one in ("orders", "items")]
    catalog = ConfiguredCatalog.from_catalog(Catalog(named))
    batches = [
        EventBatch(one, [{"id": 1}]) for one in ("orders", "items", "logs", "logs", "orders")
    ]
    keys = of_rows(catalog, *batches)
    assert keys[0] == keys[4]
    assert len(set(keys)) == 4


@pytest.mark.parametrize(
    "batch",
    [
        EventBatch("orders", [{"id": [1]}]),
        EventBatch("orders", [{"id": datetime.date(2026, 1, 2)}]),
        EventBatch("orders", [{"id": 1}, {"id": math.nan}]),
        EventBatch("orders", [{"id": 1}], event_types=["delete"]),  # type: ignore[list-item]  # as JSON has it
    ],
)
def test_what_a_batch_does_not_say_its_events_say(batch: EventBatch) -> None:
    assert of_rows(catalog_of(["id"]), batch) is None


def test_keys_of_changes() -> None:
    reader = KeyReader.of(catalog_of(["id"], ["at", "place"]))
    assert reader is not None
    one = {"id": 1, "at": {"place": "x"}}
    other = {"id": 2, "at": {"place": "x"}}
    events = [
        SourceEvent.insert("orders", one),
        SourceEvent.update("orders", one, other),
        SourceEvent.delete("orders", other),
        SourceEvent.update("orders", None, one),
        SourceEvent.record("orders", {}),
        SourceEvent.record("orders", {"id": {"a": []}, "at": 5}),
        SourceEvent.record("items", one),
    ]
    inserted, changed, deleted, updated, empty, odd, foreign = reader.of_events(events)
    assert changed == (deleted, inserted)
    assert inserted == updated
    assert len({inserted, deleted, empty, odd, foreign}) == 5
    waves = plan_waves(None, [inserted, changed, deleted], 3, batch_size=1)
    assert len(waves) == 3


def test_without_any_primary_key_there_is_nothing_to_read() -> None:
    assert KeyReader.of(catalog_of()) is None


class Clock:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now = max(self.now, self.now + seconds)
        await asyncio.sleep(0)


async def test_the_rate_holds_for_all_requests_together() -> None:
    """One more than fits into a second goes at once, and the others as time passes."""
    clock = Clock()
    starts: list[float] = []

    async def note(request: Request, writer: Any) -> None:
        starts.append(clock.now)
        await respond()(request, writer)

    with serve(note) as server:
        async with opened(
            server, rate_limit_rps=2, batch_size=1, max_concurrency=1, include_metadata=False
        ) as (sink, config):
            _use(sink, clock)
            await sink.write_batch(config, [event(number) for number in range(9)])
    assert starts == [0.0, 0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]


async def test_the_rate_counts_further_attempts() -> None:
    clock = Clock()
    with serve(*[respond(500)] * 4, respond()) as server:
        async with opened(server, rate_limit_rps=1, retry_count=4, retry_backoff_ms=100) as (
            sink,
            config,
        ):
            _use(sink, clock)
            _sleep_at_once(sink)
            await sink.write_batch(config, [event(1)])
    assert len(server.requests) == 5
    assert clock.now == 3.0


async def test_no_rate_is_no_limit() -> None:
    clock = Clock()
    with serve(respond()) as server:
        async with opened(server, batch_size=1) as (sink, config):
            _use(sink, clock)
            await sink.write_batch(config, [event(number) for number in range(50)])
    assert (clock.now, len(server.requests)) == (0.0, 50)


def _use(sink: HttpWebhookSink, clock: Clock) -> None:
    """Let the sink's limiter live in the clock's time."""
    sender = sink._require_sender()
    sender._limiter = RateLimiter(sender._limiter.config, clock=clock, sleep=clock.sleep)


def _sleep_at_once(sink: HttpWebhookSink) -> None:
    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    sink._require_sender()._sleep = sleep


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits before further attempts, which take no time."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    opening: Callable[..., Awaitable[None]] = HttpWebhookSink.open

    async def open_and_replace(self: HttpWebhookSink, config: Any) -> None:
        await opening(self, config)
        self._require_sender()._sleep = sleep

    monkeypatch.setattr(HttpWebhookSink, "open", open_and_replace)
    return found


async def test_the_wait_doubles_and_a_quarter_of_it_is_random(waits: list[float]) -> None:
    with serve(respond(500)) as server, pytest.raises(RetryableError):
        await write(server, [event(1)], retry_count=10)
    assert len(server.requests) == 11
    for attempt, wait in enumerate(waits):
        least = min(2.0**attempt, 50.0)
        assert least <= wait <= min(1.25 * 2**attempt, 60.0)
    assert len({wait / 2**attempt for attempt, wait in enumerate(waits[:5])}) > 1


@pytest.mark.parametrize(
    ("answer", "least", "most"),
    [
        (respond(429, Retry_After="7"), 7, 7),
        (respond(503, Retry_After="60"), 60, 60),
        (respond(503, Retry_After="0"), 0.1, 0.125),
        (respond(429, Retry_After="soon"), 0.1, 0.125),
    ],
)
async def test_a_wait_that_is_asked_for_is_honoured(
    waits: list[float], answer: Answer, least: float, most: float
) -> None:
    with serve(answer, respond()) as server:
        result = await write(server, [event(1)], retry_count=1, retry_backoff_ms=100)
    assert result.records_written == 1
    assert least - 0.001 <= waits[0] <= most + 0.001


async def test_a_longer_wait_is_left_to_the_pipeline(waits: list[float]) -> None:
    with (
        serve(respond(429, Retry_After="61")) as server,
        pytest.raises(RetryableError) as failed,
    ):
        await write(server, [event(1)], retry_count=5)
    assert (failed.value.retry_after, waits, len(server.requests)) == (61.0, [], 1)
