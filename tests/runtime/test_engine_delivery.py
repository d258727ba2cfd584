"""What sinks get, what becomes of their failures, and when the checkpoint moves."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from engine_kit import (
    QUICK,
    SIMPLE,
    MemoryStore,
    accept,
    batch,
    event,
    letters,
    make_sink,
    make_source,
    plan_of,
    registries,
    rows,
    run_plan,
    saved_state,
    simple_plan,
    transient,
)

from rivven_connect._batch import BatchConfig, Item
from rivven_connect._errors import ConnectorError, PipelineError
from rivven_connect._events import SourceEvent
from rivven_connect._sink import Sink, WriteResult
from rivven_connect.pipeline import PipelinePlan

DEAD = SIMPLE.replace("topics: [a]", "topics: [a], dead_letter: {path: dead.jsonl, max_ratio: 1.0}")


def test_everything_read_is_written_once_and_the_state_is_saved(tmp_path: Path) -> None:
    source, _ = make_source(rows(range(250)))
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    summary = run_plan(plan)
    assert [row["id"] for row in sunk.durable] == list(range(250))
    assert saved_state(plan) == {"s": {"last": 249}}
    assert (summary.sources["a"].read, summary.sinks["z"].written) == (250, 250)
    assert sunk.closed == 1


def test_a_second_run_continues_from_the_saved_state(tmp_path: Path) -> None:
    source, log = make_source(rows(range(10)))
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, source, sink))
    source, log = make_source(rows(range(15)))
    run_plan(simple_plan(tmp_path, source, sink))
    assert log.states == [{"s": {"last": 9}}]
    assert [row["id"] for row in sunk.durable] == list(range(15))


def test_plain_sinks_get_finite_batches_of_at_most_100(tmp_path: Path) -> None:
    source, _ = make_source(rows(range(250)))
    sink, sunk = make_sink(batching=False)
    run_plan(simple_plan(tmp_path, source, sink))
    assert sunk.keys() == set(range(250))
    assert max(sunk.batches) <= 100


def test_batches_obey_the_limits_of_sink_and_file(tmp_path: Path) -> None:
    source, _ = make_source(rows(range(100)))
    sink, sunk = make_sink(limits=BatchConfig(max_records=30, max_bytes=1 << 20, max_wait_ms=50))
    text = SIMPLE.replace("topics: [a]", "topics: [a], batch: {max_records: 7}") + QUICK
    run_plan(simple_plan(tmp_path, source, sink, text))
    assert sunk.keys() == set(range(100))
    assert max(sunk.batches) == 7


def test_batches_obey_the_limit_of_bytes(tmp_path: Path) -> None:
    source, _ = make_source(rows(range(20), text="x" * 400))
    sink, sunk = make_sink(limits=BatchConfig(max_records=1000, max_bytes=1100, max_wait_ms=50))
    run_plan(simple_plan(tmp_path, source, sink))
    assert sunk.keys() == set(range(20))
    assert max(sunk.batches) == 2


OUTCOMES = ("ok", "retry", "reject")


@pytest.mark.parametrize("order_safe", [True, False])
def test_f8_every_mask_of_outcomes_on_a_batch_of_four(tmp_path: Path, order_safe: bool) -> None:
    """Each record ends in the sink or in the dead letters, whatever its neighbours do."""
    for number, mask in enumerate(itertools.product(OUTCOMES, repeat=4)):
        folder = tmp_path / str(number)
        folder.mkdir()
        ids = _deliver_with(mask, folder, order_safe=order_safe)
        rejected = {i for i, outcome in enumerate(mask) if outcome == "reject"}
        dead = letters(folder / "dead.jsonl") if rejected else []
        assert {one["record"]["id"] for one in dead} == rejected, mask
        assert set(ids) == set(range(4)) - rejected, mask
        last_copies = sorted(set(ids), key=lambda one, ids=ids: -ids[::-1].index(one))  # type: ignore[misc]  # bound per loop
        if order_safe:
            assert len(ids) == len(set(ids)), mask
        else:
            assert last_copies == sorted(last_copies), mask


def _deliver_with(mask: tuple[str, ...], folder: Path, *, order_safe: bool) -> list[int]:
    """Deliver one batch whose first write goes as `mask` says; return the durable ids in order."""

    def script(events: Sequence[SourceEvent], call: int) -> WriteResult:
        result = WriteResult()
        for one in events:
            outcome = mask[one.data["id"]] if call == 0 else "ok"
            if outcome == "ok":
                sunk.buffered.append(one.data)
                result.add_success(1)
            else:
                result.add_failed_event(one, outcome, retryable=outcome == "retry")
        return result

    source, _ = make_source(_one_batch)
    sink, sunk = make_sink(script, order_safe=order_safe)
    plan = simple_plan(folder, source, sink, DEAD + QUICK)
    memory = MemoryStore()
    run_plan(plan, memory=memory)
    assert memory.states == {"a": {"s": {"last": 3}}}
    return [row["id"] for row in sunk.durable]


async def _one_batch(session: int, state: object) -> AsyncIterator[Item]:
    yield batch([0, 1, 2, 3])


def test_a_permanent_failure_without_dead_letters_stops_and_saves_nothing(tmp_path: Path) -> None:
    def script(events: Sequence[SourceEvent], _call: int) -> WriteResult:
        result = accept(sunk, events[:-1])
        result.add_failed_event(events[-1], "no such column")
        return result

    source, _ = make_source(_one_batch)
    sink, sunk = make_sink(script)
    plan = simple_plan(tmp_path, source, sink)
    with pytest.raises(PipelineError, match="no such column") as caught:
        run_plan(plan)
    assert caught.value.exit_code == 3
    assert saved_state(plan) == {}
    assert sunk.closed == 1


def test_drop_is_counted(tmp_path: Path) -> None:
    def script(events: Sequence[SourceEvent], _call: int) -> WriteResult:
        result = accept(sunk, events[1:])
        result.add_failed_event(events[0], "no")
        return result

    source, _ = make_source(_one_batch)
    sink, sunk = make_sink(script)
    text = SIMPLE.replace("topics: [a]", "topics: [a], on_error: drop") + QUICK
    summary = run_plan(simple_plan(tmp_path, source, sink, text))
    counts = summary.sinks["z"]
    assert (counts.written, counts.dropped, counts.dead_letters) == (3, 1, 0)


def test_a_count_without_events_retries_the_whole_batch_and_then_stops(tmp_path: Path) -> None:
    def script(events: Sequence[SourceEvent], _call: int) -> WriteResult:
        result = WriteResult()
        result.add_failure(1, "one of them")
        return result

    source, _ = make_source(_one_batch)
    sink, sunk = make_sink(script)
    plan = simple_plan(tmp_path, source, sink)
    with pytest.raises(PipelineError, match="one of them"):
        run_plan(plan)
    assert sunk.batches == [4, 4, 4, 4]
    assert saved_state(plan) == {}


def test_a_retryable_error_is_tried_again_and_a_fatal_one_is_not(tmp_path: Path) -> None:
    def script(events: Sequence[SourceEvent], call: int) -> WriteResult:
        if call < 2:
            raise transient()
        return accept(sunk, events)

    source, _ = make_source(_one_batch)
    sink, sunk = make_sink(script)
    summary = run_plan(simple_plan(tmp_path, source, sink))
    assert sunk.keys() == {0, 1, 2, 3}
    assert summary.sinks["z"].retries == 2

    def refuse(events: Sequence[SourceEvent], call: int) -> WriteResult:
        raise ConnectorError.auth("who are you")

    (tmp_path / "b").mkdir()
    sink, sunk = make_sink(refuse)
    with pytest.raises(PipelineError, match="who are you"):
        run_plan(simple_plan(tmp_path / "b", source, sink))
    assert sunk.batches == [4]


def test_a_failed_flush_writes_everything_since_the_last_one_again(tmp_path: Path) -> None:
    source, _ = make_source(_one_batch)
    sink, sunk = make_sink(flush=lambda count: transient() if count == 1 else None)
    plan = simple_plan(tmp_path, source, sink)
    run_plan(plan)
    assert sunk.keys() == {0, 1, 2, 3}
    assert saved_state(plan) == {"s": {"last": 3}}


def test_a_flush_that_keeps_failing_saves_nothing(tmp_path: Path) -> None:
    source, log = make_source(_one_batch)
    sink, sunk = make_sink(flush=lambda count: transient())
    plan = simple_plan(tmp_path, source, sink)
    with pytest.raises(PipelineError, match="is away"):
        run_plan(plan)
    assert saved_state(plan) == {}
    assert sunk.durable == []
    assert log.acknowledged == []


def test_a_record_error_of_a_whole_write_is_traced_to_its_record(tmp_path: Path) -> None:
    def script(events: Sequence[SourceEvent], _call: int) -> WriteResult:
        if any(one.data["id"] == 2 for one in events):
            raise ConnectorError.data("two is wrong")
        return accept(sunk, events)

    source, _ = make_source(_one_batch)
    sink, sunk = make_sink(script)
    run_plan(simple_plan(tmp_path, source, sink, DEAD + QUICK))
    assert sunk.keys() == {0, 1, 3}
    (letter,) = letters(tmp_path / "dead.jsonl")
    assert (letter["record"], letter["error_class"]) == ({"id": 2}, "data")
    assert (letter["kind"], letter["sink"], letter["path"]) == ("sink", "z", "sinks/z")
    assert (tmp_path / "dead.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_result_that_names_a_foreign_event_stops(tmp_path: Path) -> None:
    def script(events: Sequence[SourceEvent], _call: int) -> WriteResult:
        result = WriteResult()
        result.add_failed_event(event(0), "equal, and not the same")
        return result

    source, _ = make_source(_one_batch)
    sink, _ = make_sink(script)
    with pytest.raises(PipelineError, match="not in this write"):
        run_plan(simple_plan(tmp_path, source, sink))


def test_a_sink_that_takes_only_some_events_is_not_believed(tmp_path: Path) -> None:
    source, _ = make_source(_one_batch)
    sink, _ = make_sink(batching=False)

    async def first_only(
        self: object, config: object, events: AsyncIterator[SourceEvent]
    ) -> WriteResult:
        await anext(events)
        return WriteResult(records_written=1)

    sink.write = first_only  # type: ignore[method-assign]  # a sink with a bug
    plan = simple_plan(tmp_path, source, sink)
    with pytest.raises(PipelineError, match="before it had taken all events"):
        run_plan(plan)
    assert saved_state(plan) == {}


FAN_OUT = """version: "1.0"
sources: {a: {connector: src}}
sinks:
  x: {connector: fast, topics: [a]}
  z: {connector: slow, topics: [a]}
