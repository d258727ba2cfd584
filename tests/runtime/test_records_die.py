"""Records that are written as JSON Lines die with their reader, before the next are read.

Two chunks of a thousand dicts that live at once are more than a processor's cache holds: a run then
takes a tenth longer, and nothing else shows it.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from block_kit import make_taker
from engine_kit import SIMPLE, EmptyConfig, hooked_source, make_sink, run_plan, simple_plan

from rivven_connect._batch import EventBatch, Item
from rivven_connect._events import EventType
from rivven_connect._pump import CHUNK_ROWS

CHUNKS = 4


@pytest.mark.parametrize("in_pages", [False, True])
def test_no_more_than_what_is_read_and_what_is_encoded_lives(
    tmp_path: Path, *, in_pages: bool
) -> None:
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    most: list[int] = []

    async def rows() -> AsyncIterator[Any]:
        page: list[Any] = []
        for number in range(CHUNKS * CHUNK_ROWS):
            row = {"id": number, "mark": uuid.UUID(int=number)}  # which can be watched
            alive.add(row["mark"])
            if number % CHUNK_ROWS == 0:
                most.append(len(alive))
            if not in_pages:
                yield row
                continue
            page.append(row)
            del row
            if len(page) == CHUNK_ROWS:
                yield page
                page = []

    sink, taken = make_taker("json")
    run_plan(simple_plan(tmp_path, hooked_source(lambda _name: rows(), "s"), sink, SIMPLE))
    assert len(taken.durable) == CHUNKS * CHUNK_ROWS
    assert max(most) <= CHUNK_ROWS + 1, most


def test_a_read_of_the_sources_own_keeps_what_it_makes_of_the_hooks_batches(tmp_path: Path) -> None:
    """It may still look at a batch that it has yielded, and what it has entered there counts."""
    counted: list[int] = []

    async def rows() -> AsyncIterator[Any]:
        yield [{"id": 0}, {"id": 1}]

    class Own(hooked_source(lambda _name: rows(), "s")):  # type: ignore[misc]  # made at run time
        async def read(self, config: EmptyConfig, catalog: Any, state: Any) -> AsyncIterator[Item]:
            async for item in super().read(config, catalog, state):
                if isinstance(item, EventBatch) and len(item):
                    item.event_types = [EventType.INSERT, EventType.DELETE]
                    yield item
                    counted.append(len(item))

    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, Own, sink, SIMPLE))
    assert [one.event_type for one in sunk.events] == [EventType.INSERT, EventType.DELETE]
    assert counted == [2]
