from __future__ import annotations

import asyncio
import copy
import datetime
from collections import Counter
from typing import Any

import pytest

from rivven_connect import (
    ConfiguredCatalog,
    EventBatch,
    EventType,
    JsonObject,
    SourceEvent,
    SyncMode,
)
from rivven_connect.connectors.datagen_source import DatagenSource
from rivven_connect.connectors.datagen_source import pace as pace_module
from rivven_connect.connectors.datagen_source._generated import DatagenSourceConfig
from rivven_connect.connectors.datagen_source.pace import Pace
from rivven_connect.connectors.datagen_source.records import WINDOW, RecordMaker

PATTERNS = ["sequence", "random", "users", "orders", "events", "metrics", "key_value"]


def config_of(**values: Any) -> DatagenSourceConfig:
    quick = {"seed": 1, "events_per_second": 0, "include_timestamp": False, "max_events": 200}
    return DatagenSourceConfig.parse({**quick, **values})


def shown(events: list[SourceEvent]) -> list[tuple[Any, ...]]:
    return [(e.event_type, e.stream, e.namespace, e.position, e.data) for e in events]


def test_defaults_are_those_of_the_original() -> None:
    assert DatagenSourceConfig().dump() == {
        "pattern": "random",
        "max_events": 0,
        "events_per_second": 10,
        "batch_size": 100,
        "stream_name": "datagen",
        "include_sequence": True,
        "include_timestamp": True,
        "custom_fields": {},
        "cdc_mode": False,
    }


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_records_follow_from_the_seed_alone(read: Any, pattern: str) -> None:
    first = await read(DatagenSource(), config_of(pattern=pattern))
    again = await read(DatagenSource(), config_of(pattern=pattern, batch_size=7))
    other = await read(DatagenSource(), config_of(pattern=pattern, seed=2))
    assert shown(first.events) == shown(again.events)
    assert (shown(first.events) == shown(other.events)) is (pattern == "sequence")


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_no_two_records_share_the_primary_key(read: Any, pattern: str) -> None:
    config = config_of(pattern=pattern)
    stream = (await DatagenSource().discover(config)).streams[0]
    ((key,),) = stream.source_defined_primary_key
    found = await read(DatagenSource(), config)
    assert len({event.data[key] for event in found.events}) == 200


async def test_users_orders_and_pairs_have_their_shapes(read: Any) -> None:
    users = [e.data for e in (await read(DatagenSource(), config_of(pattern="users"))).events]
    assert [user["user_id"] for user in users[:2]] == ["user_00000000", "user_00000001"]
    assert {user["age"] for user in users} <= set(range(18, 80))
    assert all(datetime.date.fromisoformat(user["signup_date"]) for user in users)
    orders = [e.data for e in (await read(DatagenSource(), config_of(pattern="orders"))).events]
    assert orders[7]["order_id"] == "ORD-00000007"
    assert {order["quantity"] for order in orders} == set(range(1, 10))
    assert all(
        order["total_amount"] == pytest.approx(order["quantity"] * order["unit_price"])
        for order in orders
    )
    pairs = [e.data for e in (await read(DatagenSource(), config_of(pattern="key_value"))).events]
    assert pairs[3]["key"] == "key_00000003"
    events = [e.data for e in (await read(DatagenSource(), config_of(pattern="events"))).events]
    assert len({event["event_type"] for event in events}) == 10
    values = [e.data for e in (await read(DatagenSource(), config_of())).events]
    assert {value["category"] for value in values} == set("ABCD")


async def test_every_record_gets_what_the_config_adds(read: Any) -> None:
    config = config_of(
        pattern="sequence", include_timestamp=True, custom_fields={"env": "test", "list": [None]}
    )
    found = await read(DatagenSource(), config)
    assert all(e.data["env"] == "test" and e.data["list"] == [None] for e in found.events)
    assert [e.data["_sequence"] for e in found.events] == list(range(200))
    assert all(len({r["_timestamp"] for r in batch.records}) == 1 for batch in found.batches)
    plain = await read(DatagenSource(), config_of(pattern="sequence", include_sequence=False))
    assert [e.data for e in plain.events] == [{"value": n} for n in range(200)]


