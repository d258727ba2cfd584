"""Records that move in blocks come out as records that move one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from engine_kit import (
    QUICK,
    SIMPLE,
    EmptyConfig,
    MemoryStore,
    batch,
    event,
    letters,
    make_sink,
    make_source,
    make_transform,
    plan_of,
    registries,
    run_plan,
    saved,
    saved_state,
    simple_plan,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from rivven_connect._batch import BatchConfig, EventBatch, Item
from rivven_connect._events import SourceEvent
from rivven_connect._state import State
from rivven_connect._transform import Transformed

TRANSFORMED = SIMPLE.replace("connector: src", "connector: src, transforms: [{transform: t}]")


def in_batches(
    pages: Sequence[Sequence[int]],
) -> Callable[[int, State | None], AsyncIterator[Item]]:
    """Return a script that yields a batch per page."""

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        for page in pages:
            yield batch(page)

    return read


def twice(one: SourceEvent) -> Transformed:
    """Make two events of each."""
    return [SourceEvent(stream=one.stream, data={**one.data, "half": half}) for half in (0, 1)]


def test_a_transform_that_makes_many_of_each_record_loses_none(tmp_path: Path) -> None:
    source, _ = make_source(in_batches([range(2500)]))
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink, TRANSFORMED + QUICK, t=make_transform(twice))
    summary = run_plan(plan)
    assert [(row["id"], row["half"]) for row in sunk.durable] == [
        (number, half) for number in range(2500) for half in (0, 1)
    ]
    assert summary.sources["a"].read == 2500
    assert summary.sources["a"].written == summary.sinks["z"].written == 5000
    assert saved_state(plan) == {"s": {"last": 2499}}
