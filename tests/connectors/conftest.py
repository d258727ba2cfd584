"""Reading a source in one go, as every test of a source does."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from rivven_connect import (
    ConfiguredCatalog,
    EventBatch,
    JsonObject,
    Poison,
    Source,
    SourceEvent,
    State,
    SyncMode,
)

sys.path.insert(0, str(Path(__file__).parent / "warehouses"))


@dataclasses.dataclass
class Read:
    """What a source yielded; `states` are pairs of events before it and the state of the stream."""

    events: list[SourceEvent] = dataclasses.field(default_factory=list)
    poison: list[Poison] = dataclasses.field(default_factory=list)
    states: list[tuple[int, JsonObject]] = dataclasses.field(default_factory=list)
    batches: list[EventBatch] = dataclasses.field(default_factory=list)


Reader: TypeAlias = Callable[..., Awaitable[Read]]


async def read_source(
    source: Source[Any],
    config: Any,
    state: JsonObject | None = None,
    *,
    mode: SyncMode = SyncMode.INCREMENTAL,
    limit: int | None = None,
) -> Read:
    """Read the one stream of a source to its end, or at least `limit` events, from `state` on."""
    catalog = await source.discover(config)
    name = catalog.streams[0].full_name()
    chosen = ConfiguredCatalog.from_catalog(catalog, {catalog.streams[0].name: mode})
    found = Read()
    await source.open(config)
    items = source.read(config, chosen, State({name: state}) if state else None)
    try:
        async for item in items:
            if isinstance(item, Poison):
                found.poison.append(item)
                continue
            if isinstance(item, EventBatch):
                found.batches.append(item)
                found.events += item.events()
            else:
                found.events.append(item)
            if item.state is not None:
                found.states.append((len(found.events), item.state))
            if limit is not None and len(found.events) >= limit:
                break
    finally:
        await items.aclose()  # type: ignore[attr-defined]  # the built-ins' readings are generators
        await source.close()
    return found


@pytest.fixture
def read() -> Reader:
    return read_source
