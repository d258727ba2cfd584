"""The source of a replay: dead letters instead of the system they once came from."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import msgspec
import msgspec.structs

from rivven_connect._batch import Item
from rivven_connect._catalog import Catalog, ConfiguredCatalog, ConfiguredStream, Stream
from rivven_connect._events import state as state_event
from rivven_connect._json import JsonObject
from rivven_connect._registry import Factory
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorSpec
from rivven_connect._state import State
from rivven_connect.pipeline.lifecycle import open_connector
from rivven_connect.pipeline.loading import LoadedPipeline
from rivven_connect.pipeline.plan import SourcePlan
from rivven_connect.pipeline.selection import configured_catalog
from rivven_connect.pipeline.stored_letters import StoredLetter

LINE = "line"
"""The key of the state: the number of the last line that was replayed."""

Letters = Callable[[], Iterable[tuple[int, StoredLetter]]]
"""Yields line number and letter, in the order of the file, at each call from the start."""


class ReplayFactory(Factory[Source[Any]], frozen=True):
    """Makes the sources of one replay."""

    make: Callable[[], Source[Any]]

    def create(self) -> Source[Any]:
        """Return a new source over the same letters."""
        return self.make()


def replay_factory(
    plan: SourcePlan, loaded: LoadedPipeline, letters: Letters, *, as_chosen: bool
) -> ReplayFactory:
    """Return what makes a source that yields `letters` in place of the planned source.

    With `as_chosen`, it offers the streams as the pipeline chose them, else as the source has them.
    """
    return ReplayFactory(
        name=plan.factory.name,
        cls=ReplaySource,
        config_cls=plan.factory.config_cls,
        make=lambda: ReplaySource(plan, loaded, letters, as_chosen=as_chosen),
    )


class ReplaySource(Source[Any]):
    """Yields the events of dead letters as they were; the real source only says what streams are."""

    def __init__(
        self, plan: SourcePlan, loaded: LoadedPipeline, letters: Letters, *, as_chosen: bool
    ) -> None:
        self._plan = plan
        self._as_chosen = as_chosen
        self._loaded = loaded
        self._letters = letters
        self._stack = contextlib.AsyncExitStack()
        self._real: Source[Any] = plan.factory.create()

    @classmethod
    def spec(cls) -> ConnectorSpec:
        """Return the spec of the replay itself."""
        return ConnectorSpec(connector_type="replay", version="1.0.0")

    async def open(self, config: Any) -> None:
        """Open the real source, which is asked for its streams and for nothing else."""
        context = open_connector(self._real, config, f"source {self._plan.name!r}")
        await self._stack.enter_async_context(context)

    async def close(self) -> None:
        """Close the real source."""
        await self._stack.aclose()

    async def discover(self, config: Any) -> Catalog:
        """Return the streams of the real source, or those that the pipeline chose of them."""
        catalog = await self._real.discover(config)
        if not self._as_chosen:
            return catalog
        chosen = configured_catalog(self._plan, catalog, self._loaded)
        return Catalog([_as_chosen(one) for one in chosen.streams])

    async def read(
        self, config: Any, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        """Yield the letters' events, each with the number of its line as the state."""
        done = number = last_line(state.to_json() if state else {})
        for number, letter in self._letters():
            if number > done:
                event = letter.event()
                # On the event: in a piece of its own, it would be committed one flush later.
                event.state = {LINE: number}
                yield event
        yield state_event({LINE: number})


def last_line(saved: Mapping[str, JsonObject]) -> int:
    """Return the number of the last line that saved states cover, 0 for none.

    Letters of several streams are handed off in the order of the file, so the highest counts.
    """
    return max((int(one.get(LINE, 0)) for one in saved.values()), default=0)


def _as_chosen(chosen: ConfiguredStream) -> Stream:
    """Return the stream as the pipeline reads it: in that mode, with those fields."""
    stream = msgspec.structs.replace(chosen.stream, supported_sync_modes=[chosen.sync_mode])
    properties = stream.json_schema.get("properties")
    if chosen.fields is None or not isinstance(properties, dict):
        return stream
    schema = dict(stream.json_schema)
    schema["properties"] = {key: properties[key] for key in chosen.fields if key in properties}
    if isinstance(schema.get("required"), list):
        schema["required"] = [key for key in schema["required"] if key in chosen.fields]
    return msgspec.structs.replace(stream, json_schema=schema)
