"""Transactional sinks: records and checkpoint in one transaction, and who decides on a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from engine_kit import (
    QUICK,
    SIMPLE,
    ReadScript,
    Vault,
    batch,
    event,
    letters,
    make_sink,
    make_source,
    make_transactional,
    plan_of,
    registries,
    rows,
    run_plan,
    saved,
    saved_state,
    simple_plan,
    transient,
)

from rivven_connect._batch import Batch, BatchConfig, EventBatch, Item
from rivven_connect._errors import ConnectorError, PipelineError
from rivven_connect._events import SourceEvent
from rivven_connect._sink import WriteResult
from rivven_connect._state import State
from rivven_connect.pipeline import StateStore, explain
from rivven_connect.pipeline.state_edit import Content, edits, replace_state, reset_state
from rivven_connect.pipeline.state_rows import StateRow

FAN_OUT = """version: "1.0"
sources: {a: {connector: src}}
sinks:
  first: {connector: vault, topics: [a]}
  second: {connector: other, topics: [a]}
"""


def test_every_transaction_holds_the_checkpoint_of_its_records(tmp_path: Path) -> None:
    source, _ = make_source(rows(range(300)))
    sink, vault = make_transactional(limits=BatchConfig(max_records=50, max_wait_ms=50))
    plan = simple_plan(tmp_path, source, sink)
    run_plan(plan)
    assert vault.ids() == list(range(300))
    for one in vault.batches:
        assert one.checkpoint.state["a"]["s"]["last"] == max(row.data["id"] for row in one.events)
        assert one.checkpoint.changed == one.checkpoint.state
    epochs = [one.epoch for one in vault.batches]
    assert epochs == sorted(set(epochs))
    assert saved_state(plan) == {"s": {"last": 299}}


def test_the_checkpoint_of_the_sink_wins_over_a_store_that_is_behind_or_ahead(
    tmp_path: Path,
) -> None:
    source, log = make_source(rows(range(20)))
    sink, vault = make_transactional(vault=Vault(state={"a": {"s": {"last": 9}}}))
    plan = simple_plan(tmp_path, source, sink)
    with_store(plan.state_dir, plan.name, 4)
    run_plan(plan)
    assert vault.ids() == list(range(10, 20))
    assert log.states == [{"s": {"last": 9}}]


def test_a_sink_without_a_checkpoint_gets_everything_whatever_the_store_says(
    tmp_path: Path,
) -> None:
    source, _ = make_source(rows(range(20)))
    sink, vault = make_transactional()
    plan = simple_plan(tmp_path, source, sink)
    with_store(plan.state_dir, plan.name, 14)
    run_plan(plan)
    assert vault.ids() == list(range(20))


def with_store(folder: Path, pipeline: str, last: int) -> None:
    store = StateStore.open(folder, pipeline)
    store.commit("a", {("s", ""): {"last": last}}, {})
    store.close()


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("call", [0, 1, 2])
def test_a_crash_around_a_transaction_repeats_nothing(
    tmp_path: Path, call: int, committed: bool
) -> None:
    vault = Vault()

    def script(one: Batch, number: int) -> WriteResult | None:
        if number == call:
            if committed:
                vault.commit(one)
            raise ConnectorError.fatal("the process dies here")
        return None

    limits = BatchConfig(max_records=30, max_wait_ms=50)
    source, _ = make_source(pages(100, page=7))
    broken, _ = make_transactional(script, vault=vault, limits=limits)
    plan = simple_plan(tmp_path, source, broken)
    with pytest.raises(PipelineError):
        run_plan(plan)
    sound, _ = make_transactional(vault=vault, limits=limits)
    run_plan(simple_plan(tmp_path, source, sound))
    assert vault.ids() == list(range(100))


def pages(total: int, page: int) -> ReadScript:
    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        start = saved(state) + 1
        for first in range(start, total, page):
            yield batch(range(first, min(first + page, total)))

    return read


def test_an_unknown_outcome_is_retried_with_the_same_epoch(tmp_path: Path) -> None:
    def script(_one: Batch, number: int) -> WriteResult | None:
        if number == 0:
            raise transient()
        return None

    source, _ = make_source(rows(range(10)))
    sink, vault = make_transactional(script)
    run_plan(simple_plan(tmp_path, source, sink))
    first, second = vault.batches[:2]
    assert first.epoch == second.epoch
    assert [one.data for one in first.events] == [one.data for one in second.events]
    assert vault.ids() == list(range(10))


def test_a_dead_letter_is_durable_before_the_transaction_without_it(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    kept: list[list[int]] = []

    def script(one: Batch, _number: int) -> WriteResult | None:
        kept.append([letter["record"]["id"] for letter in letters(path)] if path.exists() else [])
        result = WriteResult()
        for row in one.events:
            if row.data["id"] % 7 == 0:
                result.add_failed_event(row, "sevenths are not wanted")
        return result if result.has_failures() else None

    source, _ = make_source(rows(range(30)))
    sink, vault = make_transactional(script)
    text = SIMPLE.replace(
        "topics: [a]", "topics: [a], dead_letter: {path: d.jsonl, max_ratio: 0.5}"
    )
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK))
    sevenths = {0, 7, 14, 21, 28}
    assert set(vault.ids()) == set(range(30)) - sevenths
    assert {letter["record"]["id"] for letter in letters(path)} == sevenths
    refused = [at for at, one in enumerate(vault.batches) if any(_seventh(r) for r in one.events)]
    for at in refused:
        resubmitted = vault.batches[at + 1]
        assert resubmitted.epoch == vault.batches[at].epoch
        gone = {r.data["id"] for r in vault.batches[at].events} - {
            r.data["id"] for r in resubmitted.events
        }
        assert gone <= set(kept[at + 1])


def _seventh(row: SourceEvent) -> bool:
    return bool(row.data["id"] % 7 == 0)


def test_a_record_that_the_sink_does_not_name_stops_the_pipeline(tmp_path: Path) -> None:
    def script(_one: Batch, _number: int) -> WriteResult | None:
        raise ConnectorError.data("one of them is bad")

    source, _ = make_source(rows(range(3)))
    sink, vault = make_transactional(script)
    with pytest.raises(PipelineError, match="did not name"):
        run_plan(simple_plan(tmp_path, source, sink))
    assert vault.ids() == []


def test_a_state_without_records_moves_the_checkpoint_of_the_sink(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield EventBatch(stream="s", records=[], state={"last": 7})

    source, _ = make_source(read)
    sink, vault = make_transactional()
    run_plan(simple_plan(tmp_path, source, sink))
    assert vault.state == {"a": {"s": {"last": 7}}}


def test_in_fan_out_the_transactional_sink_does_not_lead(tmp_path: Path) -> None:
    """The other sink may have got less: only our own store knows the minimum."""
    source, _ = make_source(rows(range(50)))
    vault_sink, vault = make_transactional(vault=Vault(state={"a": {"s": {"last": 39}}}))
    other, sunk = make_sink()
    plan = plan_of(
        tmp_path,
        registries({"src": source}, {"vault": vault_sink, "other": other}),
        FAN_OUT + QUICK,
    )
    assert [one.level for one in explain(plan)] == ["L1", "L1"]
    with_store(plan.state_dir, plan.name, 9)
    run_plan(plan)
    assert sunk.keys() == set(range(10, 50))
    assert set(vault.ids()) == set(range(10, 50))


def unfinished(total: int, fails_at: Sequence[int] = ()) -> ReadScript:
    """Return a script of a stream without resume points; only its end has a state."""

    async def read(session: int, state: State | None) -> AsyncIterator[Item]:
        if saved(state) >= 0:
            return
        for number in range(total):
            if session < len(fails_at) and number == fails_at[session]:
                raise transient()
            yield SourceEvent(stream="s", data={"id": number}, position=number)
        yield EventBatch(stream="s", records=[], state={"last": total})

    return read


def test_rows_of_an_unfinished_sync_are_replaced_when_it_is_read_again(tmp_path: Path) -> None:
    source, log = make_source(unfinished(120, fails_at=[100, 50]))
    limits = BatchConfig(max_records=10, max_wait_ms=20)
    sink, vault = make_transactional(limits=limits)
    run_plan(simple_plan(tmp_path, source, sink))
    assert log.sessions == 3
    assert any(one.sync for one in vault.batches), "nothing was written before its end"
    assert vault.ids() == list(range(120))
    assert vault.open_rows == []


def test_rows_of_an_unfinished_sync_go_when_a_new_run_begins(tmp_path: Path) -> None:
    limits = BatchConfig(max_records=10, max_wait_ms=20)
    vault = Vault()

    def script(_one: Batch, number: int) -> WriteResult | None:
        if number == 6:
            raise ConnectorError.fatal("the process dies here")
        return None

    source, _ = make_source(unfinished(120))
    broken, _ = make_transactional(script, vault=vault, limits=limits)
    with pytest.raises(PipelineError):
        run_plan(simple_plan(tmp_path, source, broken))
    assert vault.open_rows
    sound, _ = make_transactional(vault=vault, limits=limits)
    run_plan(simple_plan(tmp_path, source, sound))
    assert vault.ids() == list(range(120))


def test_a_tail_behind_the_last_resume_point_waits_for_the_next(tmp_path: Path) -> None:
    """Pages are larger than a batch: what is committed with a state never exceeds it."""
    source, _ = make_source(pages(90, page=30))
    sink, vault = make_transactional(limits=BatchConfig(max_records=20, max_wait_ms=20))
    run_plan(simple_plan(tmp_path, source, sink))
    assert vault.ids() == list(range(90))
    assert vault.open_rows == []
    for one in vault.batches:
        if one.sync is None and one.events:
            assert one.checkpoint.changed


def test_fan_in_to_one_transactional_sink_leads_both_sources(tmp_path: Path) -> None:
    left, left_log = make_source(rows(range(50)))
    right, right_log = make_source(rows(range(100, 150)))
    sink, vault = make_transactional()
    text = """version: "1.0"