async def test_stream_and_namespace_are_those_of_the_config(read: Any) -> None:
    config = config_of(stream_name="people", namespace="demo")
    stream = (await DatagenSource().discover(config)).streams[0]
    assert stream.full_name() == "demo.people"
    found = await read(DatagenSource(), config)
    assert {(e.stream, e.namespace) for e in found.events} == {("people", "demo")}
    rest = await read(DatagenSource(), config, found.states[0][1])
    assert shown(rest.events) == shown(found.events[100:])


async def test_batches_are_as_large_as_the_config_says(read: Any) -> None:
    found = await read(DatagenSource(), config_of(batch_size=60))
    assert [len(batch) for batch in found.batches] == [60, 60, 60, 20]


@pytest.mark.parametrize("cdc_mode", [False, True])
async def test_resuming_at_any_state_goes_on_identically(read: Any, cdc_mode: bool) -> None:
    config = config_of(pattern="orders", cdc_mode=cdc_mode, batch_size=3)
    full = await read(DatagenSource(), config)
    assert len(full.events) == 200
    assert len(full.states) == 67
    for after, state in full.states:
        rest = await read(DatagenSource(), config, state)
        assert shown(full.events[:after] + rest.events) == shown(full.events)


async def test_a_drawn_seed_is_kept_in_the_state(read: Any) -> None:
    values = {
        "events_per_second": 0,
        "max_events": 50,
        "batch_size": 10,
        "include_timestamp": False,
    }
    config = DatagenSourceConfig.parse(values)
    first = await read(DatagenSource(), config)
    other = await read(DatagenSource(), config)
    rest = await read(DatagenSource(), config, first.states[1][1])
    assert shown(first.events) != shown(other.events)
    assert shown(first.events[20:]) == shown(rest.events)


async def test_max_events_counts_all_runs(read: Any) -> None:
    full = await read(DatagenSource(), config_of())
    end = full.states[-1][1]
    assert (await read(DatagenSource(), config_of(), end)).events == []
    more = await read(DatagenSource(), config_of(max_events=210), end)
    assert [e.position for e in more.events] == list(range(200, 210))


async def test_a_full_refresh_starts_over_once_it_is_complete(read: Any) -> None:
    refresh = SyncMode.FULL_REFRESH
    full = await read(DatagenSource(), config_of(), mode=refresh)
    broken_off, complete = full.states[0][1], full.states[-1][1]
    rest = await read(DatagenSource(), config_of(), broken_off, mode=refresh)
    again = await read(DatagenSource(), config_of(), complete, mode=refresh)
    assert shown(rest.events) == shown(full.events[100:])
    assert shown(again.events) == shown(full.events)


async def test_a_state_of_another_form_is_an_error(read: Any) -> None:
    with pytest.raises(Exception, match="sequence"):
        await read(DatagenSource(), config_of(), {"sequence": "12"})


def apply(table: dict[str, JsonObject], event: SourceEvent, *, known: int) -> None:
    """Do to the table what the event says, and fail if the table is not what the event says."""
    before, after = event.before(), event.after()
    if event.event_type is EventType.INSERT:
        assert after["user_id"] not in table
    else:
        assert table[before["user_id"]] == before
        assert before["_sequence"] >= known, "of a row that belongs to an earlier window"
    if event.event_type is EventType.DELETE:
        del table[before["user_id"]]
    else:
        assert before is None or before["user_id"] == after["user_id"]
        table[after["user_id"]] = after


