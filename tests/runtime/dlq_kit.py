"""Pipelines with dead letters, and their replay in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from engine_kit import (
    QUICK,
    accept,
    make_sink,
    make_source,
    make_transform,
    plan_of,
    registries,
    rows,
)

from rivven_connect._events import SourceEvent
from rivven_connect._registry import Registries
from rivven_connect._sink import WriteResult
from rivven_connect._transform import Transform, Transformed
from rivven_connect.pipeline import PipelinePlan, StateStore
from rivven_connect.pipeline.replay import replay
from rivven_connect.pipeline.replay_choice import Chosen, ReplayResult

FAN_OUT = (
    """version: "1.0"
sources:
  a:
    connector: src
    transforms: [{transform: first}, {transform: second}]
    dead_letter: {path: dlq/a.jsonl, max_ratio: 1.0}
sinks:
  x:
    connector: left
    topics: [a]
    dead_letter: {path: dlq/x.jsonl, max_ratio: 1.0}
  z:
    connector: right
    topics: [a]
    transforms: [{transform: third}]
    dead_letter: {path: dlq/z.jsonl, max_ratio: 1.0}
"""
    + QUICK
)


class Faults:
    """What fails; empty it, and everything has been repaired."""

    def __init__(self, **ids: Collection[int]) -> None:
        self.ids = {name: set(found) for name, found in ids.items()}
        self.seen: dict[str, list[int]] = {}

    def transform(self, name: str) -> type[Transform[Any]]:
        """Return a transform that fails on the ids of its name, and notes the others."""

        def function(event: SourceEvent) -> Transformed:
            number = event.data["id"]
            if number in self.ids.get(name, ()):
                # In place, as a careless author does: the letter must hold what was before.
                event.data["half"] = name
                raise ValueError(f"{name} fails on {number}")
            event.data[name] = True
            self.seen.setdefault(name, []).append(number)
            return event

        return make_transform(function)

    def sink(self, name: str) -> tuple[Any, Any]:
        """Return a sink that refuses the ids of its name, and what it got."""

        def script(events: Sequence[SourceEvent], _call: int) -> WriteResult:
            bad = [one for one in events if one.data["id"] in self.ids.get(name, ())]
            result = accept(sunk, [one for one in events if one not in bad])
            for one in bad:
                result.add_failed_event(one, f"{name} refuses {one.data['id']}")
            return result

        cls, sunk = make_sink(script)
        return cls, sunk


class FanOut:
    """One source with two transforms, two sinks, the second one with a transform of its own."""

    def __init__(
        self, folder: Path, faults: Faults, *, total: int = 20, text: str = FAN_OUT
    ) -> None:
        self.folder = folder
        self.faults = faults
        self.source, self.log = make_source(rows(range(total)), streams=("s", "t"))
        left, self.left = faults.sink("x")
        right, self.right = faults.sink("z")
        transforms = {name: faults.transform(name) for name in ("first", "second", "third")}
        self.known: Registries = registries(
            {"src": self.source}, {"left": left, "right": right}, transforms
        )
        self.text = text

    def plan(self) -> PipelinePlan:
        """Return the plan of the pipeline."""
        return plan_of(self.folder, self.known, self.text)

    def letters(self, name: str) -> list[dict[str, Any]]:
        """Return the dead letters of one owner."""
        path = self.folder / "dlq" / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def dead(self, name: str) -> list[int]:
        """Return the ids of the dead letters of one owner, in the order of the file."""
        return [one["record"]["id"] for one in self.letters(name)]

    def files(self) -> set[str]:
        """Return the names of everything in the folder of the dead letters."""
        folder = self.folder / "dlq"
        return {one.name for one in folder.iterdir()} if folder.exists() else set()


def replay_now(
    plan: PipelinePlan,
    *,
    owners: Sequence[str] = (),
    ids: Sequence[str] = (),
    stopped: bool = False,
) -> ReplayResult:
    """Replay with the pipeline's real state store."""

    async def drive() -> ReplayResult:
        stop = asyncio.Event()
        if stopped:
            stop.set()
        chosen = Chosen(frozenset(owners), frozenset(ids))
        return await asyncio.wait_for(replay(plan, chosen, store=store, stop=stop), 20)

    store = StateStore.open(plan.state_dir, plan.name)
    try:
        return asyncio.run(drive())
    finally:
        store.close()


def ids_of(sunk: Any) -> list[int]:
    """Return the ids that a sink has, sorted; one that came twice is there twice."""
    return sorted(row["id"] for row in sunk.durable)
