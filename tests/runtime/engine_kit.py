"""Tiny scripted connectors, and pipelines made of them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rivven_connect._batch import (
    Batch,
    BatchConfig,
    Checkpoint,
    EventBatch,
    Item,
    UnfinishedSync,
)
from rivven_connect._catalog import Catalog, ConfiguredCatalog, Stream, SyncMode
from rivven_connect._errors import ConnectorError
from rivven_connect._events import SourceEvent
from rivven_connect._registry import Registries
from rivven_connect._sink import BatchSink, Sink, TransactionalSink, WriteResult
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._state import State
from rivven_connect._streams import StreamSet, StreamSpec
from rivven_connect._transform import Transform, Transformed
from rivven_connect.config import ConfigModel
from rivven_connect.pipeline import (
    Observer,
    PipelinePlan,
    RunSummary,
    StateStore,
    Store,
    load_pipeline,
    plan_pipeline,
    run_pipeline,
)
from rivven_connect.pipeline.store import Counters, StateKey

QUICK = "settings: {retry: {max_retries: 3, initial_backoff_ms: 1, max_backoff_ms: 2}}\n"
"""Settings whose retries take no time."""

ReadScript = Callable[[int, State | None], AsyncIterator[Item]]


class EmptyConfig(ConfigModel):
    """A config without fields."""


@dataclasses.dataclass
class SourceLog:
    """What happened to the sources of one class."""

    sessions: int = 0
    opened: int = 0
    closed: int = 0
    states: list[dict[str, Any] | None] = dataclasses.field(default_factory=list)
    acknowledged: list[dict[str, Any]] = dataclasses.field(default_factory=list)


def make_source(
    read: ReadScript,
    *,
    streams: Sequence[str] = ("s",),
    acknowledge: Callable[[State], None] | None = None,
    fail_open: Callable[[int], Exception | None] = lambda _count: None,
    **spec: Any,
) -> tuple[type[Source[EmptyConfig]], SourceLog]:
    """Return a source class that reads by a script, and the log of what happens to it."""
    log = SourceLog()

    class ScriptedSource(Source[EmptyConfig]):
        config_type = EmptyConfig

        @classmethod
        def spec(cls) -> ConnectorSpec:
            return ConnectorSpec(connector_type="scripted", version="1.0.0", **spec)

        async def open(self, config: EmptyConfig) -> None:
            log.opened += 1
            if error := fail_open(log.opened):
                raise error

        async def close(self) -> None:
            log.closed += 1

        async def discover(self, config: EmptyConfig) -> Catalog:
            modes = [SyncMode.FULL_REFRESH, SyncMode.INCREMENTAL]
            return Catalog([Stream(name=name, supported_sync_modes=modes) for name in streams])

        async def read(
            self, config: EmptyConfig, catalog: ConfiguredCatalog, state: State | None
        ) -> AsyncIterator[Item]:
            session = log.sessions
            log.sessions += 1
            log.states.append(state.to_json() if state else None)
            items = read(session, state)
            try:
                async for item in items:
                    yield item
            finally:
                await items.aclose()  # type: ignore[attr-defined]  # scripts are generators

        async def acknowledge(self, config: EmptyConfig, state: State) -> None:
            if acknowledge is not None:
                acknowledge(state)
            log.acknowledged.append(state.to_json())

    return ScriptedSource, log


def hooked_source(hook: Callable[[str], Any], *names: str) -> type[Source[EmptyConfig]]:
    """Return a source of streams without a cursor, each read by `hook(name)`."""
    specs = {name: StreamSpec[Any](name=name, hook=f"read_{name}") for name in names}
    made = type("Streams", (StreamSet,), specs)

    class Hooked(Source[EmptyConfig]):
        config_type = EmptyConfig
        streams = made()

        @classmethod
        def spec(cls) -> ConnectorSpec:
            return ConnectorSpec(connector_type="hooked", version="1.0.0")

        async def discover(self, config: EmptyConfig) -> Catalog:
            return Catalog([Stream(name=name) for name in names])

    for name in names:
        setattr(Hooked, f"read_{name}", lambda self, config, cursor, name=name: hook(name))
    return Hooked


@dataclasses.dataclass
class Sunk:
    """What a sink got: `durable` after a flush, `buffered` before it."""

    durable: list[Any] = dataclasses.field(default_factory=list)
    buffered: list[Any] = dataclasses.field(default_factory=list)
    batches: list[int] = dataclasses.field(default_factory=list)
    events: list[SourceEvent] = dataclasses.field(default_factory=list)
    prepared: list[ConfiguredCatalog] = dataclasses.field(default_factory=list)
    closed: int = 0

    def keys(self) -> set[Any]:
        """Return the durable records' ids."""
        return {row["id"] for row in self.durable}


WriteScript = Callable[[Sequence[SourceEvent], int], WriteResult]
Limits = BatchConfig(max_records=1000, max_bytes=1 << 20, max_wait_ms=50)


def accept(sunk: Sunk, events: Sequence[SourceEvent]) -> WriteResult:
    """Take all events, and say so."""
    result = WriteResult()
    sunk.buffered += [event.data for event in events]
    sunk.events += events
    result.add_success(len(events))
    return result


