"""The default `read` over `read_<stream>` hooks: cursors, ties, ends, order."""

from __future__ import annotations

import asyncio
import decimal
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import pytest

from rivven_connect import (
    Catalog,
    ConfiguredCatalog,
    ConfiguredStream,
    ConnectorError,
    EventBatch,
    GeneratedSpec,
    Item,
    JsonObject,
    Page,
    Poison,
    Source,
    SourceEvent,
    State,
    Stream,
    StreamSet,
    StreamSpec,
    SyncMode,
)
from rivven_connect._cursor import _ascends
from rivven_connect._pump import Pump
from rivven_connect.config import SourceConfig

INCREMENTAL = (SyncMode.INCREMENTAL, SyncMode.FULL_REFRESH)


class NoConfig(SourceConfig):
    pass


class NoSpec(GeneratedSpec):
    @classmethod
    def catalog_schemas(cls) -> dict[str, JsonObject]:
        return {}


def make(rows: Any, **stream: Any) -> Source[NoConfig]:
    """Return a source of one stream `s`, whose hook calls `rows(cursor)`."""

    class Streams(StreamSet):
        s = StreamSpec[JsonObject](name="s", hook="read_s", **stream)

    class Made(Source[NoConfig]):
        config_type = NoConfig
        spec_type = NoSpec
        streams: ClassVar[Streams] = Streams()

        def read_s(self, config: NoConfig, cursor: Any) -> Any:
            return rows(cursor)

    return Made()


async def read(source: Source[NoConfig], state: JsonObject | None = None) -> list[Item]:
    catalog = ConfiguredCatalog.from_catalog(await source.discover(NoConfig()))
    saved = State.from_json(state) if state is not None else None
    return [item async for item in source.read(NoConfig(), catalog, saved)]


def run(source: Source[NoConfig], state: JsonObject | None = None) -> list[Item]:
    return asyncio.run(read(source, state))


def ids(items: list[Item]) -> list[Any]:
    return [r["id"] for item in items if isinstance(item, EventBatch) for r in item.records]


def states(items: list[Item]) -> list[JsonObject]:
    return [i.state for i in items if isinstance(i, EventBatch) and i.state is not None]


