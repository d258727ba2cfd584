"""Makes a world from a seed, runs its pipeline through crashes to the end, and judges it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import virtual_loop
from engine_kit import registries
from oracle import Evidence, Sunk, violations
from simulated_sinks import make_sink
from simulated_sources import make_source, make_transforms
from simulated_world import Faults, SinkScript, SourceScript, StreamScript, World, WorldStore

from rivven_connect._errors import RivvenError
from rivven_connect.pipeline import (
    PipelinePlan,
    RunSummary,
    load_pipeline,
    plan_pipeline,
    run_pipeline,
)
from rivven_connect.pipeline.failures import DrainDeadlinePassed

MOST_RUNS = 80
LONGEST_RUN_S = 3_600.0
"""Virtual seconds after which a run that could go on has not."""


def make_world(seed: int, folder: Path) -> World:
    """Return the world of a seed: sources, sinks, wiring, faults."""
    world = World(seed, folder)
    rng = world.rng
    for name in "abc"[: rng.randint(1, 3)]:
        world.sources[name] = _source(world, name)
    for name in "xyz"[: rng.randint(1, 3)]:
        topics = rng.sample(sorted(world.sources), rng.randint(1, len(world.sources)))
        world.sinks[name] = _sink(world, name, topics)
    read = {topic for sink in world.sinks.values() for topic in sink.topics}
    for name in sorted(set(world.sources) - read):
        rng.choice(list(world.sinks.values())).topics.append(name)
    world.max_in_flight = rng.choice([1, 3, 10, 40, 200])
    world.faults = Faults(rng, rng.choice([0, 3, 10, 25]), rng.choice([0.02, 0.1, 0.3]))
    return world


def _source(world: World, name: str) -> SourceScript:
    rng = world.rng
    hooks = rng.random() < 0.4
    styles = ["ties", "pages", "unordered"] if hooks else ["each", "page", "every", "end"]
    if not hooks and rng.random() < 0.25:
        styles = ["global"]
    poison = rng.random() < 0.3
    streams = [
        StreamScript(
            f"{name}{number}",
            total=rng.randint(1, 60),
            style=rng.choice(styles),
            step=rng.randint(1, 12),
            poison=poison,
        )
        for number in range(rng.randint(1, 3))
    ]
    for one in streams:
        one.schema_at = one.total // 2 if one.step % 2 else None
    return SourceScript(
        name,
        hooks,
        streams,
        # The end of such a stream is all that can be committed of it.
        endless=streams[-1].style != "unordered" and rng.random() < 0.3,
        filters=rng.random() < 0.3,
        fan_out=rng.choice([1, 1, 1, 2, 3]),
        max_pause=rng.choice([0.0, 0.01, 0.3, 2.0]),
    )


def _sink(world: World, name: str, topics: list[str]) -> SinkScript:
    rng = world.rng
    kind = rng.choice(["plain", "batch", "batch", "transactional"])
    upserts = kind == "batch" and rng.random() < 0.4
    return SinkScript(
        name,
        topics,
        kind,
        upserts=upserts,
        through=rng.random() < 0.4,
        rejects=rng.random() < 0.3,
        whole=kind != "transactional" and rng.random() < 0.2,
        slow=rng.choice([0.0, 0.0, 0.02, 0.2]),
        fails_transform=rng.random() < 0.2,
        batch={
            "max_records": rng.choice([1, 3, 10, 50, 1000]),
            "max_bytes": rng.choice([60, 1000, 1 << 20]),
            "max_wait_ms": rng.choice([1, 50, 1000, 5000]),
        },
    )


def pipeline_of(world: World) -> dict[str, Any]:
    """Return the pipeline file of a world."""
    rng = world.rng
    sources: dict[str, Any] = {}
    for name, source in world.sources.items():
        block: dict[str, Any] = {"connector": f"src-{name}"}
        if any(one.poison for one in source.streams):
            block["dead_letter"] = {"path": f"{name}-letters.jsonl", "max_ratio": 1.0}
        if source.filters or source.fan_out > 1:
            block["transforms"] = [{"transform": f"on-{name}"}]
        if source.hooks:
            block["streams"] = [{"name": one.name, "mode": "incremental"} for one in source.streams]
            block["concurrency"] = rng.randint(1, 3)
            block["isolate_streams"] = not source.endless and rng.random() < 0.5
        if rng.random() < 0.2:
            block["rate_limit"] = {"events_per_second": rng.choice([5, 50, 500])}
        if rng.random() < 0.2:
            block["circuit_breaker"] = {"failure_threshold": 2, "reset_timeout_ms": 2_000}
        sources[name] = block
    sinks: dict[str, Any] = {}
    for name, sink in world.sinks.items():
        block = {"connector": f"dst-{name}", "topics": sink.topics}
        if sink.rejects or sink.fails_transform:
            block["dead_letter"] = {"path": f"{name}-letters.jsonl", "max_ratio": 1.0}
        if sink.fails_transform:
            block["transforms"] = [{"transform": f"to-{name}"}]
        if sink.upserts:
            block["delivery"] = "upsert"
        sinks[name] = block
    settings = {
        "max_in_flight": world.max_in_flight,
        "queue_bytes": rng.choice([10_000, 1 << 20]),
        "retry": {
            "max_retries": rng.choice([2, 10]),
            "initial_backoff_ms": 10,
            "max_backoff_ms": 500,
            "max_retry_after_ms": 500,
        },
    }
    return {"version": "1.0", "sources": sources, "sinks": sinks, "settings": settings}


class Simulation:
    """The pipeline of one world, from the first start to the last record."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ends: list[str] = []
        path = world.folder / "pipeline.yaml"
        path.write_text(json.dumps(pipeline_of(self.world)), encoding="utf-8")
        known = registries(
            {
                f"src-{name}": make_source(self.world, one)
                for name, one in self.world.sources.items()
            },
            {f"dst-{name}": make_sink(self.world, one) for name, one in self.world.sinks.items()},
            make_transforms(self.world),
        )
        self.plan: PipelinePlan = plan_pipeline(load_pipeline(path), known)

    def run(self) -> list[str]:
        """Run to the end, through all that happens on the way; return what does not hold."""
        world = self.world
        crashes_left = world.rng.choice([0, 1, 3, 8])
        for _ in range(MOST_RUNS):
            world.run += 1
            crash = world.rng.random() < 0.6 and crashes_left > 0
            crashes_left -= crash
            most = world.rng.choice([0.3, 3.0, 30.0])
            end = self.once(
                crash_after=world.rng.uniform(0, most) if crash else None,
                stop_after=world.rng.uniform(0, most) if world.rng.random() < 0.2 else None,
            )
            self.ends.append(end)
            world.note(0, "ended", end)
            if end == "stuck" or world.broken:
                break
            if end == "done" and world.is_done():
                break
            # Even a stop in good order reads a stream without resume points again from its start.
            world.incidents += 1
        else:
            world.broken.append(f"not done after {MOST_RUNS} runs")
        return world.broken or self.verdict()

    def once(self, *, crash_after: float | None = None, stop_after: float | None = None) -> str:
        """Run once, perhaps not to the end; return how it ended."""
        world = self.world
        stop = asyncio.Event()
        times = {} if stop_after is None else {stop_after: stop.set}

        async def drive() -> RunSummary:
            watcher = asyncio.create_task(_stop_when_done(world, stop), name="watch")
            try:
                async with asyncio.timeout(LONGEST_RUN_S):
                    return await run_pipeline(self.plan, store=WorldStore(world), stop=stop)
            finally:
                watcher.cancel()
                await asyncio.wait([watcher])

        try:
            summary = virtual_loop.run(
                drive(), world.seed * 1000 + world.run, crash_after=crash_after, at=times
            )
        except virtual_loop.Crashed:
            return "crashed"
        except virtual_loop.Stuck as error:
            world.broken.append(f"stuck: {error}")
            return "stuck"
        except TimeoutError:
            world.broken.append(f"not done after {LONGEST_RUN_S} virtual seconds")
            return "stuck"
        except DrainDeadlinePassed as error:
            world.broken.append(f"did not drain: {error}")
            return "late"
        except RivvenError as error:
            return f"failed: {error}"
        self._check_counts(summary)
        return "stopped" if stop.is_set() and not world.is_done() else "done"

    def _check_counts(self, summary: RunSummary) -> None:
        """I2, of a run that has come to its end."""
        for one in summary.connectors():
            ends = one.written + one.filtered + one.dead_letters + one.dropped
            fans_out = one.kind == "source" and self.world.sources[one.name].fan_out > 1
            if one.read != ends and not fans_out:
                self.world.broken.append(
                    f"I2: {one.kind} {one.name} read {one.read}, speaks of {ends}"
                )

    def verdict(self) -> list[str]:
        """Return what the oracle has to say about each sink."""
        found: list[str] = []
        for sink in self.world.sinks.values():
            found += violations(self.evidence(sink))
        return found

    def evidence(self, sink: SinkScript) -> Evidence:
        """Return what is known of one sink and the sources that reach it."""
        world = self.world
        sources = world.sources_of(sink)
        letters = [key for source in sources for key in world.letters(source.name)]
        window = sum(
            world.max_in_flight * source.fan_out
            + sum(one.interval() * source.fan_out for one in source.streams)
            for source in sources
        )
        return Evidence(
            source=frozenset(key for source in sources for key in source.all_keys()),
            sinks={
                sink.name: Sunk(
                    keys=sink.held(),
                    level=world.level(sink),
                    dead_letters=world.letters(sink.name),
                )
            },
            dead_letters=letters,
            crashes=world.incidents,
            window=window,
            counts=(),
        )


async def _stop_when_done(world: World, stop: asyncio.Event) -> None:
    """End what would not end by itself."""
    if not any(one.endless for one in world.sources.values()):
        return
    while not world.is_done():  # noqa: ASYNC110  # what it waits for is no event of the loop
        await asyncio.sleep(1)
    stop.set()
