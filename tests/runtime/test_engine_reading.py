"""What becomes of what a source yields: order, failures, windows, time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from engine_kit import (
    QUICK,
    SIMPLE,
    Sunk,
    batch,
    event,
    letters,
    make_sink,
    make_source,
    make_transform,
    plan_of,
    registries,
    rows,
    run_plan,
    saved,
    saved_counters,
    saved_state,
    simple_plan,
    transient,
)

from rivven_connect._batch import BatchConfig, EventBatch, Item, Poison
from rivven_connect._catalog import DestinationSyncMode
from rivven_connect._errors import ConnectorError, InputError, PipelineError
from rivven_connect._events import SourceEvent, log_event, state
from rivven_connect._state import State
from rivven_connect._transform import Transformed

DEAD = (
    SIMPLE.replace("connector: src", "connector: src, dead_letter: {path: d.jsonl, max_ratio: 1.0}")
    + QUICK
)


async def until_durable(sunk: Sunk) -> None:
    for _ in range(500):
        if sunk.durable:
            return
        await asyncio.sleep(0.01)


SLOW = BatchConfig(max_records=10_000, max_bytes=10 << 20, max_wait_ms=60_000)


@pytest.mark.parametrize("fails_at", [0, 1, 7, 99])
def test_what_comes_before_an_error_counts_and_the_rest_is_read_again(
    tmp_path: Path, fails_at: int
) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        for number in range(saved(known) + 1, 100):
            if session == 0 and number == fails_at:
                raise transient()
            yield event(number)

    source, log = make_source(read)
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    summary = run_plan(plan)
    assert [row["id"] for row in sunk.durable] == list(range(100))
    assert log.states == [None, {"s": {"last": fails_at - 1}} if fails_at else None]
    assert summary.sources["a"].retries == 1
    assert (log.opened, log.closed) == (2, 2)


def test_retries_end_and_the_run_fails_behind_what_was_committed(tmp_path: Path) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        if saved(known) < 4:
            yield batch([0, 1, 2, 3, 4])
        raise transient()

    source, log = make_source(read)
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    with pytest.raises(PipelineError, match="is away") as caught:
        run_plan(plan)
    assert caught.value.exit_code == 3
    assert sunk.keys() == {0, 1, 2, 3, 4}
    assert saved_state(plan) == {"s": {"last": 4}}
    assert log.sessions >= 4
    assert log.opened == log.closed


@pytest.mark.parametrize("error", [ConnectorError.auth("no"), KeyError("no"), OSError(5, "no")])
def test_a_permanent_source_error_stops_with_exit_3(tmp_path: Path, error: Exception) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        yield event(0)
        raise error

    source, log = make_source(read)
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    with pytest.raises(PipelineError) as caught:
        run_plan(plan)
    assert caught.value.exit_code == 3
    assert (log.sessions, sunk.keys()) == (1, {0})
    assert saved_state(plan) == {"s": {"last": 0}}


def test_an_open_that_fails_in_passing_is_tried_again(tmp_path: Path) -> None:
    source, log = make_source(
        rows(range(3)), fail_open=lambda count: transient() if count == 1 else None
    )
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, source, sink))
    assert sunk.keys() == {0, 1, 2}
    assert (log.opened, log.closed) == (2, 2)


def test_f6_poison_becomes_a_dead_letter_and_its_neighbours_proceed(tmp_path: Path) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        yield event(0)
        yield Poison("s", b"\xff\xfe{", "not JSON", position=1)
        yield event(2)

    source, _ = make_source(read)
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink, DEAD)
    summary = run_plan(plan)
    assert sunk.keys() == {0, 2}
    (letter,) = letters(tmp_path / "d.jsonl")
    assert letter["raw_base64"] == "//57"
    assert (letter["kind"], letter["position"], letter["source"]) == ("poison", 1, "a")
    counts = summary.sources["a"]
    assert (counts.read, counts.written, counts.dead_letters) == (3, 2, 1)


def test_poison_without_dead_letters_stops_behind_what_came_before(tmp_path: Path) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        for number in range(5):
            yield event(number)
        yield Poison("s", b"{", "not JSON")
        yield event(6)

    source, _ = make_source(read)
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    with pytest.raises(PipelineError, match="not JSON"):
        run_plan(plan)
    assert sunk.keys() == set(range(5))
    assert saved_state(plan) == {"s": {"last": 4}}


def test_a_record_that_is_not_json_is_a_dead_letter(tmp_path: Path) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        yield event(0)
        yield SourceEvent(stream="s", data={"id": object()})
        yield event(2)

    source, _ = make_source(read)
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, source, sink, DEAD))
    assert sunk.keys() == {0, 2}
    (letter,) = letters(tmp_path / "d.jsonl")
    assert (letter["kind"], letter["error_class"]) == ("poison", "serialization")
    (tmp_path / "b").mkdir()
    plan = simple_plan(tmp_path / "b", source, sink)
    with pytest.raises(PipelineError, match="not JSON"):
        run_plan(plan)
    assert saved_counters(plan)["source:a", "read"] == 1, "what stopped the run will be read again"


def test_f7_failing_transforms_on_both_sides_spare_the_neighbours(tmp_path: Path) -> None:
    def at_source(one: SourceEvent) -> Transformed:
        one.data["seen"] = True
        if one.data["id"] == 1:
            raise ValueError("one")
        return one

    def at_sink(one: SourceEvent) -> Transformed:
        if one.data["id"] == 2:
            raise ConnectorError.schema("two")
        return None if one.data["id"] == 3 else one

    text = f"""version: "1.0"
