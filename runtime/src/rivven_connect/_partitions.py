"""Reads a stream as ranges that its source has planned, several at once (docs/adr/0008-partitions.md).

One sync plans once. The plan is the stream's state, `{"sync": number, "plan": [partition, ...]}`,
until the stream is `complete`. Each partition has a state of its own: `{"complete": number}` behind
its end; `{"cursor": what is left, "sync": number}` behind a page that says so. After a crash the sync
goes on by the same plan, without the partitions that are complete.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from rivven_connect._batch import Item
from rivven_connect._cursor import COMPLETE, CURSOR, CursorTracker
from rivven_connect._errors import ConnectorError
from rivven_connect._json import Json, JsonObject
from rivven_connect._rows import RowBatches
from rivven_connect._state import State
from rivven_connect._streams import StreamSpec

if TYPE_CHECKING:
    from rivven_connect._source import Source

SYNC, PLAN = "sync", "plan"


class PartitionedReader:
    """Reads one stream of one sync by its partitions; only its end moves the stream itself."""

    marks_end = True

    def __init__(
        self, source: Source[Any], config: Any, spec: StreamSpec[Any], state: State, sync_id: int
    ) -> None:
        self._source = source
        self._config = config
        self._spec = spec
        self.name = spec.full_name()
        self._state = state
        self._sync_id = sync_id
        start = self._saved(self.name)
        self._is_done = start.get(COMPLETE) == sync_id
        self._plan: list[Json] | None = start.get(PLAN) if start.get(SYNC) == sync_id else None
        self._unfinished = 0

    async def prepare(self) -> AsyncGenerator[Item, None]:
        """Plan the stream, unless this sync has a plan of it; yield the plan, as a state."""
        if self._is_done or self._plan is not None:
            return
        end = await self._source.latest(self._config, self.name)
        self._plan = list(await self._source.plan(self._config, self.name, None, end))
        yield self._batches().batch([], {SYNC: self._sync_id, PLAN: self._plan})

    def readings(self) -> list[AsyncGenerator[Item, None]]:
        """Return what reads each partition that is left; the last one to end is the stream's end."""
        if self._is_done or self._plan is None:
            return []
        left = [
            (str(number), partition)
            for number, partition in enumerate(self._plan)
            if self._saved(f"{self.name}/{number}").get(COMPLETE) != self._sync_id
        ]
        self._unfinished = len(left)
        return [self._read(*one) for one in left] or [self._end()]

    async def _read(self, number: str, partition: Json) -> AsyncGenerator[Item, None]:
        saved = self._saved(f"{self.name}/{number}")
        if saved.get(SYNC) == self._sync_id and CURSOR in saved:
            partition = saved[CURSOR]
        batches = self._batches(number)
        rows = self._source.read_partition(self._config, self.name, partition)
        async with contextlib.aclosing(batches.read(rows, "read_partition")) as items:
            async for item in items:
                yield item
        yield batches.batch([], {COMPLETE: self._sync_id})
        # Only now has that been taken: the end of the stream must not come before it.
        self._unfinished -= 1
        if not self._unfinished:
            async for item in self._end():
                yield item

    async def _end(self) -> AsyncGenerator[Item, None]:
        yield self._batches().batch([], {COMPLETE: self._sync_id})

    def _batches(self, partition: str = "") -> RowBatches:
        cursor = CursorTracker(self._spec, {}, incremental=False)
        marks: JsonObject = {SYNC: self._sync_id} if partition else {}
        return RowBatches(self._spec, cursor, partition=partition, marks=marks)

    def _saved(self, name: str) -> JsonObject:
        found = self._state.get_stream(name)
        return found.to_json() if found else {}


def require_unambiguous(names: list[str], partitioned: list[str]) -> None:
    """Return if no stream is named like a partition of another.

    Raises:
        ConnectorError: one is; their states could not be told apart.
    """
    for name in names:
        owner, slash, number = name.rpartition("/")
        if slash and number.isdecimal() and owner in partitioned:
            raise ConnectorError.configuration(
                f"stream {name!r} is named like a partition of stream {owner!r}; read them by two "
                "sources"
            )