"""


def _fan_out(folder: Path, fast: type[Sink[Any]], slow: type[Sink[Any]]) -> PipelinePlan:
    source, _ = make_source(rows(range(300)))
    return plan_of(
        folder, registries({"src": source}, {"fast": fast, "slow": slow}), FAN_OUT + QUICK
    )


def test_fan_out_gives_every_sink_everything_also_with_a_slow_one(tmp_path: Path) -> None:
    fast, fast_got = make_sink(batching=False)
    slow, slow_got = make_sink(delay=0.02)
    plan = _fan_out(tmp_path, fast, slow)
    run_plan(plan)
    assert fast_got.keys() == slow_got.keys() == set(range(300))
    assert saved_state(plan) == {"s": {"last": 299}}


def test_fan_out_moves_the_checkpoint_only_behind_the_slowest_sink(tmp_path: Path) -> None:
    def script(events: Sequence[SourceEvent], call: int) -> WriteResult:
        raise ConnectorError.auth("never")

    fast, fast_got = make_sink()
    broken, _ = make_sink(script)
    plan = _fan_out(tmp_path, fast, broken)
    with pytest.raises(PipelineError):
        run_plan(plan)
    assert fast_got.durable
    assert saved_state(plan) == {}


def test_fan_in_delivers_two_sources_to_one_sink(tmp_path: Path) -> None:
    left, _ = make_source(rows(range(50)))
    right, _ = make_source(rows(range(100, 150)))
    sink, sunk = make_sink()
    text = """version: "1.0"
