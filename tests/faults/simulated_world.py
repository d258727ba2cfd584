"""A world for the simulation: what a seed decides, and what outlives a crash."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiment import lines_of
from oracle import Key, Level

from rivven_connect._errors import ConnectorError, StateStoreError
from rivven_connect._state import GLOBAL_STREAM
from rivven_connect.pipeline.state_schema import state_name
from rivven_connect.pipeline.store import Counters, StateKey

TIE = 4
"""Records of a stream with ties that share one value of the cursor."""

STYLES = ("each", "page", "every", "end", "global")
"""Where a stream has its resume points: see `simulated_sources`."""


@dataclass
class Faults:
    """How often something may still fail, and what has failed so far."""

    rng: random.Random
    left: int
    rate: float
    seen: list[str] = field(default_factory=list)

    def strikes(self, what: str) -> bool:
        """Whether it fails this time."""
        if self.left <= 0 or self.rng.random() >= self.rate:
            return False
        self.left -= 1
        self.seen.append(what)
        return True

    def transient(self) -> Exception:
        """Return one of the failures that may pass."""
        made: tuple[Exception, ...] = (
            ConnectorError.connection("away"),
            ConnectorError.rate_limited("slower", retry_after=self.rng.choice([None, 0.5, -1.0])),
            TimeoutError("late"),
            ConnectionResetError("reset"),
        )
        return self.rng.choice(made)


@dataclass
class StreamScript:
    """One stream: numbers from 0 to `total`, with resume points as `style` says."""

    name: str
    total: int
    style: str
    step: int
    poison: bool = False
    schema_at: int | None = None
    """Before which record the schema gets a field more."""

    def interval(self) -> int:
        """Return the most records between two resume points."""
        # What a hook yields without waiting becomes one batch, which has one resume point.
        if self.style in {"end", "unordered", "ties"}:
            return self.total
        return 1 if self.style == "each" else self.step

    def is_poison(self, number: int) -> bool:
        return self.poison and number % 13 == 6

    def passed(self, state: Mapping[str, Any] | None) -> set[int]:
        """Return the records that a saved state is behind."""
        if not state:
            return set()
        if "next" in state:
            return set(range(state["next"]))
        if state.get("paged"):
            return set(range(state["cursor"]))
        if "cursor" not in state:
            return set()
        before = set(range(min(self.total, state["cursor"] * TIE)))
        return before | {key[0] for key in state.get("seen", ())}


@dataclass
class SourceScript:
    """One source and its streams."""

    name: str
    hooks: bool
    streams: list[StreamScript]
    endless: bool
    filters: bool
    fan_out: int
    max_pause: float

    def stream(self, name: str) -> StreamScript:
        (found,) = (one for one in self.streams if one.name == name)
        return found

    def is_filtered(self, stream: StreamScript, number: int) -> bool:
        return self.filters and number % 5 == 2 and not stream.is_poison(number)

    def all_keys(self, passed: Mapping[str, set[int]] | None = None) -> set[Key]:
        """Return the keys that records end as, fanned out; of all records, or of those passed."""
        found: set[Key] = set()
        for stream in self.streams:
            numbers = range(stream.total) if passed is None else passed.get(stream.name, set())
            for number in numbers:
                if not self.is_filtered(stream, number):
                    found |= self.keys_of(stream, number)
        return found

    def poison_keys(self) -> set[Key]:
        """Return the keys of what cannot be read."""
        return {
            key
            for stream in self.streams
            for number in filter(stream.is_poison, range(stream.total))
            for key in self.keys_of(stream, number)
        }

    def keys_of(self, stream: StreamScript, number: int) -> set[Key]:
        """Return what becomes of one record; an unreadable one is never fanned out."""
        first = number * self.fan_out
        copies = 1 if stream.is_poison(number) else self.fan_out
        return {(stream.name, first + copy) for copy in range(copies)}

    def passed(self, state: Mapping[str, Mapping[str, Any]]) -> dict[str, set[int]]:
        """Return stream -> the records that a saved state of this source is behind."""
        everywhere = state.get(GLOBAL_STREAM, {})
        return {
            one.name: one.passed(state.get(one.name))
            | (one.passed(everywhere.get(one.name)) if one.style == "global" else set())
            for one in self.streams
        }

    def is_behind_all(self, state: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether nothing is left to be committed."""
        passed = self.passed(state)
        return all(
            {n for n in range(one.total) if not one.is_poison(n)} <= passed[one.name]
            for one in self.streams
        )


@dataclass
class SinkScript:
    """One sink: what it promises, and what it holds across crashes."""

    name: str
    topics: list[str]
    kind: str
    upserts: bool
    through: bool
    rejects: bool
    whole: bool
    slow: float
    fails_transform: bool
    batch: dict[str, int]
    keys: list[Key] = field(default_factory=list)
    order: dict[Key, None] = field(default_factory=dict)
    rows: list[tuple[Key, tuple[str, str, str] | None]] = field(default_factory=list)
    checkpoint: dict[str, dict[str, Any]] = field(default_factory=dict)
    writer: tuple[int, int] = (0, -1)

    def is_rejected(self, key: Key) -> bool:
        return self.rejects and key[1] % 7 == 3

    def breaks_transform(self, key: Key) -> bool:
        return self.fails_transform and key[1] % 11 == 5

    def held(self) -> list[Key]:
        """Return what is durable, oldest first."""
        if self.kind == "transactional":
            return [key for key, _ in self.rows]
        return list(self.order) if self.upserts else self.keys

    def final(self) -> list[Key]:
        """Return what is durable and will not be replaced."""
        if self.kind == "transactional":
            return [key for key, sync in self.rows if sync is None]
        return self.held()

    def make_durable(self, keys: Sequence[Key]) -> None:
        if self.upserts:
            self.order.update(dict.fromkeys(keys))
        else:
            self.keys += keys