sources: {a: {connector: left, topic: t}, b: {connector: right, topic: t}}
sinks: {z: {connector: dst, topics: [t]}}
"""
    plan = plan_of(tmp_path, registries({"left": left, "right": right}, {"dst": sink}), text)
    run_plan(plan)
    run_plan(plan)
    assert vault.ids() == [*range(50), *range(100, 150)]
    assert left_log.states[1] == {"s": {"last": 49}}
    assert right_log.states[1] == {"s": {"last": 149}}
    assert {one.level for one in explain(plan)} == {"L3"}


def test_a_global_state_covers_the_tails_of_all_streams(tmp_path: Path) -> None:
    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        if state is not None:
            return
        for number in range(10):
            yield SourceEvent(stream="sx"[number % 2], data={"id": number})
        one = event(0)
        yield EventBatch(stream="_state", records=[], state={"all": one.data["id"]})

    source, _ = make_source(read, streams=("s", "x"))
    sink, vault = make_transactional()
    run_plan(simple_plan(tmp_path, source, sink))
    assert vault.ids() == list(range(10))
    assert [one.sync for one in vault.batches] == [None]


@pytest.mark.parametrize("delivery", ["at_least_once", "upsert"])
def test_without_checkpoints_a_refused_record_takes_no_other_with_it(
    tmp_path: Path, delivery: str
) -> None:
    """Nothing of a transaction with failures is committed, so the rest is written again."""

    def script(one: Batch, _number: int) -> WriteResult | None:
        result = WriteResult()
        for row in one.events:
            if _seventh(row):
                result.add_failed_event(row, "sevenths are not wanted")
        return result if result.has_failures() else None

    source, _ = make_source(rows(range(30)))
    sink, vault = make_transactional(script)
    text = SIMPLE.replace(
        "topics: [a]",
        f"topics: [a], delivery: {delivery}, dead_letter: {{path: d.jsonl, max_ratio: 0.5}}",
    )
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK))
    assert vault.ids() == [number for number in range(30) if number % 7]
    assert {one["record"]["id"] for one in letters(tmp_path / "d.jsonl")} == {0, 7, 14, 21, 28}


@pytest.mark.parametrize("named", [True, False])
def test_without_checkpoints_what_may_pass_is_tried_again_as_a_whole(
    tmp_path: Path, named: bool
) -> None:
    def script(one: Batch, number: int) -> WriteResult | None:
        result = WriteResult()
        if number < 2 and named:
            result.add_failed_event(one.events[-1], "not now", retryable=True)
        elif number < 2:
            result.add_failure(1, "not now")
        return result if result.has_failures() else None

    source, _ = make_source(rows(range(30)))
    sink, vault = make_transactional(script)
    text = SIMPLE.replace("topics: [a]", "topics: [a], delivery: at_least_once")
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK))
    assert vault.ids() == list(range(30))


@pytest.mark.parametrize("how", ["stream", "source", "all"])
def test_after_a_reset_the_checkpoint_of_the_sink_does_not_win(tmp_path: Path, how: str) -> None:
    source, log = make_source(rows(range(10)))
    sink, vault = make_transactional()
    plan = simple_plan(tmp_path, source, sink)
    run_plan(plan)
    if how == "all":
        content = Content(counters=edits(["a"]))
        replace_state(plan.state_dir, plan.name, content, why="reset")
    else:
        store = StateStore.open(plan.state_dir, plan.name)
        saved_rows = store.states()
        store.close()
        reset_state(plan.state_dir, plan.name, saved_rows, whole=how == "source")
    run_plan(plan)
    assert vault.ids() == sorted([*range(10), *range(10)])
    run_plan(plan)
    assert log.states[-1] == {"s": {"last": 9}}, "heard once"
    assert len(vault.rows) == 20


def test_an_imported_state_wins_over_the_checkpoint_of_the_sink(tmp_path: Path) -> None:
    source, log = make_source(rows(range(10)))
    sink, _ = make_transactional()
    plan = simple_plan(tmp_path, source, sink)
    run_plan(plan)
    older = StateRow("a", "s", "", '{"last": 3}')
    content = Content([older], edits(["a"]))
    replace_state(plan.state_dir, plan.name, content, why="import")
    run_plan(plan)
    assert log.states[-1] == {"s": {"last": 3}}
