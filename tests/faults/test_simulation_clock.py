"""M6, F23: a day in seconds, a wall clock that jumps, and the virtual loop itself."""

from __future__ import annotations

import asyncio
import datetime
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import virtual_loop
from engine_kit import (
    MemoryStore,
    accept,
    event,
    make_sink,
    make_source,
    saved,
    simple_plan,
    transient,
)
from figures import Record

from rivven_connect._batch import Item
from rivven_connect._events import SourceEvent
from rivven_connect._rate_limit import RateLimitConfig, RateLimiter
from rivven_connect._sink import WriteResult
from rivven_connect._state import State
from rivven_connect.pipeline import run_pipeline

DAY_S = 86_400
MINUTE_S = 60.0
SETTINGS = "settings: {retry: {max_retries: 10, initial_backoff_ms: 100, max_backoff_ms: 30000}}\n"
TEXT = (
    'version: "1.0"\nsources: {a: {connector: src}}\nsinks: {z: {connector: dst, topics: [a]}}\n'
    + SETTINGS
)


async def polls(state: State | None, until: float) -> AsyncIterator[Item]:
    """Yield a record for each minute that has begun, one poll a minute."""
    loop = asyncio.get_running_loop()
    number = saved(state) + 1
    while loop.time() < until:
        while number * MINUTE_S <= loop.time():
            yield event(number)
            number += 1
        await asyncio.sleep(MINUTE_S)


def in_outage(now: float) -> bool:
    """Whether the source is away: for ten minutes of every third hour."""
    return now % (3 * 3_600) > 3 * 3_600 - 600


def test_a_day_of_polls_and_outages_takes_seconds(tmp_path: Path, figures: Record) -> None:
    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        async for item in polls(state, DAY_S + 5 * MINUTE_S):
            if in_outage(asyncio.get_running_loop().time()):
                raise transient()
            yield item

    source, log = make_source(read, fail_open=lambda _: _away())
    sink, sunk = make_sink(flush=lambda count: transient() if count % 50 == 0 else None)
    text = TEXT.replace("max_retries: 10", "max_retries: 100")
    plan = simple_plan(tmp_path, source, sink, text)
    summary = virtual_loop.run(run_pipeline(plan, store=MemoryStore()), seed=1)
    assert sunk.keys() == set(range(max(sunk.keys()) + 1))
    assert max(sunk.keys()) >= DAY_S // MINUTE_S
    assert len(sunk.durable) == len(sunk.keys())
    assert log.sessions > 8
    assert summary.sources["a"].written == len(sunk.durable)
    figures("M6", virtual_hours=24)


def _away() -> Exception | None:
    return transient() if in_outage(asyncio.get_running_loop().time()) else None


class _Jumping(datetime.datetime):
    """A wall clock that goes a day forward and two back, again and again."""

    calls = 0

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> _Jumping:
        cls.calls += 1
        days = (0, 1, -1)[cls.calls % 3]
        real = datetime.datetime(2026, 3, 29, 1, 59, 59, tzinfo=tz)
        return cls.fromtimestamp((real + datetime.timedelta(days=days)).timestamp(), tz)


def test_a_wall_clock_that_jumps_changes_nothing_but_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(session: int, state: State | None) -> AsyncIterator[Item]:
        start = saved(state) + 1
        for number in range(start, 60):
            if session < 3 and number == start + 15:
                raise transient()
            await asyncio.sleep(0.5)
            yield event(number)

    def answers(events: Any, call: int) -> WriteResult:
        if call % 5 == 3:
            raise transient()
        sunk_at.append(asyncio.get_running_loop().time())
        result = WriteResult()
        result.add_success(len(events))
        return result

    def run(name: str) -> tuple[list[float], Any]:
        folder = tmp_path / name
        folder.mkdir()
        source, _ = make_source(read)
        sink, _ = make_sink(answers)
        store = MemoryStore()
        sunk_at.clear()
        virtual_loop.run(run_pipeline(simple_plan(folder, source, sink, TEXT), store=store), seed=2)
        return list(sunk_at), store.states

    sunk_at: list[float] = []
    steady = run("steady")
    # Of the module itself: whoever asks for the time while the pipeline runs gets these.
    monkeypatch.setattr(datetime, "datetime", _Jumping)
    assert run("jumping") == steady
    assert _Jumping.calls > 0


