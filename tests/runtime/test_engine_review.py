"""Defects that a hostile reader found, each in its smallest form."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from engine_kit import (
    QUICK,
    SIMPLE,
    Vault,
    batch,
    event,
    letters,
    make_sink,
    make_source,
    make_transactional,
    make_transform,
    plan_of,
    registries,
    rows,
    run_plan,
    saved_counters,
    saved_state,
    simple_plan,
    transient,
)
from test_engine_streams import five_streams, with_keys, with_schema

from rivven_connect import finish_in_thread
from rivven_connect._batch import Batch, BatchConfig, EventBatch, Item, Poison
from rivven_connect._errors import InputError, PipelineError
from rivven_connect._events import EventMetadata, EventType, SourceEvent
from rivven_connect._json import JsonObject
from rivven_connect._pump import Pump
from rivven_connect._sink import WriteResult
from rivven_connect._state import State
from rivven_connect.pipeline import Observer, explain

FORWARD = "connector: dst, topics: [a], dead_letter: {path: d.jsonl, max_ratio: 1}"


def test_a_sink_that_returns_early_at_a_bad_record_loses_nothing(tmp_path: Path) -> None:
    def script(events: Sequence[SourceEvent], _call: int) -> WriteResult:
        result = WriteResult()
        for one in events:
            if one.data["id"] == 3:
                result.add_failed_event(one, "bad")
                return result
            sunk.buffered.append(one.data)
            result.add_success(1)
        return result

    source, _ = make_source(rows(range(50)))
    sink, sunk = make_sink(script)
    text = SIMPLE.replace("connector: dst, topics: [a]", FORWARD)
    plan = simple_plan(tmp_path, source, sink, text + QUICK)
    with pytest.raises(PipelineError, match="as written"):
        run_plan(plan)
    assert saved_state(plan).get("s", {"last": -1})["last"] < 3


async def cancelled_within() -> None:
    """Do what a library does that cancels a task of its own and lets the exception out."""
    inner = asyncio.get_running_loop().create_task(asyncio.sleep(60))
    inner.cancel()
    await inner


def test_a_cancellation_from_within_a_source_is_no_end(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield event(0)
        await cancelled_within()

    source, _ = make_source(read)
    sink, sunk = make_sink()
    with pytest.raises(PipelineError, match="nobody had asked for"):
        run_plan(simple_plan(tmp_path, source, sink))
    assert sunk.keys() == {0}


@pytest.mark.parametrize("concurrency", [1, 3])
def test_a_cancellation_from_within_one_of_several_streams_is_no_end(
    tmp_path: Path, concurrency: int
) -> None:
    async def hook(name: str) -> AsyncIterator[JsonObject]:
        yield {"id": name}
        if name == "s1":
            await cancelled_within()

    sink, _ = make_sink()
    text = with_keys(f"concurrency: {concurrency}")
    with pytest.raises(PipelineError, match="nobody had asked for"):
        run_plan(simple_plan(tmp_path, five_streams(hook), sink, text))


def test_a_cancellation_from_within_a_sink_is_an_error(tmp_path: Path) -> None:
    def script(_events: Sequence[SourceEvent], _call: int) -> WriteResult:
        raise asyncio.CancelledError

    source, _ = make_source(rows(range(3)))
    sink, _ = make_sink(script)
    with pytest.raises(PipelineError, match="nobody had asked for"):
        run_plan(simple_plan(tmp_path, source, sink))


def test_a_hook_that_waits_takes_no_thread_from_the_others() -> None:
    """Sinks share the loop's few threads; as many waiting hooks would hold them all."""
    release = threading.Event()

    def rows_of_a_hook() -> Iterator[JsonObject]:
        yield {"id": 1}
        release.wait(10)
        yield {"id": 2}

    async def drive() -> list[Any]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
        found: list[Any] = []
        async with Pump(rows_of_a_hook()) as pump:
            async for chunk in pump.chunks():
                found += chunk
                async with asyncio.timeout(5):
                    await asyncio.to_thread(release.set)
        return found

    assert asyncio.run(drive()) == [{"id": 1}, {"id": 2}]