def make_sink(
    script: WriteScript | None = None,
    *,
    batching: bool = True,
    limits: BatchConfig = Limits,
    flush: Callable[[int], Exception | None] = lambda _count: None,
    delay: float = 0.0,
    **spec: Any,
) -> tuple[type[Sink[EmptyConfig]], Sunk]:
    """Return a sink class that answers by a script, and what it got."""
    sunk = Sunk()
    calls = [0, 0]

    class Scripted(Sink[EmptyConfig]):
        config_type = EmptyConfig

        @classmethod
        def spec(cls) -> ConnectorSpec:
            return ConnectorSpec(
                connector_type="scripted", version="1.0.0", kind=ConnectorKind.SINK, **spec
            )

        async def prepare(self, config: EmptyConfig, catalog: ConfiguredCatalog) -> None:
            sunk.prepared.append(catalog)

        async def answer(self, events: Sequence[SourceEvent]) -> WriteResult:
            sunk.batches.append(len(events))
            calls[0] += 1
            if delay:
                await asyncio.sleep(delay)
            if script is None:
                return accept(sunk, events)
            return script(events, calls[0] - 1)

        async def flush(self, config: EmptyConfig) -> None:
            calls[1] += 1
            if error := flush(calls[1]):
                sunk.buffered.clear()
                raise error
            sunk.durable += sunk.buffered
            sunk.buffered.clear()

        async def close(self) -> None:
            sunk.closed += 1

    class PlainSink(Scripted):
        async def write(
            self, config: EmptyConfig, events: AsyncIterator[SourceEvent]
        ) -> WriteResult:
            return await self.answer([event async for event in events])

    class ScriptedBatchSink(Scripted, BatchSink[EmptyConfig]):
        def batch_config(self, config: EmptyConfig) -> BatchConfig:
            return limits

        async def write_batch(
            self, config: EmptyConfig, events: Sequence[SourceEvent]
        ) -> WriteResult:
            return await self.answer(events)

    return (ScriptedBatchSink if batching else PlainSink), sunk


def make_transform(
    function: Callable[[SourceEvent], Transformed], **spec: Any
) -> type[Transform[EmptyConfig]]:
    """Return a transform class that applies a function."""

    class ScriptedTransform(Transform[EmptyConfig]):
        config_type = EmptyConfig

        @classmethod
        def spec(cls) -> ConnectorSpec:
            return ConnectorSpec(
                connector_type="t", version="1.0.0", kind=ConnectorKind.TRANSFORM, **spec
            )

        def transform(self, config: EmptyConfig, event: SourceEvent) -> Transformed:
            return function(event)

    return ScriptedTransform


def rows(ids: Sequence[int], **more: Any) -> ReadScript:
    """Return a script that yields one event per id behind the saved one, each with its state."""

    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        start = saved(state)
        for number in ids:
            if number > start:
                yield event(number, **more)

    return read


def event(number: int, stream: str = "s", **more: Any) -> SourceEvent:
    """Return the event of one id; its state says that it was read."""
    return SourceEvent(
        stream=stream, data={"id": number, **more}, state={"last": number}, position=number
    )


def batch(ids: Sequence[int], state: dict[str, Any] | None = None) -> EventBatch:
    """Return a batch of ids; its state says that the last one was read."""
    last = {"last": ids[-1]} if ids and state is None else state
    return EventBatch(stream="s", records=[{"id": number} for number in ids], state=last)


def saved(state: State | None, stream: str = "s") -> int:
    """Return the last id that a state speaks of, or -1."""
    found = state.get_stream(stream) if state else None
    value = found.get("last", int) if found else None
    return -1 if value is None else value


def registries(
    sources: dict[str, type[Source[Any]]],
    sinks: dict[str, type[Sink[Any]]],
    transforms: dict[str, type[Transform[Any]]] | None = None,
) -> Registries:
    """Return registries with just these connectors."""
    found = Registries.empty()
    for name, source in sources.items():
        found.sources.register(name, source)
    for name, sink in sinks.items():
        found.sinks.register(name, sink)
    for name, transform in (transforms or {}).items():
        found.transforms.register(name, transform)
    return found


SIMPLE = (
    'version: "1.0"\nsources: {a: {connector: src}}\nsinks: {z: {connector: dst, topics: [a]}}\n'
)


def plan_of(folder: Path, known: Registries, text: str = SIMPLE + QUICK) -> PipelinePlan:
    """Return the plan of a pipeline text."""
    path = folder / "pipeline.yaml"
    path.write_text(text, encoding="utf-8")
    return plan_pipeline(load_pipeline(path), known)


def simple_plan(
    folder: Path,
    source: type[Source[Any]],
    sink: type[Sink[Any]],
    text: str = SIMPLE + QUICK,
    **transforms: type[Transform[Any]],
) -> PipelinePlan:
    """Return the plan of one source `src` and one sink `dst`."""
    return plan_of(folder, registries({"src": source}, {"dst": sink}, transforms), text)