sources:
  a: {{connector: src, dead_letter: {{path: d.jsonl}}, transforms: [{{transform: first}}]}}
sinks:
  z: {{connector: dst, topics: [a], dead_letter: {{path: e.jsonl}}, transforms: [{{transform: second}}]}}
{QUICK}"""
    source, _ = make_source(rows(range(5)))
    sink, sunk = make_sink()
    plan = simple_plan(
        tmp_path,
        source,
        sink,
        text,
        first=make_transform(at_source),
        second=make_transform(at_sink),
    )
    summary = run_plan(plan)
    assert sunk.keys() == {0, 4}
    (first,) = letters(tmp_path / "d.jsonl")
    assert first["record"] == {"id": 1}, "as it was before the failing transform"
    assert (first["path"], first["error_class"]) == ("sources/a/transforms/0", "ValueError")
    (second,) = letters(tmp_path / "e.jsonl")
    assert (second["record"]["id"], second["sink"], second["error_class"]) == (2, "z", "schema")
    assert (summary.sinks["z"].filtered, summary.sinks["z"].written) == (1, 2)
    assert saved_state(plan) == {"s": {"last": 4}}


def test_a_failing_transform_without_dead_letters_stops(tmp_path: Path) -> None:
    def broken(one: SourceEvent) -> Transformed:
        raise ValueError("not this one")

    text = SIMPLE.replace("connector: src", "connector: src, transforms: [{transform: t}]") + QUICK
    source, _ = make_source(rows(range(5)))
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink, text, t=make_transform(broken))
    with pytest.raises(PipelineError, match="not this one"):
        run_plan(plan)
    assert (sunk.durable, saved_state(plan)) == ([], {})


def test_when_a_transform_connects_and_fails_it_is_tried_again(tmp_path: Path) -> None:
    calls: list[int] = []

    def flaky(one: SourceEvent) -> Transformed:
        calls.append(one.data["id"])
        one.data["touched"] = one.data.get("touched", 0) + 1
        if len(calls) == 1:
            raise transient()
        return one

    text = SIMPLE.replace("connector: src", "connector: src, transforms: [{transform: t}]") + QUICK
    source, _ = make_source(rows(range(2)))
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, source, sink, text, t=make_transform(flaky)))
    assert sunk.durable == [{"id": 0, "touched": 1}, {"id": 1, "touched": 1}]


def test_nested_fan_out_gives_every_record_its_own_ordinal(tmp_path: Path) -> None:
    def twice(one: SourceEvent) -> Transformed:
        return [one, SourceEvent(stream=one.stream, data=dict(one.data))]

    text = f"""version: "1.0"
