"""Outcomes of whole batches by place, waits that are asked for, and how much is enough for a write."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from block_kit import make_taker
from engine_kit import (
    QUICK,
    SIMPLE,
    batch,
    letters,
    make_sink,
    make_source,
    run_plan,
    saved_state,
    simple_plan,
)

from rivven_connect._batch import BatchConfig, EventBatch, Item
from rivven_connect._errors import PipelineError, RivvenError
from rivven_connect._events import SourceEvent
from rivven_connect._sink import BatchForm, WriteResult
from rivven_connect._verdict import judge, named
from rivven_connect.pipeline import Observer
from rivven_connect.pipeline.blocks import Block
from rivven_connect.pipeline.inbox import Inbox
from rivven_connect.pipeline.ledger import Entry, Ledger
from rivven_connect.pipeline.summary import Gauges
from rivven_connect.pipeline.window import Piece

LETTERS = SIMPLE.replace(
    "connector: dst", "connector: dst, dead_letter: {path: d.jsonl, max_ratio: 1}"
)
OUTCOMES = ("ok", "retryable", "permanent")


@pytest.mark.parametrize("takes", ["rows", "json"])
@pytest.mark.parametrize("order_safe", [True, False])
def test_f8_every_mask_of_outcomes_of_a_whole_batch(
    tmp_path: Path, takes: BatchForm, order_safe: bool
) -> None:
    """What is named by its place alone is sent again, or given up; nothing else is touched."""
    for number, mask in enumerate(itertools.product(OUTCOMES, repeat=3)):
        folder = tmp_path / str(number)
        folder.mkdir()
        delivered, dead = _deliver(folder, mask, takes, order_safe=order_safe)
        refused = {place for place, one in enumerate(mask) if one == "permanent"}
        assert set(delivered) == set(range(3)) - refused
        assert dead == sorted(refused)
        if order_safe:
            assert max(delivered.values(), default=1) == 1, mask


def _deliver(
    folder: Path, mask: Sequence[str], takes: BatchForm, *, order_safe: bool
) -> tuple[Counter[int], list[int]]:
    def script(batches: Sequence[EventBatch], call: int) -> WriteResult:
        assert call == 0, "all the rest goes one by one"
        result = WriteResult()
        rows = [row["id"] for one in batches for row in one.rows()]
        for place, outcome in enumerate(mask):
            if outcome == "ok":
                taken.buffered.append({"id": rows[place]})
                result.add_success(1)
            else:
                result.add_failed_record(place, "so", retryable=outcome == "retryable")
        return result

    async def read(_session: int, _state: object) -> AsyncIterator[Item]:
        yield batch(range(2))
        yield batch(range(2, 3))

    source, _ = make_source(read)
    limits = BatchConfig(max_records=100, max_wait_ms=20)
    sink, taken = make_taker(takes, script, limits=limits, order_safe=order_safe)
    plan = simple_plan(folder, source, sink, LETTERS + QUICK)
    run_plan(plan)
    assert saved_state(plan) == {"s": {"last": 2}}
    path = folder / "d.jsonl"
    dead = [one["record"]["id"] for one in letters(path)] if path.exists() else []
    return Counter(taken.ids()), dead


def test_a_place_that_does_not_exist_stops_the_pipeline(tmp_path: Path) -> None:
    def script(_batches: Sequence[EventBatch], _call: int) -> WriteResult:
        result = WriteResult()
        result.add_failed_record(99, "no")
        return result

    source, _ = make_source(_three)
    sink, _ = make_taker("json", script)
    with pytest.raises(RivvenError, match="behind the last of 3"):
        run_plan(simple_plan(tmp_path, source, sink))


async def _three(_session: int, _state: object) -> AsyncIterator[Item]:
    yield batch(range(3))


class Waits(Observer):
    """Notes how long the engine waits before it tries again."""

    def __init__(self) -> None:
        self.ms: list[float] = []

    def retrying(self, connector: str, error: Exception, delay_ms: float) -> None:
        self.ms.append(delay_ms)


@pytest.mark.parametrize("fast", [True, False])
def test_f17_the_wait_that_failed_records_ask_for_is_kept(tmp_path: Path, fast: bool) -> None:
    """Of several, the longest; bounded as the wait of an error is."""

    def fail_first(events: Sequence[SourceEvent], call: int) -> WriteResult:
        result = WriteResult()
        result.add_success(len(events) - 2 * (call == 0))
        if call == 0:
            result.add_failed_event(events[0], "busy", retryable=True, retry_after=0.01)
            result.add_failed_event(events[1], "busy", retryable=True, retry_after=3600.0)
        return result

    def fail_fast(_batches: Sequence[EventBatch], _call: int) -> WriteResult:
        result = WriteResult()
        result.add_success(1)
        result.add_failed_record(0, "busy", retryable=True, retry_after=0.01)
        result.add_failed_record(1, "busy", retryable=True, retry_after=3600.0)
        return result

    source, _ = make_source(_three)
    sink = make_taker("json", fail_fast)[0] if fast else make_sink(fail_first)[0]
    text = SIMPLE + QUICK.replace("max_retries: 3", "max_retries: 3, max_retry_after_ms: 40")
    waits = Waits()
    run_plan(simple_plan(tmp_path, source, sink, text), observer=waits)
    assert waits.ms == [40.0]


def test_without_a_wish_there_is_no_wait_in_the_verdict() -> None:
    events = [SourceEvent.record("s", {"id": number}) for number in range(3)]
    result = WriteResult()
    result.add_success(1)
    result.add_failed_record(1, "a", retryable=True)
    result.add_failed_record(2, "b")
    verdict = judge(named(result, events), events, order_safe=True)
    assert list(verdict.again) == [events[1]]
    assert [one.event for one in verdict.rejected] == [events[2]]
    assert (verdict.retry_after, verdict.reason) == (None, "a")


def test_the_budget_of_a_write_is_one(tmp_path: Path) -> None:
    """However a record fails, by place or by event, the tries of it add up."""

    def fail(batches: Sequence[EventBatch], _call: int) -> WriteResult:
        result = WriteResult()
        result.add_success(2)
        result.add_failed_record(0, "never", retryable=True)
        return result

    source, _ = make_source(_three)
    sink, taken = make_taker("json", fail, order_safe=True)
    calls: list[int] = []

    async def write_batch(
        self: object, config: object, events: Sequence[SourceEvent]
    ) -> WriteResult:
        calls.append(len(events))
        result = WriteResult()
        result.add_failed_event(events[0], "never", retryable=True)
        return result

    sink.write_batch = write_batch  # type: ignore[method-assign]  # of this class alone
    with pytest.raises(PipelineError, match="gave up after 4 tries"):
        run_plan(simple_plan(tmp_path, source, sink))
    assert calls == [1, 1, 1]
    assert taken.durable == []


async def test_enough_records_are_not_kept_waiting_and_more_go_along() -> None:
    limits = BatchConfig(max_records=5, max_wait_ms=3_600_000, enough_records=2)
    inbox = Inbox(limits, Gauges())
    ledger = Ledger("a")

    def put(count: int) -> None:
        piece = Piece()
        rows: list[SourceEvent] = [SourceEvent.record("s", {"id": n}) for n in range(count)]
        piece.add(Block.of(rows))
        inbox.put(Entry("a", piece, ledger, 1))

    put(1)
    waiting = asyncio.ensure_future(inbox.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    put(1)
    assert [one.piece.records for one in (await waiting)[0]] == [1, 1]
    for count in (2, 2, 2):
        put(count)
    assert [one.piece.records for one in (await inbox.take())[0]] == [2, 2]
    assert [one.piece.records for one in (await inbox.take())[0]] == [2]


def test_what_is_due_is_never_more_than_what_fits() -> None:
    assert BatchConfig(max_records=5).due_records == 5
    assert BatchConfig(max_records=5, enough_records=9).due_records == 5
    assert BatchConfig(max_records=5, enough_records=2).due_records == 2


def test_a_limit_of_the_pipeline_file_is_waited_for(tmp_path: Path) -> None:
    source, _ = make_source(_three)
    sink, _ = make_sink(limits=BatchConfig(max_records=10, enough_records=1))
    own = simple_plan(tmp_path, source, sink).sinks[0]
    assert own.batch_config(own.factory.create()).due_records == 1
    text = SIMPLE.replace("connector: dst", "connector: dst, batch: {max_records: 7}")
    (changed,) = simple_plan(tmp_path, source, sink, text).sinks
    assert changed.batch_config(changed.factory.create()).due_records == 7
