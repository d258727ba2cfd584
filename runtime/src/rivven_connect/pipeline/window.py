"""What a source has read and nobody has committed: bounded in records and bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._state import GLOBAL_STREAM
from rivven_connect.pipeline.blocks import Block
from rivven_connect.pipeline.dead_letters import DeadLetter
from rivven_connect.pipeline.store import StateKey
from rivven_connect.pipeline.summary import Gauges


class Piece(msgspec.Struct, eq=False):
    """Consecutive records of a source, with the states that hold once they are durable.

    `states` are encoded when they are read: a source may go on changing the object it yielded. A
    state covers its stream's records before its place in `covers`, which is never inside a block.
    """

    blocks: list[Block] = msgspec.field(default_factory=list)
    records: int = 0
    letters: list[DeadLetter] = msgspec.field(default_factory=list)
    states: dict[StateKey, bytes] = msgspec.field(default_factory=dict)
    covers: dict[StateKey, int] = msgspec.field(default_factory=dict)
    catalog: ConfiguredCatalog | None = None
    """The streams as they are from here on, where a schema has changed."""
    urgent: bool = False
    """Whether the sinks are to flush now."""
    read: int = 0
    filtered: int = 0
    dropped: int = 0
    size: int = 0
    weight: int = 0

    def add(self, block: Block) -> None:
        """Add records."""
        self.blocks.append(block)
        self.records += len(block)
        self.size += block.size
        self.weight += block.weight

    def is_empty(self) -> bool:
        """Whether there is nothing in it: no record and no state."""
        return not (self.read or self.records or self.letters or self.states)

    def room(self) -> int:
        """Return how many records it counts for; a state alone counts for one."""
        return self.read or bool(self.states)

    def by_stream(self) -> Iterator[tuple[StateKey, list[Block], list[Block]]]:
        """Yield each stream's blocks: those that a state of this piece covers, and those behind."""
        everywhere = self.covers.get((GLOBAL_STREAM, ""), 0)
        found: dict[StateKey, tuple[list[Block], list[Block]]] = {}
        start = 0
        for block in self.blocks:
            covered = start < max(everywhere, self.covers.get(block.key, 0))
            found.setdefault(block.key, ([], []))[not covered].append(block)
            start += len(block)
        for key, (before, behind) in found.items():
            yield key, before, behind


class Window:
    """Between a source's reader and its courier; taken at `put`, released at commit.

    No lock, timer or queue operation per record: the reader gathers a draft and puts it in pieces;
    the courier waits on one event, and one timer serves the ticks. `collect` makes the reader put its
    draft now.
    """

    def __init__(
        self,
        *,
        max_records: int,
        max_bytes: int,
        tick: float,
        collect: Callable[[], None],
        gauges: Gauges,
    ) -> None:
        self._max_records = max_records
        self.max_bytes = max_bytes
        self._tick = tick
        self._collect = collect
        self._gauges = gauges
        self._pieces: deque[Piece] = deque()
        self._since: float | None = None
        self._ticking = False
        self._overdue = False
        self._in_flight = 0
        self._weight = 0
        self._changed = asyncio.Event()
        self._space = asyncio.Event()
        self._ended = False

    def announce(self) -> None:
        """Say that a draft was begun: from now on it may wait for one tick at most."""
        if self._since is None:
            loop = asyncio.get_running_loop()
            self._since = loop.time()
            if not self._ticking:
                self._ticking = True
                loop.call_later(self._tick, self._look)

    def free_records(self) -> int:
        """Return how many records may be read before the window is full, at least one."""
        return max(1, self._max_records - self._in_flight)

    def put(self, piece: Piece) -> None:
        """Add what was read. Never waits: see `wait_for_space`."""
        self._since, self._overdue = None, False
        self._pieces.append(piece)
        self._account(piece.room(), piece.weight)
        self._changed.set()

    def is_full(self) -> bool:
        """Whether the reader must wait."""
        return self._in_flight >= self._max_records or self._weight >= self.max_bytes

    async def wait_for_space(self) -> None:
        """Wait until there is room; the sinks flush at once what they have, however little it is."""
        while self.is_full():
            self._space.clear()
            self.put(Piece(urgent=True))
            await self._space.wait()

    def end(self) -> None:
        """Say that nothing more will be put."""
        self._ended = True
        self._changed.set()

    async def next(self) -> Piece | None:
        """Return the next piece; a draft is collected after a tick; None after the end."""
        while not self._pieces:
            if self._ended:
                return None
            if self._overdue:
                self._overdue = False
                self._collect()
                continue
            self._changed.clear()
            await self._changed.wait()
        return self._pieces.popleft()

    def release(self, piece: Piece) -> None:
        """Give back the room of a committed piece."""
        self._account(-piece.room(), -piece.weight)
        self._space.set()

    def _account(self, records: int, weight: int) -> None:
        self._in_flight += records
        self._weight += weight
        self._gauges.in_flight_records = self._in_flight
        self._gauges.in_flight_bytes = self._weight

    def _look(self) -> None:
        """See whether a draft has waited for a tick; one timer serves many drafts."""
        self._ticking = False
        if self._since is None:
            return
        loop = asyncio.get_running_loop()
        due = self._since + self._tick
        if due <= loop.time():
            self._since, self._overdue = None, True
            self._changed.set()
        else:
            self._ticking = True
            loop.call_at(due, self._look)