sources: {{a: {{connector: src, transforms: [{{transform: t}}]}}}}
sinks: {{z: {{connector: dst, topics: [a], transforms: [{{transform: t}}, {{transform: t}}]}}}}
{QUICK}"""
    source, _ = make_source(rows(range(3)))
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, source, sink, text, t=make_transform(twice)))
    keys = {(one.position, one.sub_index) for one in sunk.events}
    assert len(sunk.events) == len(keys) == 3 * 8


def test_when_selects_what_a_transform_acts_on(tmp_path: Path) -> None:
    def mark(one: SourceEvent) -> Transformed:
        one.data["marked"] = True
        return one

    text = SIMPLE.replace(
        "connector: src",
        "connector: src, transforms: [{transform: t, when: {streams: [s], field_equals: {id: 1}}}]",
    )
    source, _ = make_source(rows(range(3)))
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK, t=make_transform(mark)))
    assert sunk.durable == [{"id": 0}, {"id": 1, "marked": True}, {"id": 2}]


def test_a_window_smaller_than_a_batch_does_not_stall(tmp_path: Path) -> None:
    """A minute for each three records would be a stall."""
    source, _ = make_source(rows(range(50)))
    sink, sunk = make_sink(limits=SLOW)
    text = SIMPLE + QUICK.replace("settings: {", "settings: {max_in_flight: 3, ")
    run_plan(simple_plan(tmp_path, source, sink, text))
    assert sunk.keys() == set(range(50))
    assert max(sunk.batches) <= 3


def test_the_window_is_bounded_in_bytes(tmp_path: Path) -> None:
    source, _ = make_source(rows(range(20), text="x" * 10_000))
    sink, sunk = make_sink(limits=SLOW)
    text = SIMPLE + QUICK.replace("settings: {", "settings: {queue_bytes: 25 KiB, ")
    run_plan(simple_plan(tmp_path, source, sink, text))
    assert sunk.keys() == set(range(20))
    assert max(sunk.batches) <= 5


def test_a_source_that_never_waits_starves_nobody(tmp_path: Path) -> None:
    ticks: list[int] = []

    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        ticker = asyncio.create_task(tick())
        for number in range(20_000):
            yield SourceEvent(stream="s", data={"id": number})
        ticker.cancel()

    async def tick() -> None:
        while True:
            ticks.append(1)
            await asyncio.sleep(0)

    source, _ = make_source(read)
    sink, sunk = make_sink(limits=SLOW)
    text = SIMPLE + QUICK.replace("settings: {", "settings: {max_in_flight: 1000000, ")
    run_plan(simple_plan(tmp_path, source, sink, text))
    assert len(sunk.keys()) == 20_000
    assert len(ticks) >= 10


@pytest.mark.parametrize("batching", [True, False])
def test_a_trickle_is_delivered_while_the_source_idles(tmp_path: Path, batching: bool) -> None:
    delivered: list[float] = []

    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        yield event(0)
        begun = time.monotonic()
        await until_durable(sunk)
        delivered.append(time.monotonic() - begun)

    source, _ = make_source(read)
    sink, sunk = make_sink(batching=batching)
    run_plan(simple_plan(tmp_path, source, sink))
    assert sunk.keys() == {0}
    assert delivered[0] < 2


def test_flush_on_a_batch_does_not_wait_for_the_timer(tmp_path: Path) -> None:
    seen: list[bool] = []

    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        one = batch([0])
        one.flush = True
        yield one
        await until_durable(sunk)
        seen.append(bool(sunk.durable))

    source, _ = make_source(read)
    sink, sunk = make_sink(limits=SLOW)
    run_plan(simple_plan(tmp_path, source, sink))
    assert seen == [True]


def test_an_endless_source_is_drained_on_request(tmp_path: Path) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        for number in range(1_000_000):
            yield event(number)
            await asyncio.sleep(0.001)

    source, log = make_source(read)
    sink, sunk = make_sink(limits=SLOW)
    plan = simple_plan(tmp_path, source, sink)
    summary = run_plan(plan, stop_after=0.2)
    assert summary.drained
    last = saved_state(plan)["s"]["last"]
    assert sunk.keys() == set(range(last + 1))
    assert log.acknowledged[-1] == {"s": {"last": last}}
    assert log.closed == 1


def test_a_batch_without_records_moves_the_checkpoint_only(tmp_path: Path) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        yield batch([], {"last": 41})
        yield EventBatch(stream="s", namespace="n", records=[], state={"x": 1})

    source, _ = make_source(read)
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    run_plan(plan)
    assert sunk.batches == []
    assert saved_state(plan) == {"s": {"last": 41}, "n.s": {"x": 1}}


def test_control_events_save_the_global_state_and_reach_no_sink(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        yield log_event("warn", "hello from the source")
        yield event(0)
        yield state({"page": 7})

    source, _ = make_source(read)
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    run_plan(plan)
    assert sunk.keys() == {0}
    assert saved_state(plan) == {"s": {"last": 0}, "_state": {"page": 7}}
    assert "hello from the source" in caplog.text


def test_an_empty_state_never_replaces_a_known_one(tmp_path: Path) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        yield event(0)
        yield batch([1], {})

    source, _ = make_source(read)
    sink, _ = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    run_plan(plan)
    assert saved_state(plan) == {"s": {"last": 0}}


def test_a_state_that_the_source_goes_on_changing_is_saved_as_it_was_yielded(
    tmp_path: Path,
) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        mutable: dict[str, Any] = {"last": 0}
        yield SourceEvent(stream="s", data={"id": 0}, state=mutable)
        mutable["last"] = 99
        raise ConnectorError.auth("no")

    source, _ = make_source(read)
    sink, _ = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    with pytest.raises(PipelineError):
        run_plan(plan)
    assert saved_state(plan) == {"s": {"last": 0}}


def test_acknowledge_follows_the_commit_and_repeats_the_loaded_state(tmp_path: Path) -> None:
    seen: list[tuple[dict[str, Any], int]] = []

    def acknowledge(known: State) -> None:
        seen.append((known.to_json(), len(sunk.durable)))
        if len(seen) == 1:
            raise transient()

    source, log = make_source(rows(range(3)), acknowledge=acknowledge)
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, source, sink))
    assert all(known["s"]["last"] < durable for known, durable in seen)
    assert log.acknowledged[-1] == {"s": {"last": 2}}
    source, log = make_source(rows(range(3)), acknowledge=lambda _state: None)
    run_plan(simple_plan(tmp_path, source, sink))
    assert log.acknowledged == [{"s": {"last": 2}}]


def test_streams_modes_and_fields_are_selected(tmp_path: Path) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        yield event(0, stream="s", name="n", other=1)
        yield event(1, stream="unasked")

    text = SIMPLE.replace(
        "connector: src", "connector: src, streams: [{name: s, mode: incremental, fields: [id]}]"
    )
    source, _ = make_source(read, streams=("s", "unasked"))
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK))
    assert sunk.durable == [{"id": 0}]
    (prepared,) = sunk.prepared
    assert [(one.stream.name, one.sync_mode, one.fields) for one in prepared.streams] == [
        ("s", "incremental", ["id"])
    ]
    assert prepared.streams[0].destination_sync_mode is DestinationSyncMode.APPEND


def test_a_stream_that_is_not_offered_is_an_input_error_at_its_line(tmp_path: Path) -> None:
    text = SIMPLE.replace("connector: src", "connector: src, streams: [orderz]") + QUICK
    source, _ = make_source(rows([]), streams=("orders",))
    sink, _ = make_sink()
    with pytest.raises(InputError) as caught:
        run_plan(simple_plan(tmp_path, source, sink, text))
    (problem,) = caught.value.problems
    assert (problem.code, problem.line) == ("RVN720", 2)
    assert "orders" in problem.hint


def test_a_close_that_fails_is_an_error_unless_something_failed_before(tmp_path: Path) -> None:
    async def broken_close(self: object) -> None:
        raise ValueError("cannot let go")

    source, _ = make_source(rows(range(3)))
    source.close = broken_close  # type: ignore[method-assign]  # a source with a bug
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    with pytest.raises(PipelineError, match="cannot let go"):
        run_plan(plan)
    assert (sunk.keys(), sunk.closed) == ({0, 1, 2}, 1)
    assert saved_state(plan) == {"s": {"last": 2}}

    async def fails(session: int, known: State | None) -> AsyncIterator[Item]:
        for _ in range(1):
            raise ConnectorError.auth("refused")
        yield event(0)

    source, _ = make_source(fails)
    source.close = broken_close  # type: ignore[method-assign]  # a source with a bug
    with pytest.raises(PipelineError, match="refused"):
        run_plan(simple_plan(tmp_path, source, sink))


def test_one_failing_source_ends_the_others_in_good_order(tmp_path: Path) -> None:
    async def fails(session: int, known: State | None) -> AsyncIterator[Item]:
        yield event(500)
        await asyncio.sleep(0.05)
        raise ConnectorError.auth("refused")

    async def endless(session: int, known: State | None) -> AsyncIterator[Item]:
        for number in range(100_000):
            yield event(number)
            await asyncio.sleep(0.001)

    left, _ = make_source(fails)
    right, log = make_source(endless)
    sink, sunk = make_sink(limits=SLOW)
    text = """version: "1.0"