def tied(cursor: Any) -> Iterator[JsonObject]:
    rows = [{"id": i, "t": i // 4} for i in range(12)]
    yield from (row for row in rows if cursor is None or row["t"] >= cursor)


KEYED: dict[str, Any] = {
    "primary_key": (("id",),),
    "cursor": "t",
    "cursor_order": "ascending",
    "sync_modes": INCREMENTAL,
}


def one_by_one(rows: Any) -> Any:
    """Make each record a page of its own, so that there is a state behind each."""
    return lambda cursor: ([row] for row in rows(cursor))


def test_resuming_from_every_state_loses_and_repeats_nothing() -> None:
    source = make(one_by_one(tied), **KEYED)
    items = run(source)
    assert ids(items) == list(range(12))
    for seen, state in enumerate(states(items), start=1):
        assert ids(run(source, {"s": state})) == list(range(seen, 12))


def test_ties_repeat_without_a_primary_key_and_are_never_lost() -> None:
    source = make(one_by_one(tied), **(KEYED | {"primary_key": ()}))
    for seen, state in enumerate(states(run(source)), start=1):
        again = ids(run(source, {"s": state}))
        assert set(again) >= set(range(seen, 12))
        assert set(again) <= set(range((seen - 1) // 4 * 4, 12))


class Discovering(Source[NoConfig]):
    """Knows its streams only when it looks."""

    config_type = NoConfig
    spec_type = NoSpec

    async def discover(self, config: NoConfig) -> Catalog:
        one = StreamSpec[JsonObject](name="s", hook="read_s", **KEYED)
        return Catalog([one.stream({}), Stream(name="other", namespace="n")])

    def read_discovered(self, config: NoConfig, chosen: ConfiguredStream, cursor: Any) -> Any:
        if chosen.stream.name == "other":
            return iter([{"id": chosen.stream.full_name(), "cursor": cursor}])
        return one_by_one(tied)(cursor)


def test_streams_that_are_discovered_have_cursor_and_keys_like_declared_ones() -> None:
    items = run(Discovering())
    assert ids(items) == [*range(12), "n.other"]
    resumable = [state for state in states(items) if "seen" in state]
    assert len(resumable) == 12
    for seen, state in enumerate(resumable, start=1):
        assert ids(run(Discovering(), {"s": state})) == [*range(seen, 12), "n.other"]


class Polling(Discovering):
    """Has one more record at each look."""

    looks = 0
    order = "ascending"

    async def discover(self, config: NoConfig) -> Catalog:
        one = StreamSpec[JsonObject](name="s", hook="", **KEYED | {"cursor_order": self.order})
        return Catalog([one.stream({})])

    def poll_interval_ms(self, config: NoConfig) -> float | None:
        return 1

    def read_discovered(self, config: NoConfig, chosen: ConfiguredStream, cursor: Any) -> Any:
        self.looks += 1
        rows = [{"id": number, "t": number // 3} for number in range(self.looks)]
        return iter([row for row in rows if cursor is None or row["t"] >= cursor])


@pytest.mark.parametrize("order", ["ascending", "unordered"])
def test_a_source_that_polls_goes_on_where_the_last_pass_ended(order: str) -> None:
    source = Polling()
    source.order = order
    given = State({"s": {"cursor": 0, "seen": [[0]]}})
    before = given.to_json()

    async def poll() -> list[Any]:
        catalog = ConfiguredCatalog.from_catalog(await source.discover(NoConfig()))
        found: list[Any] = []
        items = source.read(NoConfig(), catalog, given)
        async for item in items:
            found += [row["id"] for row in item.records] if isinstance(item, EventBatch) else []
            if len(found) >= 8:
                break
        await items.aclose()  # type: ignore[attr-defined]  # the default is a generator
        return found

    async def bounded() -> list[Any]:
        async with asyncio.timeout(20):
            return await poll()

    assert asyncio.run(bounded()) == list(range(1, 9))
    assert given.to_json() == before, "a state that was given belongs to who gave it"


def test_a_stream_that_nobody_reads_is_an_error() -> None:
    nameless = make(tied, **KEYED)
    catalog = ConfiguredCatalog.from_catalog(Catalog([Stream(name="unknown")]))

    async def read_unknown() -> None:
        async for _ in nameless.read(NoConfig(), catalog, None):
            pass

    with pytest.raises(ConnectorError, match="declares no stream 'unknown'"):
        asyncio.run(read_unknown())


@pytest.mark.parametrize("order", ["ascending", "unordered"])
def test_a_record_that_changes_in_each_run_does_not_make_the_state_grow(order: str) -> None:
    rows = [{"id": 0, "t": 5}, {"id": 1, "t": 5, "v": 0}]
    source = make(lambda _: iter(rows), **(KEYED | {"cursor_order": order}))
    state: dict[str, Any] = {}
    for number in range(1, 4):
        rows[1] = {"id": 1, "t": 5, "v": number}
        items = run(source, {"s": state})
        assert ids(items) == ([0, 1] if number == 1 else [1])
        (state,) = states(items)
        state.pop("complete", None)
        assert state["seen"] == [[0], [1]]
        assert len(state["versions"]) == 2


def test_a_late_record_at_the_cursor_is_delivered() -> None:
    source = make(lambda _: iter([{"id": 1, "t": 5}, {"id": 2, "t": 5}]), **KEYED)
    assert ids(run(source, {"s": {"cursor": 5, "seen": [[1]]}})) == [2]


@pytest.mark.parametrize("order", ["ascending", "unordered"])
def test_a_record_that_changed_within_one_tick_of_its_clock_comes_again(order: str) -> None:
    rows = [{"id": 1, "t": 5, "v": "a", "w": 1}, {"id": 2, "t": 5, "v": "b", "w": 2}]
    source = make(lambda _: iter(rows), **(KEYED | {"cursor_order": order}))
    (state,) = states(run(source))
    state.pop("complete", None)
    rows[0] = {"w": 1, "v": "a", "t": 5, "id": 1}  # the same, in another order
    rows[1] = {"id": 2, "t": 5, "v": "changed", "w": 2}
    items = run(source, {"s": state})
    assert ids(items) == [2]
    (now,) = states(items)
    now.pop("complete", None)
    assert ids(run(source, {"s": now})) == [], "what it is now is known as well"
    del state["versions"]
    assert ids(run(source, {"s": state})) == [], "a state from before knows the keys alone"


def test_a_state_stays_small_however_many_records_are_tied(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("rivven_connect._cursor.MOST_TIES", 3)
    source = make(lambda _: ([{"id": i, "t": 1}] for i in range(6)), **KEYED)
    with caplog.at_level(logging.WARNING):
        saved = states(run(source))
    assert max(len(state["seen"]) for state in saved) <= 3
    assert "a restart there repeats them" in caplog.text
    assert set(ids(run(source, {"s": saved[-1]}))) == set(range(6)), "repeated, not lost"


def test_a_record_that_is_no_object_names_its_hook() -> None:
    with pytest.raises(ConnectorError, match="read_s yields records"):
        run(make(lambda _: iter([["text"]]), **KEYED))


def test_an_ascending_stream_that_goes_down_becomes_unordered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = [{"id": 1, "t": 1}, {"id": 2, "t": 9}, {"id": 3, "t": 2}]
    source = make(lambda _: ([row] for row in rows), **KEYED)
    with caplog.at_level(logging.WARNING):
        items = run(source)
    assert ids(items) == [1, 2, 3]
    assert "went down" in caplog.text
    assert states(items)[2] == {"unordered": True}, "back to where the sync began"
    wanted = {"complete": 1, "cursor": 9, "seen": [[2]], "unordered": True}
    assert states(items)[-1].items() >= wanted.items()


@pytest.mark.parametrize(
    "page", [[1, 9, 2], [9, 1], [1, None, 2], [None, 1], [1, None], [None]], ids=str
)
def test_so_does_one_that_goes_down_inside_a_page_or_has_no_value_there(
    page: list[int | None], caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"id": number, "t": value} for number, value in enumerate(page)]
    with caplog.at_level(logging.WARNING):
        items = run(make(lambda _: iter([rows]), **KEYED))
    assert ids(items) == list(range(len(page)))
    wanted = "t is missing or null in a record" if None in page else "t went down"
    assert wanted in caplog.text
    assert states(items)[0] == {"unordered": True}
    highest = max((one for one in page if one is not None), default=None)
    assert states(items)[-1].get("cursor") == highest


@pytest.mark.parametrize("order", ["ascending", "unordered"])
def test_a_cursor_that_no_record_has_is_told(order: str, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong name would read everything again with each run, and say nothing."""
    with caplog.at_level(logging.WARNING):
        run(make(lambda _: iter([[{"id": 1, "at": 5}]]), **{**KEYED, "cursor_order": order}))
        assert "stream s: no record has a value in t, its cursor" in caplog.text
        caplog.clear()
        run(make(lambda _: iter([[{"id": 1, "t": None}, {"id": 2, "t": 5}]]), **KEYED))
        run(make(lambda _: iter([]), **KEYED))
    assert "no record has a value" not in caplog.text


def test_equal_and_rising_values_inside_a_page_are_in_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = [{"id": number, "t": value} for number, value in enumerate([0, 1, 1, 2])]
    with caplog.at_level(logging.WARNING):
        items = run(make(lambda _: iter([rows]), **KEYED))
    assert "went down" not in caplog.text
    assert states(items)[0].items() >= {"cursor": 2, "seen": [[3]]}.items()


def test_values_that_cannot_be_compared_inside_a_page_name_the_field(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = [{"id": 1, "t": 1}, {"id": 2, "t": "b"}]
    with pytest.raises(ConnectorError, match="values of the cursor field 't' cannot be compared"):
        run(make(lambda _: iter([rows]), **KEYED))
    assert "went down" not in caplog.text


def test_texts_that_stand_for_numbers_are_in_the_order_of_those() -> None:
    """As the cursor's values in a batch of columns, of which None has no number."""
    assert _ascends(["9", "10"], decimal.Decimal)
    assert not _ascends(["10", "9"], decimal.Decimal)
    assert not _ascends(["9", None], decimal.Decimal)


def test_an_unordered_stream_moves_only_at_its_end() -> None:
    rows = [{"id": 1, "t": 3}, {"id": 2, "t": 1}]
    source = make(lambda _: ([r] for r in rows), **(KEYED | {"cursor_order": "unordered"}))
    (state,) = states(run(source))
    assert state.items() >= {"complete": 1, "cursor": 3, "seen": [[1]]}.items()


def test_a_finished_stream_is_not_read_again_in_the_same_sync() -> None:
    calls = []

    def rows(cursor: Any) -> Iterator[JsonObject]:
        calls.append(cursor)
        yield {"id": 1}

    source = make(rows)
    assert states(run(source)) == [{"complete": 1}]
    run(source, {"s": {"complete": 1}})
    assert len(calls) == 1, "the sync goes on behind it"
    run(source, {"s": {"complete": 1}, "_state": {"finished": 1}})
    assert len(calls) == 2, "the next sync reads it again"


def test_a_page_token_is_a_resume_point() -> None:
    def pages(cursor: Any) -> Iterator[Page[JsonObject]]:
        for number in range(cursor or 0, 3):
            yield Page([{"id": number}], cursor=number + 1, size=10)

    source = make(pages)
    items = run(source)
    assert [i.size for i in items if isinstance(i, EventBatch) and i.records] == [10, 10, 10]
    assert states(items)[:3] == [{"cursor": 1}, {"cursor": 2}, {"cursor": 3}]
    assert ids(run(source, {"s": {"cursor": 2}})) == [2]
    assert ids(run(source, {"s": {"complete": 1}, "_state": {"finished": 1}})) == [0, 1, 2]


def test_a_page_token_is_never_compared_with_the_cursor_field() -> None:
    rows = [{"id": number, "t": number} for number in range(6)]

    def pages(cursor: str | None) -> Iterator[Page[JsonObject]]:
        for number in range(int(cursor[1:]) if cursor else 0, 3):
            token = f"p{number + 1}" if number < 2 else None
            yield Page(rows[2 * number : 2 * number + 2], cursor=token)

    source = make(pages, **KEYED)
    items = run(source)
    assert ids(items) == [0, 1, 2, 3, 4, 5]
    assert [one["cursor"] for one in states(items)] == ["p1", "p2"]
    assert ids(run(source, {"s": states(items)[0]})) == [2, 3, 4, 5]
    assert ids(run(source, {"s": states(items)[1]})) == [4, 5]


def test_a_hook_that_returns_a_list_is_read_once() -> None:
    rows = [{"id": number, "t": number} for number in range(2_500)]
    assert ids(run(make(lambda _cursor: rows, **KEYED))) == list(range(2_500))


@pytest.mark.filterwarnings("error")
def test_a_hook_that_yields_nothing_at_all_is_told_so() -> None:
    async def forgets_to_yield(_cursor: Any) -> list[JsonObject]:
        return [{"id": 1, "t": 1}]

    for hook in (forgets_to_yield, lambda _cursor: None):
        with pytest.raises(ConnectorError, match="read_s must yield its rows"):
            run(make(hook, **KEYED))


def test_every_form_of_rows_keeps_its_order() -> None:
    poison = Poison("s", b"{", "not JSON")
    source = make(lambda _: iter([{"id": 1}, {"id": 2}, poison, [{"id": 3}], Page([{"id": 4}])]))
    items = run(source)
    before = items[: items.index(poison)]
    assert ids(before) == [1, 2]
    assert ids(items[len(before) + 1 :]) == [3, 4]


def test_what_came_before_an_error_is_delivered() -> None:
    async def failing(_: Any) -> AsyncIterator[JsonObject]:
        yield {"id": 1}
        raise ConnectorError.transient("gone")

    found: list[Item] = []

    async def collect() -> None:
        source = make(failing)
        catalog = ConfiguredCatalog.from_catalog(await source.discover(NoConfig()))
        async for item in source.read(NoConfig(), catalog, None):
            found.append(item)  # noqa: PERF401  # what came before the error counts

    with pytest.raises(ConnectorError, match="gone"):
        asyncio.run(collect())
    assert ids(found) == [1]


def test_a_record_that_trickles_is_not_held_back() -> None:
    async def trickle(_: Any) -> AsyncIterator[JsonObject]:
        yield {"id": 1}
        await asyncio.Event().wait()

    async def first() -> Item:
        source = make(trickle)
        catalog = ConfiguredCatalog.from_catalog(await source.discover(NoConfig()))
        items = source.read(NoConfig(), catalog, None)
        found = await asyncio.wait_for(anext(items), 5)
        await items.aclose()  # type: ignore[attr-defined]  # it is a generator
        return found

    assert ids([asyncio.run(first())]) == [1]


@pytest.mark.parametrize("is_async", [True, False])
def test_a_hook_that_never_waits_gives_full_chunks(*, is_async: bool) -> None:
    def plain(_: Any) -> Iterator[JsonObject]:
        yield from ({"id": i} for i in range(5_000))

    async def endless(cursor: Any) -> AsyncIterator[JsonObject]:
        for row in plain(cursor):
            yield row

    items = run(make(endless if is_async else plain))
    assert ids(items) == list(range(5_000))
    sizes = [len(i.records) for i in items if isinstance(i, EventBatch)]
    assert max(sizes) <= 1_000
    assert len(sizes) < 50, "records travel together"


def test_a_cursor_that_cannot_be_compared_is_an_error() -> None:
    source = make(lambda _: iter([{"id": 1, "t": 1}, {"id": 2, "t": "two"}]), **KEYED)
    with pytest.raises(ConnectorError, match="cannot be compared"):
        run(source)


def test_a_state_of_another_form_is_an_error_not_a_fresh_start() -> None:
    source = make(lambda _: iter([]))
    with pytest.raises(ConnectorError, match="reset its state"):
        run(source, {"_state": {"finished": "yesterday"}})


def test_events_of_a_batch_carry_the_state_on_the_last_one() -> None:
    batch = EventBatch("s", [{"id": 1}, {"id": 2}], state={"cursor": 2})
    events = list(batch.events())
    assert all(isinstance(event, SourceEvent) for event in events)
    assert [event.state for event in events] == [None, {"cursor": 2}]


@pytest.mark.parametrize("large", [0, 1])
@pytest.mark.parametrize("every", [2, 3, 4, 8])
def test_rows_of_changing_size_do_not_pile_up(every: int, large: int) -> None:
    megabyte = "x" * 2**20

    async def hook() -> AsyncIterator[JsonObject]:
        for number in range(1000):
            yield {"id": number, "text": megabyte if number % every == large else ""}

    async def most() -> int:
        found = 0
        async with Pump(hook()) as pump:
            async for chunk in pump.chunks():
                found = max(found, sum(len(row["text"]) for row in chunk))
        return found

    assert asyncio.run(most()) <= 16 * 2**20


def test_an_integer_of_any_size_passes() -> None:
    async def hook(_cursor: Any) -> AsyncIterator[JsonObject]:
        for number in range(20):
            yield {"id": 2**70 + number}

    assert ids(run(make(hook))) == [2**70 + number for number in range(20)]