class World:
    """Everything that one seed decides. `broken` gathers what must never be."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.folder = folder
        self.rng = random.Random(seed)
        self.run = 0
        """The number of the process: what an earlier one does has no effect."""
        self.broken: list[str] = []
        self.sources: dict[str, SourceScript] = {}
        self.sinks: dict[str, SinkScript] = {}
        self.max_in_flight = 1
        self.faults = Faults(random.Random(seed + 1), 0, 0.0)
        self.incidents = 0
        self.states: dict[str, dict[str, Any]] = {}
        self.acknowledged: dict[str, dict[str, set[int]]] = {}
        self._trace = hashlib.sha256()
        self.log: list[str] = []

    def note(self, time: float, *what: object) -> None:
        """Add to the trace."""
        line = f"{time:.6f} {' '.join(map(str, what))}"
        self._trace.update(line.encode())
        self.log.append(line)

    def trace(self) -> str:
        """Return a digest of everything that happened, and when."""
        return self._trace.hexdigest()

    def strikes(self, what: str) -> bool:
        """Whether something fails now; each failure is an incident, after which L1 may repeat."""
        struck = self.faults.strikes(what)
        self.incidents += struck
        return struck

    def sinks_of(self, source: SourceScript) -> list[SinkScript]:
        return [one for one in self.sinks.values() if source.name in one.topics]

    def sources_of(self, sink: SinkScript) -> list[SourceScript]:
        return [self.sources[name] for name in sink.topics]

    def level(self, sink: SinkScript) -> Level:
        if sink.kind == "transactional":
            alone = all(self.leads(sink, one) for one in self.sources_of(sink))
            return Level.L3 if alone else Level.L1
        return Level.L2 if sink.upserts else Level.L1

    def letters(self, owner: str) -> list[Key]:
        """Return the keys of the dead letters of a source or sink, in their order."""
        found: list[Key] = []
        for letter in lines_of(self.folder / f"{owner}-letters.jsonl"):
            if letter["kind"] == "poison":
                stream, _, number = letter["error"].rpartition("-")
                found.append((stream, int(number) * self._fan_out(stream)))
            else:
                found.append((letter["record"]["s"], letter["record"]["n"]))
        return found

    def _fan_out(self, stream: str) -> int:
        return self.sources[stream[0]].fan_out

    def committing(self, source: str, states: Mapping[str, Mapping[str, Any]], where: str) -> None:
        """Check I3 and I5 at the very moment of a commit."""
        script = self.sources[source]
        before = self.states.get(source, {})
        passed = script.passed({**before, **states})
        known = script.passed(before)
        for name, numbers in known.items():
            if not numbers <= passed[name]:
                self.broken.append(f"I5: {where}: {name} lost {sorted(numbers - passed[name])[:5]}")
        wanted = script.all_keys(passed)
        mine = set(self.letters(source))
        for sink in self.sinks_of(script):
            durable = set(sink.final()) | set(self.letters(sink.name)) | mine
            if not wanted <= durable:
                missing = sorted(wanted - durable)[:5]
                self.broken.append(f"I3: {where}: committed, not durable in {sink.name}: {missing}")

    def acknowledging(self, source: str, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Check that nothing is acknowledged that is not committed."""
        script = self.sources[source]
        passed = script.passed(state)
        known = script.passed(self.known_state(source))
        for name, numbers in passed.items():
            if not numbers <= known[name]:
                self.broken.append(f"I3: {name} acknowledged {sorted(numbers - known[name])[:5]}")

    def leads(self, sink: SinkScript, source: SourceScript) -> bool:
        """Whether the checkpoint in a sink decides where a source begins."""
        return sink.kind == "transactional" and len(self.sinks_of(source)) == 1

    def known_state(self, source: str) -> Mapping[str, Mapping[str, Any]]:
        """Return what is committed: by the leading sink, or else by the store."""
        sinks = self.sinks_of(self.sources[source])
        if self.leads(sinks[0], self.sources[source]):
            return sinks[0].checkpoint.get(source, {})
        return self.states.get(source, {})

    def is_done(self) -> bool:
        """Whether everything has been committed."""
        return all(
            one.is_behind_all(self.known_state(one.name))
            and one.poison_keys() <= set(self.letters(one.name))
            for one in self.sources.values()
        )


class WorldStore:
    """The state store of one run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._run = world.run
        self.term = world.run

    def load(self, source: str) -> dict[str, Any]:
        return dict(self._world.states.get(source, {}))

    def commit(self, source: str, states: Mapping[StateKey, Any], counters: Counters) -> None:
        world = self._world
        if world.run != self._run:
            return
        named = {state_name(key): value for key, value in states.items()}
        world.committing(source, named, "store")
        lost = world.strikes("commit fails") if world.rng.random() < 0.1 else False
        if not (lost and world.rng.random() < 0.5):
            world.states.setdefault(source, {}).update(named)
        if lost:
            raise StateStoreError("the disk is gone")

    def counters(self) -> dict[tuple[str, str], int]:
        return {}

    def close(self) -> None:
        pass