sources: {a: {connector: left, topic: t}, b: {connector: right, topic: t}}
sinks: {z: {connector: dst, topics: [t]}}
"""
    known = registries({"left": left, "right": right}, {"dst": sink})
    plan = plan_of(tmp_path, known, text + QUICK)
    run_plan(plan)
    assert sunk.keys() == {*range(50), *range(100, 150)}
    assert saved_state(plan, "a") == {"s": {"last": 49}}
    assert saved_state(plan, "b") == {"s": {"last": 149}}
    assert len(sunk.prepared) == 1


def test_f11_a_flood_of_dead_letters_stops_the_pipeline(tmp_path: Path) -> None:
    def script(events: Sequence[SourceEvent], _call: int) -> WriteResult:
        result = WriteResult()
        for one in events:
            result.add_failed_event(one, "no")
        return result

    source, _ = make_source(rows(range(500)))
    sink, _ = make_sink(script)
    text = SIMPLE.replace(
        "topics: [a]", "topics: [a], dead_letter: {path: d.jsonl, max_ratio: 0.1, window: 100}"
    )
    with pytest.raises(PipelineError, match="max_ratio"):
        run_plan(simple_plan(tmp_path, source, sink, text + QUICK))


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_positions_of_two_sources_stay_apart_where_they_are_keys(tmp_path: Path, mode: str) -> None:
    left, _ = make_source(rows(range(5)))
    right, _ = make_source(rows(range(5)))
    sink, sunk = make_sink(delivery=("at_least_once", "upsert"))
    text = f"""version: "1.0"
sources: {{a: {{connector: left, topic: t}}, b: {{connector: right, topic: t}}}}
sinks: {{z: {{connector: dst, topics: [t], mode: {mode}}}}}
"""
    known = registries({"left": left, "right": right}, {"dst": sink})
    run_plan(plan_of(tmp_path, known, text + QUICK))
    positions = [json.dumps(one.position) for one in sunk.events]
    assert len(set(positions)) == (10 if mode == "upsert" else 5)