def test_a_stop_lets_a_waiting_source_clean_up_once(tmp_path: Path) -> None:
    seen: list[str] = []

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        try:
            for number in range(10**6):
                yield event(number)
        finally:
            await asyncio.sleep(0.05)
            seen.append("cleaned up")

    source, _ = make_source(read)
    sink, _ = make_sink(delay=0.02)
    settings = "settings: {max_in_flight: 10}\n"
    run_plan(simple_plan(tmp_path, source, sink, SIMPLE + settings), stop_after=0.2)
    assert seen == ["cleaned up"]


def test_stored_counters_hold_every_batch_of_a_commit(tmp_path: Path) -> None:
    source, _ = make_source(rows(range(2000)))
    sink, _ = make_sink(limits=BatchConfig(max_records=100, max_wait_ms=10))
    plan = simple_plan(tmp_path, source, sink)
    summary = run_plan(plan)
    counters = saved_counters(plan)
    assert summary.sinks["z"].written == 2000
    for owner in ("source:a", "sink:z"):
        assert counters[owner, "read"] == counters[owner, "written"] == 2000


def test_a_flush_that_fails_behind_a_transaction_is_tried_again_alone(tmp_path: Path) -> None:
    calls: list[int] = []
    sink, vault = make_transactional()

    async def flush(self: Any, config: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise transient()

    sink.flush = flush  # type: ignore[method-assign]
    source, _ = make_source(rows(range(5)))
    run_plan(simple_plan(tmp_path, source, sink))
    assert vault.ids() == list(range(5))
    assert len(calls) >= 2


def test_states_of_two_namespaces_stay_apart(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        for namespace, last in (("x", 100), ("y", 5)):
            yield SourceEvent(stream="orders", namespace=namespace, data={"id": last})
            yield SourceEvent(
                stream="orders",
                namespace=namespace,
                data={"last": last},
                event_type=EventType.STATE,
            )

    source, _ = make_source(read)
    sink, _ = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    run_plan(plan)
    assert saved_state(plan) == {"x.orders": {"last": 100}, "y.orders": {"last": 5}}


def schema_event(stream: str, **fields: str) -> SourceEvent:
    properties = {name: {"type": kind} for name, kind in fields.items()}
    schema = {"type": "object", "properties": properties}
    return SourceEvent(stream=stream, data=schema, event_type=EventType.SCHEMA)


def test_in_fan_in_the_sink_hears_of_a_change_in_either_source(tmp_path: Path) -> None:
    async def changing(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield event(1)
        yield schema_event("s", id="integer", new="string")
        yield event(2, new="x")

    left, _ = make_source(rows(range(3)))
    right, _ = make_source(changing)
    sink, sunk = make_sink()
    text = """version: "1.0"
sources: {a: {connector: left, topic: t}, b: {connector: right, topic: t}}
sinks: {z: {connector: dst, topics: [t]}}
"""
    run_plan(
        plan_of(tmp_path, registries({"left": left, "right": right}, {"dst": sink}), text + QUICK)
    )
    (last,) = sunk.prepared[-1].streams
    assert set(last.stream.json_schema["properties"]) == {"id", "new"}


def test_a_new_session_remembers_a_changed_schema(tmp_path: Path) -> None:
    async def read(session: int, _state: State | None) -> AsyncIterator[Item]:
        if session == 0:
            yield schema_event("s", id="string")
            yield event(1)
            raise transient()
        yield event(2)

    source, _ = make_source(read)
    sink, sunk = make_sink()
    keys = "streams: [{name: s, validate: true}], dead_letter: {path: d.jsonl, max_ratio: 1}"
    run_plan(simple_plan(tmp_path, source, sink, with_keys(keys)))
    assert sunk.durable == []
    assert [one["record"]["id"] for one in letters(tmp_path / "d.jsonl")] == [1, 2]


def test_a_stream_that_a_source_announces_later_is_prepared(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield event(1)
        yield schema_event("later", id="integer")
        yield SourceEvent(stream="later", data={"id": 2})

    source, _ = make_source(read)
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, source, sink))
    assert {one.stream.name for one in sunk.prepared[-1].streams} == {"s", "later"}
    assert sunk.batches == [1, 1]


def test_a_tail_is_written_before_its_sink_hears_of_a_new_schema(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield event(1)
        yield SourceEvent(stream="s", data={"id": 2})
        yield schema_event("s", id="integer")
        yield event(3)

    order: list[object] = []

    def script(one: Batch, _number: int) -> WriteResult | None:
        order.extend(row.data["id"] for row in one.events)
        order.append(len(vault.prepared))
        return None

    source, _ = make_source(read)
    sink, vault = make_transactional(script)
    run_plan(simple_plan(tmp_path, source, sink))
    assert order[:4] == [1, 1, 2, 1]
    assert order[4:6] == [3, 2]


def test_a_source_that_does_not_run_today_keeps_its_place_in_the_sink(tmp_path: Path) -> None:
    source, _ = make_source(rows(range(10)))
    vault = Vault(state={"b": {"s": {"last": 1004}}})
    sink, _ = make_transactional(vault=vault)
    run_plan(simple_plan(tmp_path, source, sink))
    assert vault.state == {"a": {"s": {"last": 9}}, "b": {"s": {"last": 1004}}}


def test_metadata_that_are_not_json_are_a_bad_record(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        for number in range(3):
            extra: Any = {"x": object()} if number == 1 else {}
            yield msgspec.structs.replace(event(number), metadata=EventMetadata(extra=extra))

    source, _ = make_source(read)
    sink, sunk = make_sink()
    text = SIMPLE.replace(
        "connector: src", "connector: src, dead_letter: {path: d.jsonl, max_ratio: 1}"
    )
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK))
    assert sunk.keys() == {0, 2}
    (letter,) = letters(tmp_path / "d.jsonl")
    assert letter["error_class"] == "serialization"


def test_a_fan_out_does_not_make_a_batch_many_times_its_size(tmp_path: Path) -> None:
    def many(one: SourceEvent) -> list[SourceEvent]:
        return [SourceEvent(stream="s", data={"id": number}) for number in range(40)]

    source, _ = make_source(rows(range(60)))
    sink, vault = make_transactional(limits=BatchConfig(max_records=50, max_wait_ms=20))
    text = SIMPLE.replace("connector: src", "connector: src, transforms: [{transform: many}]")
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK, many=make_transform(many)))
    assert len(vault.rows) == 2400
    assert max(len(one.events) for one in vault.batches) <= 3 * 50


