"""The sources of the simulation, and its transforms; what they do is in the world."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

from engine_kit import EmptyConfig
from oracle import Key
from simulated_world import TIE, SinkScript, SourceScript, StreamScript, World

from rivven_connect._batch import EventBatch, Item, Page, Poison
from rivven_connect._catalog import Catalog, ConfiguredCatalog, Stream, SyncMode
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._state import State
from rivven_connect._streams import StreamSet, StreamSpec
from rivven_connect._transform import Transform

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}}
WIDER = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "x": {"type": ["null", "string"]}},
}
MODES = (SyncMode.FULL_REFRESH, SyncMode.INCREMENTAL)


def now() -> float:
    """Return the virtual time."""
    return asyncio.get_running_loop().time()


async def pause(world: World, most: float) -> None:
    """Let a random while go by, or nothing at all."""
    if most and world.rng.random() < 0.5:
        await asyncio.sleep(world.rng.uniform(0, most))


def key_of(event: SourceEvent) -> Key:
    """Return the key of a record."""
    data: Any = event.data
    return data["s"], data["n"]


def record(stream: StreamScript, number: int) -> dict[str, Any]:
    """Return the record of a number; its cursor has ties."""
    return {"s": stream.name, "n": number, "c": number // TIE, "id": number}


def fail(world: World, what: str) -> None:
    """Raise what may pass, perhaps."""
    if world.strikes(what):
        raise world.faults.transient()


class SimulatedSource(Source[EmptyConfig]):
    """What every source of the simulation does beside reading."""

    config_type = EmptyConfig
    world: ClassVar[World]
    script: ClassVar[SourceScript]

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(connector_type=f"src-{cls.script.name}", version="1.0.0")

    async def open(self, config: EmptyConfig) -> None:
        self._run = self.world.run
        await pause(self.world, 0.5)
        fail(self.world, "open fails")

    async def discover(self, config: EmptyConfig) -> Catalog:
        return Catalog(
            [
                Stream(
                    name=one.name,
                    json_schema=SCHEMA,
                    supported_sync_modes=list(MODES),
                    default_cursor_field="c" if self.script.hooks else None,
                )
                for one in self.script.streams
            ]
        )

    async def acknowledge(self, config: EmptyConfig, state: State) -> None:
        await pause(self.world, 0.3)
        if self.world.run != self._run:
            return
        self.world.acknowledging(self.script.name, state.to_json())
        fail(self.world, "acknowledge fails")
        self.world.note(now(), "acknowledged", self.script.name)


class RawSource(SimulatedSource):
    """Reads all of its streams by itself, in any order."""

    async def read(
        self, config: EmptyConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        world, script = self.world, self.script
        saved = script.passed(state.to_json() if state else {})
        places = {name: len(numbers) for name, numbers in saved.items()}
        while unread := [one for one in script.streams if places[one.name] < one.total]:
            stream = world.rng.choice(unread)
            await pause(world, script.max_pause)
            fail(world, "read fails")
            for item in _step(world, stream, places):
                world.note(now(), "read", stream.name, places[stream.name])
                yield item
            if stream.style == "global":
                reached = {one.name: {"next": places[one.name]} for one in script.streams}
                yield SourceEvent(stream="", event_type=EventType.STATE, data=reached)
        if script.endless:
            await asyncio.Event().wait()


def _step(world: World, stream: StreamScript, places: dict[str, int]) -> list[Item]:
    """Return what a raw source yields next of one stream, and move its place."""
    first = places[stream.name]
    size = 1 if stream.style == "each" else world.rng.randint(1, stream.step)
    last = min(stream.total, first + size)
    places[stream.name] = last
    items: list[Item] = []
    good: list[int] = []
    for number in range(first, last):
        if number == stream.schema_at:
            items += _events(stream, good)
            good = []
            items.append(SourceEvent(stream=stream.name, event_type=EventType.SCHEMA, data=WIDER))
        if stream.is_poison(number):
            items += _events(stream, good)
            good = []
            items.append(_poison(stream, number))
        else:
            good.append(number)
    if stream.style == "page":
        records: list[Any] = [record(stream, number) for number in good]
        return [*items, EventBatch(stream=stream.name, records=records, state={"next": last})]
    items += _events(stream, good)
    if stream.style in {"each", "every"} or (stream.style == "end" and last == stream.total):
        _note_state(stream, items, last)
    return items


def _note_state(stream: StreamScript, items: list[Item], last: int) -> None:
    """Put the state on the last record, or behind it where there is none."""
    tail = items[-1] if items else None
    if isinstance(tail, SourceEvent) and tail.event_type is EventType.RECORD:
        tail.state = {"next": last}
    else:
        items.append(EventBatch(stream=stream.name, records=[], state={"next": last}))


def _poison(stream: StreamScript, number: int) -> Poison:
    return Poison(stream.name, b"\xff", f"{stream.name}-{number}", position=number)


def _events(stream: StreamScript, numbers: Sequence[int]) -> list[Item]:
    return [
        SourceEvent(stream=stream.name, data=record(stream, number), position=number)
        for number in numbers
    ]


def make_source(world: World, script: SourceScript) -> type[Source[EmptyConfig]]:
    """Return the class of a source: one that reads by itself, or one with hooks."""
    members: dict[str, Any] = {"world": world, "script": script}
    if not script.hooks:
        raw: type[Source[EmptyConfig]] = type("Raw", (RawSource,), members)
        return raw
    specs = {one.name: _spec(one) for one in script.streams}
    members["streams"] = type("Streams", (StreamSet,), specs)()
    members |= {f"read_{one.name}": _hook(world, script, one) for one in script.streams}
    hooked: type[Source[EmptyConfig]] = type("Hooked", (SimulatedSource,), members)
    return hooked


def _spec(stream: StreamScript) -> StreamSpec[Any]:
    return StreamSpec[Any](
        name=stream.name,
        hook=f"read_{stream.name}",
        primary_key=(("id",),),
        cursor="c",
        cursor_order="ascending" if stream.style == "ties" else "unordered",
        sync_modes=MODES,
    )


def _hook(world: World, script: SourceScript, stream: StreamScript) -> Any:
    async def read(self: Any, config: EmptyConfig, cursor: Any) -> AsyncIterator[Any]:
        at = (cursor or 0) * (1 if stream.style == "pages" else TIE)
        while at < stream.total:
            await pause(world, script.max_pause)
            fail(world, "read fails")
            numbers = range(at, min(stream.total, at + world.rng.randint(1, stream.step)))
            good: list[Any] = [record(stream, n) for n in numbers if not stream.is_poison(n)]
            for number in filter(stream.is_poison, numbers):
                yield _poison(stream, number)
            at = numbers.stop
            world.note(now(), "read", stream.name, at)
            if stream.style == "pages":
                yield Page(good, cursor=at)
            elif world.rng.random() < 0.5:
                yield good
            else:
                for one in good:
                    yield one
        if script.endless and stream is script.streams[-1]:
            await asyncio.Event().wait()

    return read


class OnSource(Transform[EmptyConfig]):
    """Takes records out, and makes several of one."""

    config_type = EmptyConfig
    world: ClassVar[World]
    script: ClassVar[SourceScript]

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return _transform_spec(f"on-{cls.script.name}")

    async def transform(self, config: EmptyConfig, event: SourceEvent) -> Any:
        script = self.script
        await pause(self.world, script.max_pause / 4)
        data: Any = event.data
        if script.is_filtered(script.stream(data["s"]), data["n"]):
            return None
        first = data["n"] * script.fan_out
        return [
            SourceEvent(stream=event.stream, data={**data, "n": first + copy})
            for copy in range(script.fan_out)
        ]


class ToSink(Transform[EmptyConfig]):
    """Fails for some records, and changes the others in place."""

    config_type = EmptyConfig
    world: ClassVar[World]
    script: ClassVar[SinkScript]

    @classmethod
    def spec(cls) -> ConnectorSpec:
        return _transform_spec(f"to-{cls.script.name}")

    def transform(self, config: EmptyConfig, event: SourceEvent) -> Any:
        data: Any = event.data
        name = self.script.name
        if "seen" in data:
            self.world.broken.append(f"{name} got what another sink's transform has changed")
        data["seen"] = name
        if self.script.breaks_transform(key_of(event)):
            raise ValueError("cannot be transformed")
        return event


def _transform_spec(name: str) -> ConnectorSpec:
    return ConnectorSpec(connector_type=name, version="1.0.0", kind=ConnectorKind.TRANSFORM)


def make_transforms(world: World) -> dict[str, type[Transform[Any]]]:
    """Return the transforms of the world's pipelines, by name."""
    found: dict[str, type[Transform[Any]]] = {}
    for source in world.sources.values():
        found[f"on-{source.name}"] = type("On", (OnSource,), {"world": world, "script": source})
    for sink in world.sinks.values():
        found[f"to-{sink.name}"] = type("To", (ToSink,), {"world": world, "script": sink})
    return found