class MemoryStore:
    """A state store without a disk, for tests that run many pipelines."""

    def __init__(self) -> None:
        self.states: dict[str, dict[str, Any]] = {}
        self.term = 1

    def load(self, source: str) -> dict[str, Any]:
        return dict(self.states.get(source, {}))

    def commit(self, source: str, states: Mapping[StateKey, Any], counters: Counters) -> None:
        saved = self.states.setdefault(source, {})
        saved.update({stream: value for (stream, _partition), value in states.items()})

    def counters(self) -> dict[tuple[str, str], int]:
        return {}

    def close(self) -> None:
        pass


def run_plan(
    plan: PipelinePlan,
    *,
    stop_after: float | None = None,
    observer: Observer | None = None,
    memory: MemoryStore | None = None,
) -> RunSummary:
    """Run a plan with its real state store; with `stop_after`, drain after so many seconds."""

    async def drive(store: Store) -> RunSummary:
        stop = asyncio.Event()
        if stop_after is not None:
            asyncio.get_running_loop().call_later(stop_after, stop.set)
        return await run_pipeline(plan, store=store, observer=observer, stop=stop)

    store = memory or StateStore.open(plan.state_dir, plan.name)
    try:
        return asyncio.run(asyncio.wait_for(drive(store), 20))
    finally:
        store.close()


def saved_state(plan: PipelinePlan, source: str = "a") -> dict[str, Any]:
    """Return what the state store holds of a source."""
    with contextlib.closing(StateStore.open(plan.state_dir, plan.name)) as store:
        return store.load(source)


def saved_counters(plan: PipelinePlan) -> dict[tuple[str, str], int]:
    """Return the counters that the state store holds: (owner, name) -> total over runs."""
    with contextlib.closing(StateStore.open(plan.state_dir, plan.name)) as store:
        return store.counters()


def letters(path: Path) -> list[dict[str, Any]]:
    """Return the dead letters of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def transient() -> ConnectorError:
    """Return an error that may pass."""
    return ConnectorError.connection("the other side is away")


@dataclasses.dataclass
class Vault:
    """What a transactional sink holds, kept by the four rules of `Batch`."""

    rows: list[Any] = dataclasses.field(default_factory=list)
    open_rows: list[tuple[UnfinishedSync, Any]] = dataclasses.field(default_factory=list)
    state: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    batches: list[Batch] = dataclasses.field(default_factory=list)
    prepared: list[ConfiguredCatalog] = dataclasses.field(default_factory=list)

    def ids(self) -> list[int]:
        """Return the ids of all rows that a reader sees, sorted; one that is there twice is twice."""
        return sorted(row["id"] for row in [*self.rows, *(row for _, row in self.open_rows)])

    def commit(self, batch: Batch) -> None:
        """Take a transaction."""
        if (sync := batch.sync) is not None:
            self.open_rows = [
                (one, row)
                for one, row in self.open_rows
                if (one.source, one.stream) != (sync.source, sync.stream) or one == sync
            ]
            self.open_rows += [(sync, event.data) for event in batch.events]
        else:
            self.rows += [event.data for event in batch.events]
        for source, states in batch.checkpoint.changed.items():
            final = [
                row
                for one, row in self.open_rows
                if one.source == source and (one.stream in states or "_state" in states)
            ]
            self.rows += final
            self.open_rows = [pair for pair in self.open_rows if pair[1] not in final]
        self.state = {name: dict(states) for name, states in batch.checkpoint.state.items()}


TransactionScript = Callable[[Batch, int], WriteResult | None]
"""Called before the commit: raises, or returns failures, or returns None to let it commit."""


def make_transactional(
    script: TransactionScript = lambda _batch, _call: None,
    *,
    vault: Vault | None = None,
    limits: BatchConfig = Limits,
) -> tuple[type[Sink[EmptyConfig]], Vault]:
    """Return a transactional sink class and what it holds; it outlives runs as a database does."""
    held = vault or Vault()
    calls = [0]

    class Transactional(TransactionalSink[EmptyConfig]):
        config_type = EmptyConfig

        @classmethod
        def spec(cls) -> ConnectorSpec:
            return ConnectorSpec(
                connector_type="vault",
                version="1.0.0",
                kind=ConnectorKind.SINK,
                delivery=("at_least_once", "upsert", "transactional"),
            )

        def batch_config(self, config: EmptyConfig) -> BatchConfig:
            return limits

        async def prepare(self, config: EmptyConfig, catalog: ConfiguredCatalog) -> None:
            held.prepared.append(catalog)

        async def write_transaction(self, config: EmptyConfig, batch: Batch) -> WriteResult:
            held.batches.append(batch)
            calls[0] += 1
            if found := script(batch, calls[0] - 1):
                return found
            held.commit(batch)
            result = WriteResult()
            result.add_success(len(batch.events))
            return result

        async def committed_checkpoint(
            self, config: EmptyConfig, pipeline: str, sink: str
        ) -> Checkpoint | None:
            held.open_rows.clear()
            return Checkpoint(held.state, {}) if held.state else None

    return Transactional, held