def test_poison_of_a_stream_that_was_not_chosen_is_filtered(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield event(1)
        yield Poison("other", b"x", "not wanted")
        yield event(2)

    source, _ = make_source(read)
    sink, sunk = make_sink()
    summary = run_plan(simple_plan(tmp_path, source, sink, with_keys("streams: [s]")))
    assert sunk.keys() == {1, 2}
    assert (summary.sources["a"].read, summary.sources["a"].filtered) == (3, 1)


def test_a_stream_without_key_and_position_is_not_promised_l2(tmp_path: Path) -> None:
    async def hook(name: str) -> AsyncIterator[JsonObject]:
        yield {"id": name}

    source = five_streams(hook)
    spec = source.spec()
    source.spec = classmethod(lambda cls: spec.model_copy(update={"position": "stable"}))  # type: ignore[assignment, method-assign]
    sink, _ = make_sink(delivery=("at_least_once", "upsert"))
    (path,) = explain(simple_plan(tmp_path, source, sink))
    assert path.level == "L1"


def test_states_alone_fill_the_window_too(tmp_path: Path) -> None:
    pulled: list[int] = []

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield event(0)
        for number in range(1, 200_000):
            pulled.append(number)
            yield EventBatch(stream="s", records=[], state={"last": number}, flush=True)

    source, _ = make_source(read)
    sink, sunk = make_sink(delay=0.5)
    settings = "settings: {max_in_flight: 10}\n"
    run_plan(simple_plan(tmp_path, source, sink, SIMPLE + settings), stop_after=0.3)
    assert sunk.keys() == {0}
    assert len(pulled) < 1000
    assert batch([1]).state


def test_a_misspelt_field_is_refused_with_its_place(tmp_path: Path) -> None:
    source = with_schema({"id": 1})
    sink, _ = make_sink()
    text = with_keys("streams: [{name: s, fields: [id, nmae]}]")
    with pytest.raises(InputError) as caught:
        run_plan(simple_plan(tmp_path, source, sink, text))
    (problem,) = caught.value.problems
    assert (problem.code, problem.hint) == ("RVN724", "did you mean 'name'?")


def test_a_sink_with_a_rate_limit_gets_small_batches_from_the_start(tmp_path: Path) -> None:
    """A batch of thousands would wait for minutes before its first record is written."""
    source, _ = make_source(rows(range(300)))
    sink, sunk = make_sink()
    limit = "connector: dst, rate_limit: {events_per_second: 500, burst: 1}"
    text = SIMPLE.replace("connector: dst", limit)
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK))
    assert sunk.keys() == set(range(300))
    assert max(sunk.batches) <= 50


