"""The one buffer of a source: what is read and not yet committed, bounded in records and bytes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rivven_connect._events import SourceEvent
from rivven_connect.pipeline.dead_letters import DeadLetter
from rivven_connect.pipeline.store import StateKey

RECORD_OVERHEAD = 512
"""Bytes that a record weighs beyond its JSON."""


@dataclass(slots=True)
class Unit:
    """Consecutive records of a source, with the states that hold once they are durable.

    `states` are encoded when they are read: a source may go on changing the object it yielded.
    """

    events: list[SourceEvent] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    states: dict[StateKey, bytes] = field(default_factory=dict)
    read: int = 0
    filtered: int = 0
    dropped: int = 0
    size: int = 0
    weight: int = 0

    def is_empty(self) -> bool:
        """Whether there is nothing to do: no record and no state."""
        return not (self.read or self.letters or self.states)

    def extend(self, other: Unit) -> None:
        """Add what was read after this."""
        self.events += other.events
        self.letters += other.letters
        self.states.update(other.states)
        self.read += other.read
        self.filtered += other.filtered
        self.dropped += other.dropped
        self.size += other.size
        self.weight += other.weight


@dataclass(frozen=True, slots=True)
class FlushLimits:
    """When what waits goes to the sinks, whichever is reached first."""

    max_records: int
    max_bytes: int
    max_wait: float
    """Seconds."""


class Window:
    """Between a source's reader and its delivery; taken at `put`, released at commit.

    No lock, timer or queue operation per record: the reader gathers a draft and puts it in pieces,
    the delivery waits on one event with one deadline. `collect` makes the reader put its draft now.
    """

    def __init__(
        self,
        *,
        max_records: int,
        max_bytes: int,
        limits: FlushLimits,
        collect: Callable[[], None],
    ) -> None:
        self._max_records = max_records
        self.max_bytes = max_bytes
        self._limits = limits
        self._collect = collect
        self._pending = Unit()
        self._since: float | None = None
        self._in_flight = 0
        self._weight = 0
        self._changed = asyncio.Event()
        self._space = asyncio.Event()
        self._urgent = False
        self._ended = False

    def announce(self) -> None:
        """Say that a draft was begun: from now on it may wait for `max_wait` at most."""
        if self._since is None:
            self._since = time.monotonic()
            self._changed.set()

    def free_records(self) -> int:
        """Return how many records may be read before the window is full, at least one."""
        return max(1, self._max_records - self._in_flight)

    def put(self, unit: Unit, *, urgent: bool = False) -> None:
        """Add what was read; `urgent` asks for a flush now. Never waits: see `wait_for_space`."""
        self.announce()
        self._pending.extend(unit)
        self._in_flight += unit.read
        self._weight += unit.weight
        self._urgent = self._urgent or urgent
        if self._is_due():
            self._changed.set()

    def is_full(self) -> bool:
        """Whether the reader must wait."""
        return self._in_flight >= self._max_records or self._weight >= self.max_bytes

    async def wait_for_space(self) -> None:
        """Wait until there is room; meanwhile what is pending is due, however little it is."""
        while self.is_full():
            self._space.clear()
            self._changed.set()
            await self._space.wait()

    def end(self) -> None:
        """Say that nothing more will be put."""
        self._ended = True
        self._changed.set()

    async def take(self) -> Unit | None:
        """Return what is pending as soon as it is due; None after the end."""
        while True:
            while not (self._is_due() or self._ended):
                await self._wait()
            self._collect()
            unit, self._pending = self._pending, Unit()
            self._since, self._urgent = None, False
            if not unit.is_empty():
                return unit
            if self._ended:
                return None

    def release(self, unit: Unit) -> None:
        """Give back the room of a committed unit."""
        self._in_flight -= unit.read
        self._weight -= unit.weight
        self._space.set()

    async def _wait(self) -> None:
        self._changed.clear()
        left = None
        if self._since is not None:
            left = self._since + self._limits.max_wait - time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._changed.wait()

    def _is_due(self) -> bool:
        pending, limits = self._pending, self._limits
        if self._since is None:
            return False
        return (
            self._urgent
            or (not pending.is_empty() and self.is_full())
            or pending.read >= limits.max_records
            or pending.size >= limits.max_bytes
            or time.monotonic() - self._since >= limits.max_wait
        )
