"""The sinks of the simulation; what they do, and what they hold across crashes, is in the world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

from engine_kit import EmptyConfig
from oracle import Key
from simulated_sources import fail, key_of, now, pause
from simulated_world import SinkScript, World

from rivven_connect._batch import Batch, BatchConfig, Checkpoint
from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._errors import ConnectorError
from rivven_connect._events import SourceEvent
from rivven_connect._sink import BatchSink, Sink, TransactionalSink, WriteResult
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._state import GLOBAL_STREAM

Row = tuple[Key, tuple[str, str, str] | None]
"""A record, and the unfinished sync that it is part of."""


class SimulatedSink(Sink[EmptyConfig]):
    """Keeps what it is given until `flush`, or writes it at once; fails in every known way."""

    config_type = EmptyConfig
    world: ClassVar[World]
    script: ClassVar[SinkScript]

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(
            connector_type="sim",
            version="1.0.0",
            kind=ConnectorKind.SINK,
            delivery=("upsert",) if cls.script.upserts else (),
            order_safe=cls.script.upserts,
        )

    async def open(self, config: EmptyConfig) -> None:
        self._buffer: list[Key] = []
        self._run = self.world.run

    async def prepare(self, config: EmptyConfig, catalog: ConfiguredCatalog) -> None:
        if self._buffer:
            self.world.broken.append(f"{self.script.name} is told of a schema before its flush")
        await pause(self.world, 0.1)
        fail(self.world, "prepare fails")

    async def write(self, config: EmptyConfig, events: AsyncIterator[SourceEvent]) -> WriteResult:
        return await self.answer([event async for event in events])

    async def answer(self, events: Sequence[SourceEvent]) -> WriteResult:
        """Write, or a part of it, or nothing; say so, or what is not so, or nothing."""
        world, script = self.world, self.script
        keys = [key_of(event) for event in events]
        await pause(world, script.slow)
        fail(world, "write fails before")
        fits = [key for key in keys if not script.is_rejected(key)]
        if script.whole and len(fits) < len(keys):
            raise ConnectorError.data("one of these does not fit")
        if world.strikes("write fails after"):
            self._store(fits[: world.rng.randint(0, len(fits))])
            await pause(world, 0.1)
            raise world.faults.transient()
        if world.strikes("some fail, nobody knows which"):
            return self._vague(keys, fits)
        return self._exact(events, keys)

    def _vague(self, keys: Sequence[Key], fits: Sequence[Key]) -> WriteResult:
        result = WriteResult()
        known = self.world.rng.randint(0, len(fits))
        self._store(fits[:known])
        result.add_success(known)
        result.add_failure(len(keys) - known or 1, "some failed")
        return result

    def _exact(self, events: Sequence[SourceEvent], keys: Sequence[Key]) -> WriteResult:
        world = self.world
        result = WriteResult()
        stop = len(keys)
        if world.strikes("fails from some record on"):
            stop = world.rng.randint(0, len(keys) - 1)
        for index, (event, key) in enumerate(zip(events, keys, strict=True)):
            if index >= stop:
                result.add_failed_event(event, "busy", retryable=True)
            elif self.script.is_rejected(key):
                result.add_failed_event(event, "does not fit")
            else:
                self._store([key])
                result.add_success(1)
        return result

    def _store(self, keys: Sequence[Key]) -> None:
        self.world.note(now(), "write", self.script.name, list(keys))
        if self.world.run != self._run:
            return
        if self.script.through:
            self.script.make_durable(keys)
        else:
            self._buffer += keys

    async def flush(self, config: EmptyConfig) -> None:
        world = self.world
        await pause(world, self.script.slow)
        failing = world.strikes("flush fails")
        if failing and world.rng.random() < 0.5:
            self._buffer.clear()
        if world.run == self._run:
            self.script.make_durable(self._buffer)
        self._buffer = []
        world.note(now(), "flush", self.script.name)
        if failing:
            raise world.faults.transient()


class SimulatedBatchSink(SimulatedSink, BatchSink[EmptyConfig]):
    """The same, in batches."""

    def batch_config(self, config: EmptyConfig) -> BatchConfig:
        return BatchConfig(**self.script.batch)

    async def write_batch(self, config: EmptyConfig, events: Sequence[SourceEvent]) -> WriteResult:
        return await self.answer(events)


class SimulatedTransactionalSink(TransactionalSink[EmptyConfig]):
    """Keeps the four rules of `Batch` to the letter."""

    config_type = EmptyConfig
    world: ClassVar[World]
    script: ClassVar[SinkScript]

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(
            connector_type="sim",
            version="1.0.0",
            kind=ConnectorKind.SINK,
            delivery=("transactional",),
        )

    def batch_config(self, config: EmptyConfig) -> BatchConfig:
        return BatchConfig(**self.script.batch)

    async def open(self, config: EmptyConfig) -> None:
        self._run = self.world.run

    async def committed_checkpoint(
        self, config: EmptyConfig, pipeline: str, sink: str
    ) -> Checkpoint | None:
        await pause(self.world, 0.1)
        fail(self.world, "nobody knows the checkpoint")
        self._require_alive()
        script = self.script
        script.writer = (self.world.run, -1)
        script.rows = [row for row in script.rows if row[1] is None]
        if not script.checkpoint:
            return None
        return Checkpoint({name: dict(at) for name, at in script.checkpoint.items()}, {})

    async def write_transaction(self, config: EmptyConfig, batch: Batch) -> WriteResult:
        world, script = self.world, self.script
        await pause(world, script.slow)
        self._require_alive()
        fail(world, "transaction fails before")
        result = WriteResult()
        for event in batch.events:
            if script.is_rejected(key_of(event)):
                result.add_failed_event(event, "does not fit")
        if result.has_failures():
            return result
        if batch.events and world.strikes("one event cannot be written now"):
            result.add_failed_event(batch.events[-1], "busy", retryable=True)
            return result
        self._commit(batch)
        await pause(world, 0.1)
        fail(world, "transaction fails after")
        result.add_success(len(batch.events))
        return result

    def _require_alive(self) -> None:
        if self.world.run != self._run:
            raise ConnectorError.fatal("an earlier process")

    def _commit(self, batch: Batch) -> None:
        world, script = self.world, self.script
        run, last = script.writer
        if run != self._run or batch.epoch < last:
            world.broken.append(f"{script.name}: epoch {batch.epoch} after {last}")
        # Only within one process: across a crash the boundaries of batches move.
        if batch.epoch == last:
            return
        script.writer = (run, batch.epoch)
        script.rows = _rows(script.rows, batch)
        self._check_checkpoint(batch)
        script.checkpoint = {name: dict(at) for name, at in batch.checkpoint.state.items()}
        world.note(now(), "transaction", script.name, [key_of(one) for one in batch.events])

    def _check_checkpoint(self, batch: Batch) -> None:
        """I5: where this sink leads, its checkpoint never goes back or away."""
        world, script = self.world, self.script
        for name in script.topics:
            source = world.sources[name]
            if world.leads(script, source):
                passed = source.passed(batch.checkpoint.state.get(name, {}))
                for stream, numbers in source.passed(script.checkpoint.get(name, {})).items():
                    if not numbers <= passed[stream]:
                        world.broken.append(f"I5: {script.name}: {stream} went back")


def _rows(rows: Sequence[Row], batch: Batch) -> list[Row]:
    """Return the rows after a transaction: rules 1 to 3 of `Batch`."""
    tag = None
    if batch.sync is not None:
        tag = (batch.sync.source, batch.sync.stream, batch.sync.attempt)
        rows = [row for row in rows if row[1] is None or row[1][:2] != tag[:2] or row[1] == tag]
    final = batch.checkpoint.changed
    found: list[Row] = []
    for key, sync in [*rows, *((key_of(event), tag) for event in batch.events)]:
        streams = final.get(sync[0], {}) if sync is not None else {}
        is_final = sync is None or sync[1] in streams or GLOBAL_STREAM in streams
        found.append((key, None if is_final else sync))
    return found


def make_sink(world: World, script: SinkScript) -> type[Sink[EmptyConfig]]:
    """Return the class of a sink."""
    bases: dict[str, type[Any]] = {
        "plain": SimulatedSink,
        "batch": SimulatedBatchSink,
        "transactional": SimulatedTransactionalSink,
    }
    members = {"world": world, "script": script}
    made: type[Sink[EmptyConfig]] = type("Made", (bases[script.kind],), members)
    return made