def test_time_jumps_to_the_next_timer() -> None:
    async def sleep() -> float:
        await asyncio.sleep(7 * DAY_S)
        return asyncio.get_running_loop().time()

    assert virtual_loop.run(sleep(), seed=0) == pytest.approx(7 * DAY_S)


def test_what_waits_for_ever_is_named() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(virtual_loop.Stuck, match="wait"):
        virtual_loop.run(wait(), seed=0)


def test_a_task_left_behind_is_an_error() -> None:
    async def leave() -> None:
        left.append(asyncio.create_task(asyncio.sleep(10), name="forgotten"))

    left: list[asyncio.Task[None]] = []
    with pytest.raises(AssertionError, match="forgotten"):
        virtual_loop.run(leave(), seed=0)


def test_calls_to_one_thread_do_not_overtake() -> None:
    async def call() -> None:
        loop = asyncio.get_running_loop()
        thread = object()
        await asyncio.gather(
            *(loop.run_in_executor(thread, done.append, number) for number in range(20))  # type: ignore[arg-type]  # any name of a thread will do
        )

    done: list[int] = []
    virtual_loop.run(call(), seed=0)
    assert done == list(range(20))


def test_a_crash_ends_a_part_of_what_was_begun_and_nothing_else() -> None:
    async def call(done: list[int]) -> None:
        loop = asyncio.get_running_loop()
        thread = object()
        await asyncio.gather(
            *(loop.run_in_executor(thread, done.append, number) for number in range(20))  # type: ignore[arg-type]  # any name of a thread will do
        )
        done.append(-1)

    lengths = set()
    for seed in range(20):
        done: list[int] = []
        with pytest.raises(virtual_loop.Crashed):
            virtual_loop.run(call(done), seed=seed, crash_after=0.01)
        assert done == list(range(len(done)))
        lengths.add(len(done))
    assert len(lengths) > 5


def test_a_demand_over_the_bucket_passes() -> None:
    """R8: with a limiter that waits until so much is in its bucket, this never ends."""

    async def acquire() -> float:
        limiter = RateLimiter(RateLimitConfig(events_per_second=10, burst=10))
        async with asyncio.timeout(1_000):
            await limiter.acquire(200)
            await limiter.acquire(1)
        return asyncio.get_running_loop().time()

    assert virtual_loop.run(acquire(), seed=0) == pytest.approx(18.1)


@pytest.mark.parametrize("seed", range(12))
def test_a_cancelled_run_is_cancelled_at_once(seed: int, tmp_path: Path) -> None:
    """F29: wherever it comes, cancellation passes through, and nothing is left."""

    async def cancel_in_the_middle() -> float:
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(run_pipeline(plan, store=MemoryStore()))
        await asyncio.sleep(chance.uniform(0, 20))
        task.cancel()
        begun = loop.time()
        await asyncio.wait([task])
        assert task.cancelled()
        return loop.time() - begun

    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        for number in range(1_000):
            await asyncio.sleep(chance.uniform(0, 0.02))
            yield event(number)

    def answer(events: Sequence[SourceEvent], call: int) -> WriteResult:
        if call > 3:
            raise transient()
        return accept(sunk, events)

    chance = random.Random(seed)
    source, _ = make_source(read)
    sink, sunk = make_sink(answer, delay=0.5)
    plan = simple_plan(tmp_path, source, sink, TEXT)
    assert virtual_loop.run(cancel_in_the_middle(), seed) < 2 * virtual_loop.SLOWEST_CALL_S