def test_an_error_is_counted_once(tmp_path: Path) -> None:
    def script(_events: Sequence[SourceEvent], _call: int) -> WriteResult:
        raise transient()

    source, _ = make_source(rows(range(3)))
    sink, _ = make_sink(script)
    watch = Observer()
    with pytest.raises(PipelineError, match="gave up after 4 tries"):
        run_plan(simple_plan(tmp_path, source, sink), observer=watch)
    assert watch.summary is not None
    counts = watch.summary.sinks["z"]
    assert (counts.errors, counts.retries, counts.status) == (4, 3, "failed")


def test_a_flood_of_a_sink_names_the_sink(tmp_path: Path) -> None:
    def script(events: Sequence[SourceEvent], _call: int) -> WriteResult:
        result = WriteResult()
        for one in events:
            result.add_failed_event(one, "no")
        return result

    source, _ = make_source(rows(range(500)))
    sink, _ = make_sink(script)
    block = "topics: [a], dead_letter: {path: d.jsonl, max_ratio: 0.1, window: 100}"
    watch = Observer()
    with pytest.raises(PipelineError, match=r"sink .z.: .* of the last"):
        run_plan(
            simple_plan(tmp_path, source, sink, SIMPLE.replace("topics: [a]", block) + QUICK),
            observer=watch,
        )
    assert watch.summary is not None
    assert watch.summary.sinks["z"].status == "failed"


def test_a_drain_delivers_what_was_read_though_the_source_waits_for_a_thread(
    tmp_path: Path,
) -> None:
    is_flushed = threading.Event()
    in_time: list[bool] = []

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield EventBatch(stream="s", records=[{"id": 1}], state={"done": 1})
        await finish_in_thread(lambda: in_time.append(is_flushed.wait(5)))

    def flush(_count: int) -> None:
        is_flushed.set()

    limits = BatchConfig(max_records=1000, max_bytes=1 << 20, max_wait_ms=60_000)
    sink, sunk = make_sink(limits=limits, flush=flush)
    source, _ = make_source(read)
    run_plan(simple_plan(tmp_path, source, sink, SIMPLE), stop_after=0.3)
    assert in_time == [True]
    assert sunk.keys() == {1}


@pytest.mark.parametrize("given", [None, {"last": 99}])
def test_a_transform_has_no_say_in_where_its_source_resumes(
    tmp_path: Path, given: JsonObject | None
) -> None:
    def enter(one: SourceEvent) -> SourceEvent:
        one.state = given
        return one

    source, _ = make_source(rows([1, 2]))
    sink, sunk = make_sink()
    text = SIMPLE.replace("connector: src", "connector: src, transforms: [{transform: t}]") + QUICK
    plan = simple_plan(tmp_path, source, sink, text, t=make_transform(enter))
    run_plan(plan)
    assert sunk.keys() == {1, 2}
    assert saved_state(plan) == {"s": {"last": 2}}