async def test_changes_are_those_of_a_real_table(read: Any) -> None:
    config = config_of(pattern="users", cdc_mode=True, max_events=2 * WINDOW + 500, batch_size=5000)
    found = await read(DatagenSource(), config)
    table: dict[str, JsonObject] = {}
    for number, event in enumerate(found.events):
        apply(table, event, known=number - number % WINDOW)
        assert event.metadata is not None
        assert event.metadata.extra["cdc"] == {
            "operation": event.event_type.value,
            "sequence": number,
            "source": "datagen",
            "simulated": True,
        }
    starts = [found.events[n].event_type for n in (0, WINDOW, 2 * WINDOW)]
    assert starts == [EventType.INSERT] * 3
    counts = Counter(event.event_type for event in found.events)
    shares = [counts[kind] / len(found.events) for kind in ("insert", "update", "delete")]
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.02)


@pytest.mark.parametrize("start", [1, WINDOW - 1, WINDOW, WINDOW + 1, WINDOW + 5_000])
def test_changes_resume_anywhere_in_a_window(start: int) -> None:
    maker = RecordMaker(config_of(pattern="users", cdc_mode=True), 5)
    full, resumed = maker.changes(0), maker.changes(start)
    expected = [next(full) for _ in range(start + 300)][start:]
    assert [next(resumed) for _ in range(300)] == expected


async def test_only_new_images_of_a_change_have_a_timestamp(read: Any) -> None:
    config = config_of(pattern="users", cdc_mode=True, include_timestamp=True)
    for event in (await read(DatagenSource(), config)).events:
        assert event.after() is None or "_timestamp" in event.after()
        assert event.before() is None or "_timestamp" not in event.before()


@pytest.mark.parametrize("cdc_mode", [False, True])
async def test_whoever_changes_an_event_changes_no_other(read: Any, cdc_mode: bool) -> None:
    def deface(value: Any) -> None:
        for inner in value.values() if isinstance(value, dict) else value:
            if isinstance(inner, dict | list):
                deface(inner)
        value.clear()

    custom = {"list": [1, {"a": 2}], "object": {"b": [3]}}
    config = config_of(pattern="events", cdc_mode=cdc_mode, batch_size=1, custom_fields=custom)
    untouched = await read(DatagenSource(), copy.deepcopy(config))
    catalog = ConfiguredCatalog.from_catalog(await DatagenSource().discover(config))
    number = 0
    async for item in DatagenSource().read(config, catalog, None):
        assert isinstance(item, SourceEvent | EventBatch)
        data = item.data if isinstance(item, SourceEvent) else item.records[0]
        assert data == untouched.events[number].data
        deface(data)
        number += 1
    assert number == 200


class FakeClock:
    """Stands in for `time` and `asyncio`; sleeping takes no time, a tick too long each time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds + 0.001


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr(pace_module, "time", fake)
    monkeypatch.setattr(pace_module, "asyncio", fake)
    return fake


@pytest.mark.parametrize(("rate", "size"), [(1, 1), (10, 1), (300, 30), (100_000, 100)])
async def test_the_rate_is_kept_with_few_sleeps(clock: FakeClock, rate: int, size: int) -> None:
    pace = Pace(rate)
    assert pace.batch_size(100) == size
    started, made = clock.now, 0
    while clock.now < started + 20:
        await pace.wait(size)
        made += size
    assert made == pytest.approx(20 * rate, rel=0.06)
    assert len(clock.sleeps) <= 20 * 100
    assert min(clock.sleeps) >= 0.01


async def test_what_fell_behind_is_not_caught_up_in_one_go(clock: FakeClock) -> None:
    pace = Pace(100)
    await pace.wait(10)
    clock.now += 3600
    for _ in range(15):
        await pace.wait(10)
    assert sum(clock.sleeps) == pytest.approx(0.4, abs=0.11)


async def test_a_slow_source_can_be_stopped(read: Any) -> None:
    config = config_of(events_per_second=1, max_events=0)
    task = asyncio.create_task(read(DatagenSource(), config))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_endless_source_without_a_rate_lets_others_work(read: Any) -> None:
    task = asyncio.create_task(read(DatagenSource(), config_of(max_events=0, batch_size=1000)))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
