"""What the simulation has found, each in the smallest form that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import simulated_sinks
import virtual_loop
from engine_kit import (
    MemoryStore,
    make_sink,
    make_source,
    plan_of,
    registries,
    saved,
    simple_plan,
)
from engine_kit import event as numbered
from simulated_sinks import make_sink as make_simulated
from simulated_world import SinkScript, SourceScript, World

from rivven_connect._batch import EventBatch, Item
from rivven_connect._events import SourceEvent
from rivven_connect._state import State
from rivven_connect.pipeline import run_pipeline

FAN_IN = (
    'version: "1.0"\nsources: {a: {connector: sa}, b: {connector: sb}}\n'
    "sinks: {x: {connector: dst, topics: [a, b]}}\nsettings: {max_in_flight: 10}\n"
)


def transactional(folder: Path, *, slow: float) -> tuple[World, SinkScript]:
    """Return a world with a transactional sink behind two sources."""
    world = World(1, folder)
    world.run = 1
    for name in "ab":
        world.sources[name] = SourceScript(name, False, [], False, False, 1, 0.0)
    limits = {"max_records": 1_000, "max_bytes": 1 << 20, "max_wait_ms": 1_000}
    sink = SinkScript(
        "x", ["a", "b"], "transactional", False, False, False, False, slow, False, limits
    )
    world.sinks["x"] = sink
    return world, sink


async def steadily(_session: int, state: State | None) -> AsyncIterator[Item]:
    """Yield a record with its state, again and again."""
    number = saved(state, "t")
    while True:
        number += 1
        yield SourceEvent(
            stream="t",
            data={"s": "b0", "n": number},
            position=number,
            state={"last": number},
        )
        await asyncio.sleep(0.05)


def test_a_full_window_without_resume_points_does_not_wait_for_another_source_to_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def always(_world: World, most: float) -> None:
        await asyncio.sleep(most)

    async def whole(_session: int, state: State | None) -> AsyncIterator[Item]:
        for number in range(30):
            yield SourceEvent(stream="s", data={"s": "a0", "n": number}, position=number)
        yield EventBatch(stream="s", records=[], state={"last": 29})

    async def for_a_minute() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(60, stop.set)
        await run_pipeline(plan, store=store, stop=stop)

    monkeypatch.setattr(simulated_sinks, "pause", always)
    world, sink = transactional(tmp_path, slow=0.2)
    a, _ = make_source(whole, streams=("s",))
    b, _ = make_source(steadily, streams=("t",))
    known = registries({"sa": a, "sb": b}, {"dst": make_simulated(world, sink)})
    plan = plan_of(tmp_path, known, FAN_IN)
    store = MemoryStore()
    virtual_loop.run(for_a_minute(), seed=1)
    assert {key for key in sink.final() if key[0] == "a0"} == {("a0", n) for n in range(30)}
    assert store.states["a"] == {"s": {"last": 29}}


def test_the_first_transaction_holds_the_checkpoint_of_a_source_that_has_not_begun(
    tmp_path: Path,
) -> None:
    async def late(_session: int, state: State | None) -> AsyncIterator[Item]:
        await asyncio.Event().wait()
        yield EventBatch(stream="s", records=[])

    async def a_moment() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(3, stop.set)
        await run_pipeline(plan, store=MemoryStore(), stop=stop)

    def slow_start(_state: State) -> None:
        seen.append(dict(sink.checkpoint))

    world, sink = transactional(tmp_path, slow=0.0)
    sink.checkpoint = {"a": {"s": {"last": 7}}}
    seen: list[object] = []
    a, _ = make_source(late, streams=("s",), acknowledge=slow_start)
    b, _ = make_source(steadily, streams=("t",))

    class Late(a):  # type: ignore[misc, valid-type]  # the kit makes classes
        async def acknowledge(self, config: object, state: State) -> None:
            await asyncio.sleep(1)
            await super().acknowledge(config, state)

    known = registries({"sa": Late, "sb": b}, {"dst": make_simulated(world, sink)})
    plan = plan_of(tmp_path, known, FAN_IN)
    virtual_loop.run(a_moment(), seed=1)
    assert [sorted(one) for one in seen] == [["a", "b"]]  # type: ignore[call-overload]  # checkpoints
    assert sink.checkpoint["a"] == {"s": {"last": 7}}


def test_a_stop_while_the_source_is_told_at_start_is_not_lost(tmp_path: Path) -> None:
    async def endless(_session: int, state: State | None) -> AsyncIterator[Item]:
        number = saved(state)
        while True:
            number += 1
            yield numbered(number)
            await asyncio.sleep(0.5)

    async def stop_early() -> float:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.call_later(1, stop.set)
        await run_pipeline(plan, store=store, stop=stop)
        return loop.time()

    source, _ = make_source(endless)

    class Slow(source):  # type: ignore[misc, valid-type]  # the kit makes classes
        async def acknowledge(self, config: object, state: State) -> None:
            await asyncio.sleep(2)

    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, Slow, sink)
    store = MemoryStore()
    store.states["a"] = {"s": {"last": 3}}
    assert virtual_loop.run(stop_early(), seed=1) < 5
    assert sunk.keys() == set()