sources: {a: {connector: left, topic: t}, b: {connector: right, topic: t}}
sinks: {z: {connector: dst, topics: [t]}}
"""
    known = registries({"left": left, "right": right}, {"dst": sink})
    plan = plan_of(tmp_path, known, text + QUICK)
    with pytest.raises(PipelineError, match="refused"):
        run_plan(plan)
    last = saved_state(plan, "b")["s"]["last"]
    assert sunk.keys() == {*range(last + 1), 500}
    assert log.closed == 1


def test_a_transform_of_one_sink_does_not_change_what_another_gets(tmp_path: Path) -> None:
    def mark(one: SourceEvent) -> Transformed:
        one.data["marked"] = True
        return one

    text = """version: "1.0"
sources: {a: {connector: src}}
sinks:
  first: {connector: left, topics: [a], transforms: [{transform: t}]}
  second: {connector: right, topics: [a]}
"""
    source, _ = make_source(rows(range(3)))
    left, marked = make_sink()
    right, plain = make_sink()
    known = registries({"src": source}, {"left": left, "right": right}, {"t": make_transform(mark)})
    run_plan(plan_of(tmp_path, known, text + QUICK))
    assert plain.durable == [{"id": number} for number in range(3)]
    assert marked.durable == [{"id": number, "marked": True} for number in range(3)]
