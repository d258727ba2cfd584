"""Reading a source within bounds, and remembering every state that it gave out."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from rivven_connect._adapters import close_iterator, opened
from rivven_connect._batch import EventBatch, Poison
from rivven_connect._catalog import Catalog, ConfiguredCatalog, ConfiguredStream, SyncMode
from rivven_connect._events import SourceEvent
from rivven_connect._json import JsonObject, decode_json, encode_json
from rivven_connect._source import Source
from rivven_connect._state import GLOBAL_STREAM, State
from rivven_connect.testing.harness import note_state

_SHOWN = 5


@dataclasses.dataclass(frozen=True, slots=True)
class SavedState:
    """The states of all streams as they stood after the first `after` events.

    `stream` is the full name of the one that moved, `_state` for the global state.
    """

    after: int
    stream: str
    states: dict[str, JsonObject]

    def state(self) -> State:
        """Return it as a source gets it: a fresh copy that went through JSON, as in the store."""
        return State.from_json(decode_json(encode_json(self.states)))


@dataclasses.dataclass(slots=True)
class Reading:
    """What a source yielded; `complete` if it came to its end within the bounds."""

    events: list[SourceEvent] = dataclasses.field(default_factory=list)
    poison: list[Poison] = dataclasses.field(default_factory=list)
    saved: list[SavedState] = dataclasses.field(default_factory=list)
    complete: bool = False

    def covered(self, stream: str) -> int:
        """Return up to which event the last state covers `stream`; 0 if none does."""
        own = [
            point.after
            for point in self.saved
            if point.stream == stream or point.stream.startswith(f"{stream}/")
        ]
        shared = [point.after for point in self.saved if point.stream == GLOBAL_STREAM]
        return max(own or shared, default=0)


async def read_bounded(
    connector: type[Source[Any]],
    config: Any,
    catalog: ConfiguredCatalog,
    state: State | None,
    *,
    limit: int,
    seconds: float,
    enough: Callable[[Sequence[SourceEvent]], bool] = lambda _events: False,
) -> Reading:
    """Read a new instance of `connector` to its end, `limit` events, `seconds`, or `enough`."""
    reading = Reading()
    states: dict[str, JsonObject] = dict(state.to_json()) if state else {}
    async with opened(connector(), config) as source:
        items = source.read(config, catalog, state)
        try:
            async with asyncio.timeout(seconds) as bound:
                async for item in items:
                    take_item(reading, states, item)
                    if len(reading.events) >= limit or enough(reading.events):
                        return reading
            reading.complete = True
        except TimeoutError:
            if not bound.expired():
                raise
        finally:
            await close_iterator(items)
    return reading


def take_item(reading: Reading, states: dict[str, JsonObject], item: Any) -> None:
    """Enter what a source yielded into a reading, and the state that it carries into `states`."""
    if isinstance(item, Poison):
        reading.poison.append(item)
        return
    if not isinstance(item, SourceEvent | EventBatch):
        raise AssertionError(  # noqa: TRY004  # a finding of the test
            f"read() yields events, batches and Poison, not {type(item).__name__}"
        )
    found = item.events() if isinstance(item, EventBatch) else [item]
    reading.events += [event for event in found if event.is_data]
    before = dict(states)
    if note_state(states, item):
        moved = next((n for n in states if states[n] is not before.get(n)), GLOBAL_STREAM)
        reading.saved.append(SavedState(len(reading.events), moved, dict(states)))


def incremental_catalog(catalog: Catalog) -> ConfiguredCatalog:
    """Choose all streams, each read incrementally where that is possible."""
    modes = {
        stream.name: SyncMode.INCREMENTAL
        for stream in catalog.streams
        if SyncMode.INCREMENTAL in stream.supported_sync_modes
    }
    return ConfiguredCatalog.from_catalog(catalog, modes)


def is_of(event: SourceEvent, chosen: ConfiguredStream) -> bool:
    """Whether the event belongs to the stream."""
    return (event.stream, event.namespace) == (chosen.stream.name, chosen.stream.namespace)


def at_highest(events: Sequence[SourceEvent], field: str) -> list[SourceEvent]:
    """Return the events at the highest cursor, and those without one."""
    values = [record.get(field) for e in events if isinstance(record := e.after(), dict)]
    highest = max((value for value in values if value is not None), default=None)
    return [
        e
        for e in events
        if not isinstance(record := e.after(), dict) or record.get(field) in (None, highest)
    ]


def evenly(items: Sequence[SavedState], count: int) -> list[SavedState]:
    """Return at most `count` items, evenly spaced, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    step = (len(items) - 1) / (count - 1)
    return [items[round(index * step)] for index in range(count)]


def some(keys: set[str]) -> str:
    """Return the first few keys, for a message."""
    shown = sorted(keys)[:_SHOWN]
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(shown) + more
