"""A source, transforms and a sink run together once, without an engine."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeAlias

from rivven_connect._adapters import close_iterator, opened
from rivven_connect._batch import EventBatch, Poison
from rivven_connect._catalog import Catalog, ConfiguredCatalog, SyncMode
from rivven_connect._connector import Connector
from rivven_connect._errors import ConnectorError
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import Json, JsonObject
from rivven_connect._sink import Sink
from rivven_connect._source import Source
from rivven_connect._state import GLOBAL_STREAM, State
from rivven_connect._transform import Transform, Transformed, apply_transform, output_events

Function: TypeAlias = Callable[[SourceEvent], Transformed | Awaitable[Transformed]]
_Apply: TypeAlias = Callable[[SourceEvent], Awaitable[Sequence[SourceEvent]]]


@dataclasses.dataclass(slots=True)
class TestResult:
    """What a run did; records that could not be parsed count as read and failed."""

    __test__ = False  # the name starts like a test class's

    records_read: int = 0
    records_written: int = 0
    records_failed: int = 0
    sink: Any = None
    errors: list[str] = dataclasses.field(default_factory=list)
    state: State = dataclasses.field(default_factory=State)
    """The states that the source gave out, for a second run with `with_state`."""


class TestHarness:
    """Runs connectors in a test.

    `TestHarness()` only makes event streams for a sink under test; `TestHarness(source, sink)` runs
    both: check, discover, read, transform, write, flush. Every error surfaces.
    """

    __test__ = False  # the name starts like a test class's

    def __init__(self, source: Source[Any] | None = None, sink: Sink[Any] | None = None) -> None:
        self._source = source
        self._sink = sink
        self._source_config: Any = None
        self._sink_config: Any = None
        self._transforms: list[tuple[str, Function | Transform[Any], Any]] = []
        self._state: State | None = None

    def create_events(self, events: Iterable[SourceEvent]) -> AsyncIterator[SourceEvent]:
        """Return the events as what `Sink.write` takes."""
        return stream_of(events)

    def with_configs(self, source_config: Any, sink_config: Any) -> Self:
        """Set both configs; without, each is its class's example or, failing that, empty."""
        self._source_config, self._sink_config = source_config, sink_config
        return self

    def with_transform(
        self, name: str, transform: Function | Transform[Any], config: Any = None
    ) -> Self:
        """Add a step: a transform with its config, or a function of one event."""
        self._transforms.append((name, transform, config))
        return self

    def with_state(self, state: State | Mapping[str, Mapping[str, Json]]) -> Self:
        """Resume from `state`; streams that can be read incrementally then are."""
        self._state = state if isinstance(state, State) else State.from_json(state)
        return self

    async def run(self) -> TestResult:
        """Run the source to its end and return what was done.

        Raises:
            ConnectorError: a check failed, or whatever a connector or transform raised.
            TypeError: the harness was made without a source or without a sink.
        """
        source, sink = self._source, self._sink
        if source is None or sink is None:
            raise TypeError("run() needs TestHarness(source, sink)")
        source_config = self._source_config or default_config(source)
        sink_config = self._sink_config or default_config(sink)
        result = TestResult(sink=sink)
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(opened(sink, sink_config))
            await stack.enter_async_context(opened(source, source_config))
            steps = [await self._open_step(stack, *step) for step in self._transforms]
            await _require_check("source", source, source_config)
            await _require_check("sink", sink, sink_config)
            catalog = self._configure(await source.discover(source_config))
            await sink.prepare(sink_config, catalog)
            reading = _Reading(result, steps)
            feed = reading.events(source.read(source_config, catalog, self._state))
            try:
                written = await sink.write(sink_config, feed)
            finally:
                await close_iterator(feed)
            # A sink that swallows what its input raises must not hide it from the test.
            if reading.failure is not None:
                raise reading.failure
            await sink.flush(sink_config)
        result.records_written = written.records_written
        result.records_failed += written.records_failed
        result.errors += written.errors
        return result

    def _configure(self, catalog: Catalog) -> ConfiguredCatalog:
        modes = {
            stream.name: SyncMode.INCREMENTAL
            for stream in catalog.streams
            if self._state is not None and SyncMode.INCREMENTAL in stream.supported_sync_modes
        }
        return ConfiguredCatalog.from_catalog(catalog, modes)

    @staticmethod
    async def _open_step(
        stack: contextlib.AsyncExitStack, name: str, step: Function | Transform[Any], config: Any
    ) -> tuple[str, _Apply]:
        if isinstance(step, Transform):
            transform, settings = step, config or default_config(step)
            await stack.enter_async_context(opened(transform, settings))
            return name, lambda event: apply_transform(transform, settings, event)
        return name, lambda event: _apply_function(step, event)


class _Reading:
    """Turns what a source yields into events for a sink, and counts."""

    def __init__(self, result: TestResult, steps: Sequence[tuple[str, _Apply]]) -> None:
        self._result = result
        self._steps = steps
        self._states: dict[str, JsonObject] = {}
        self.failure: BaseException | None = None

    async def events(self, items: AsyncIterator[Any]) -> AsyncIterator[SourceEvent]:
        try:
            async for item in items:
                for event in self._unpack(item):
                    for out in await self._transformed(event):
                        yield out
        except Exception as error:
            self.failure = error
            raise
        finally:
            await close_iterator(items)
            self._result.state = State.from_json(self._states)

    def _unpack(self, item: Any) -> Iterable[SourceEvent]:
        if isinstance(item, Poison):
            self._result.records_read += 1
            self._result.records_failed += 1
            self._result.errors.append(f"{item.stream}: {item.error}")
            return []
        found = list(item.events()) if isinstance(item, EventBatch) else [item]
        note_state(self._states, item)
        data = [event for event in found if event.is_data]
        self._result.records_read += len(data)
        return data

    async def _transformed(self, event: SourceEvent) -> Sequence[SourceEvent]:
        found: Sequence[SourceEvent] = [event]
        for name, apply in self._steps:
            try:
                found = [out for one in found for out in await apply(one)]
            except Exception as error:
                error.add_note(f"in transform {name!r} of the test harness")
                raise
        return found


def note_state(states: dict[str, JsonObject], item: SourceEvent | EventBatch) -> bool:
    """Enter the state that an item carries, if it does, and return whether it does."""
    if isinstance(item, SourceEvent) and item.event_type is EventType.STATE:
        states[GLOBAL_STREAM] = dict(item.data)
        return True
    if item.state is None:
        return False
    name = f"{item.namespace}.{item.stream}" if item.namespace else item.stream
    partition = item.partition if isinstance(item, EventBatch) else ""
    states[f"{name}/{partition}" if partition else name] = dict(item.state)
    return True


async def stream_of(events: Iterable[SourceEvent]) -> AsyncIterator[SourceEvent]:
    """Yield the events."""
    for event in events:
        yield event


def default_config(connector: Connector[Any]) -> Any:
    """Return the example of the connector's config class, or its empty config."""
    model = connector.config_type
    try:
        return model.example()
    except LookupError:
        return model.parse({})


async def _apply_function(function: Function, event: SourceEvent) -> Sequence[SourceEvent]:
    found = function(event)
    return output_events(await found if inspect.isawaitable(found) else found)


async def _require_check(what: str, connector: Source[Any] | Sink[Any], config: Any) -> None:
    result = await connector.check(config)
    if not result.is_success():
        raise ConnectorError.fatal(f"the {what}'s check failed: {result.message}")
