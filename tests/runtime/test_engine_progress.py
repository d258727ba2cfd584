"""A run that gets on: it gives up where nothing moves, and stops when it is asked to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from engine_kit import (
    QUICK,
    SIMPLE,
    EmptyConfig,
    MemoryStore,
    accept,
    event,
    letters,
    make_sink,
    make_source,
    run_plan,
    simple_plan,
    transient,
)

from rivven_connect._batch import EventBatch, Item
from rivven_connect._errors import PipelineError
from rivven_connect._events import SourceEvent
from rivven_connect._sink import WriteResult
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._state import State
from rivven_connect._transform import Transform, Transformed
from rivven_connect.pipeline import run_pipeline
from rivven_connect.pipeline.flood_guard import FloodGuard

SLOW_RETRY = "settings: {retry: {max_retries: 9, initial_backoff_ms: 9000, max_backoff_ms: 9000}}\n"


class SlowTransform(Transform[EmptyConfig]):
    """Takes longer than a sink waits for its batch."""

    config_type = EmptyConfig

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(connector_type="slow", version="1.0.0", kind=ConnectorKind.TRANSFORM)

    async def transform(self, config: EmptyConfig, event: SourceEvent) -> Transformed:
        await asyncio.sleep(0.3)
        return event


def test_a_record_of_a_slow_transform_is_delivered_while_the_source_idles(tmp_path: Path) -> None:
    delivered: list[bool] = []

    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        yield event(0)
        for _ in range(300):
            if not sunk.durable:
                await asyncio.sleep(0.01)
        delivered.append(bool(sunk.durable))

    source, _ = make_source(read)
    sink, sunk = make_sink()
    text = SIMPLE.replace("connector: src", "connector: src, transforms: [{transform: slow}]")
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK, slow=SlowTransform))
    assert delivered == [True]


@pytest.mark.parametrize("state", [None, {"page": 7}])
def test_a_source_that_gets_no_further_is_given_up(
    tmp_path: Path, state: dict[str, int] | None
) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        if session > 20:
            return
        yield EventBatch("s", [{"id": 1}], state=state, flush=True)
        await asyncio.sleep(0.02)
        raise transient()

    source, log = make_source(read)
    sink, sunk = make_sink()
    with pytest.raises(PipelineError, match="the other side is away"):
        run_plan(simple_plan(tmp_path, source, sink), memory=MemoryStore())
    tries = 1 + 3
    # The first state is progress, and gives the retries back once.
    assert log.sessions in (tries, tries + 1)
    assert sunk.keys() == {1}


def test_a_source_that_cannot_read_again_may_fail_for_ever(tmp_path: Path) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        yield EventBatch("s", [{"id": session}], flush=True)
        await asyncio.sleep(0.02)
        if session < 10:
            raise transient()

    source, _ = make_source(read, replayable=False)
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, source, sink), memory=MemoryStore())
    assert sunk.keys() == set(range(11))


def test_a_stop_while_connecting_ends_the_run_at_once(tmp_path: Path) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        yield event(0)

    source, log = make_source(read, fail_open=lambda _count: transient())
    sink, sunk = make_sink()
    summary = run_plan(simple_plan(tmp_path, source, sink, SIMPLE + SLOW_RETRY), stop_after=0.1)
    assert summary.drained
    assert (log.opened, log.closed, sunk.closed) == (1, 1, 1)


@pytest.mark.parametrize("turns", range(30))
def test_a_stop_at_any_step_of_a_retry_ends_the_run(tmp_path: Path, turns: int) -> None:
    stop = asyncio.Event()

    def turn(left: int) -> None:
        if left:
            asyncio.get_running_loop().call_soon(turn, left - 1)
        else:
            stop.set()

    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        if session == 0:
            asyncio.get_running_loop().call_soon(turn, turns)
            raise transient()
        yield event(0)

    source, log = make_source(read)
    sink, _ = make_sink()
    retry = "{max_retries: 3, initial_backoff_ms: 0, max_backoff_ms: 0}"
    text = SIMPLE + f"settings: {{shutdown_timeout_ms: 500, retry: {retry}}}\n"
    plan = simple_plan(tmp_path, source, sink, text)
    # DrainDeadlinePassed where somebody waits for what never began.
    asyncio.run(run_pipeline(plan, store=MemoryStore(), stop=stop))
    assert log.opened == log.closed


def test_a_timeout_while_connecting_is_not_taken_for_a_stop(tmp_path: Path) -> None:
    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        yield event(0)

    source, _ = make_source(read, fail_open=lambda _count: TimeoutError("slow"))
    sink, _ = make_sink()
    with pytest.raises(PipelineError, match="slow"):
        run_plan(simple_plan(tmp_path, source, sink))


def test_states_without_records_leave_the_loop_to_others(tmp_path: Path) -> None:
    ticks: list[int] = []

    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        async def tick() -> None:
            while True:
                ticks.append(1)
                await asyncio.sleep(0)

        ticker = asyncio.create_task(tick())
        for number in range(20_000):
            yield EventBatch("s", [], state={"last": number})
        ticker.cancel()

    source, _ = make_source(read)
    sink, _ = make_sink()
    run_plan(simple_plan(tmp_path, source, sink), memory=MemoryStore())
    assert len(ticks) >= 10


def test_an_event_that_is_named_twice_is_one_dead_letter(tmp_path: Path) -> None:
    def script(events: Sequence[SourceEvent], _call: int) -> WriteResult:
        bad = [one for one in events if one.data["id"] == 2]
        result = accept(sunk, [one for one in events if one not in bad])
        for one in bad:
            result.add_failed_event(one, "no price")
            result.add_failed_event(one, "no name")
        return result

    source, _ = make_source(_five)
    sink, sunk = make_sink(script)
    text = SIMPLE.replace("topics: [a]", "topics: [a], dead_letter: {path: d.jsonl, max_ratio: 1}")
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK))
    assert sunk.keys() == {0, 1, 3, 4}
    assert [one["record"]["id"] for one in letters(tmp_path / "d.jsonl")] == [2]


async def _five(_session: int, _known: State | None) -> AsyncIterator[Item]:
    for number in range(5):
        yield event(number)


def test_a_flood_guard_keeps_nothing_of_flushes_without_records() -> None:
    guard = FloodGuard(0.1, 1000)
    for _ in range(100):
        guard.add(0, 0)
    assert len(guard) == 0
