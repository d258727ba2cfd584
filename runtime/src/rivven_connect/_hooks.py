"""The default `check` and `read`: what turns an author's hooks into checks, batches and states."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from rivven_connect._batch import EventBatch, Item, Page, Poison
from rivven_connect._catalog import ConfiguredCatalog, ConfiguredStream, SyncMode
from rivven_connect._checks import CheckResult, CheckResultBuilder
from rivven_connect._cursor import COMPLETE, CursorTracker
from rivven_connect._errors import ConnectorError
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._events import state as state_event
from rivven_connect._json import JsonObject
from rivven_connect._pump import Pump, as_rows
from rivven_connect._state import State, StreamState
from rivven_connect._streams import StreamSpec
from rivven_connect._together import read_together

if TYPE_CHECKING:
    from rivven_connect._connector import Connector
    from rivven_connect._source import Source

FINISHED = "finished"
"""Entry of the global state: the number of the last sync that came to its end."""


class CheckHook(msgspec.Struct, frozen=True):
    """One declared check; `method` is the hook, `requires` a check that must have passed."""

    name: str
    method: str
    requires: str | None = None
    timeout_ms: int | None = None


async def run_checks(
    connector: Connector[Any], hooks: Sequence[CheckHook], config: Any
) -> CheckResult:
    """Run the declared check hooks in order and return what came of each.

    Raises:
        HookMissing: a hook has not been written.
    """
    builder = CheckResultBuilder()
    for hook in hooks:
        method = getattr(connector, hook.method)

        async def call(method: Any = method) -> Any:
            if inspect.iscoroutinefunction(method):
                return await method(config)
            return await asyncio.to_thread(method, config)

        await builder.check_async(
            hook.name, call, requires=hook.requires, timeout_ms=hook.timeout_ms
        )
    return builder.build()


async def read_streams(
    source: Source[Any],
    config: Any,
    catalog: ConfiguredCatalog,
    state: State | None,
    *,
    concurrency: int = 1,
    isolate: bool = False,
) -> AsyncGenerator[Item, None]:
    """Read the chosen streams through their hooks, at most `concurrency` at once.

    A sync is one pass over all of them. Streams without resume points inside a sync mark their end
    with its number, so that a crash in a later stream does not repeat them. With `isolate`, a
    failing stream does not end the others. A source that polls begins a sync some time after the
    end of the last one, and goes on where that ended.

    Raises:
        Exception: what the first failing hook raised; with `isolate`, when the others are done.
    """
    known = State()
    known.merge(state or State())
    while True:
        sync = _read_once(source, config, catalog, known, concurrency=concurrency, isolate=isolate)
        pause_ms = source.poll_interval_ms(config)
        # Closed here and not by the garbage collector, which would close a hook after its source.
        async with contextlib.aclosing(sync) as items:
            async for item in items:
                if pause_ms is not None:
                    _note(known, item)
                yield item
        if pause_ms is None:
            return
        await asyncio.sleep(pause_ms / 1000)


async def _read_once(
    source: Source[Any],
    config: Any,
    catalog: ConfiguredCatalog,
    known: State,
    *,
    concurrency: int,
    isolate: bool,
) -> AsyncGenerator[Item, None]:
    """Yield the items of one sync, and its end."""
    sync_id = (known.get_global_as(FINISHED, int) or 0) + 1
    readers = [_StreamReader(source, config, one, known, sync_id) for one in catalog.streams]
    marks_end = any(reader.marks_end for reader in readers)
    streams = [reader.read() for reader in readers]
    async with contextlib.aclosing(read_together(streams, concurrency, isolate=isolate)) as items:
        async for item in items:
            yield item
    if marks_end or any(reader.marks_end for reader in readers):
        yield state_event({FINISHED: sync_id})


def _note(known: State, item: Item) -> None:
    """Enter the state that an item carries, as the store will have it."""
    if isinstance(item, SourceEvent) and item.event_type is EventType.STATE:
        known.set_global_from(item.data)
    elif isinstance(item, EventBatch) and item.state is not None:
        known.set_stream(StreamState(item.full_name(), item.state))


class _StreamReader:
    """Reads one stream of one sync."""

    def __init__(
        self,
        source: Source[Any],
        config: Any,
        configured: ConfiguredStream,
        state: State,
        sync_id: int,
    ) -> None:
        stream = configured.stream
        spec = source.streams.find(stream.name, stream.namespace)
        saved = state.get_stream(stream.full_name())
        if spec is not None:
            self._hook = functools.partial(getattr(source, spec.hook), config)
        else:
            spec = StreamSpec.of(stream, hook="read_discovered")
            self._hook = functools.partial(source.read_discovered, config, configured)
        self._spec: StreamSpec[Any] = spec
        self._sync_id = sync_id
        incremental = configured.sync_mode is SyncMode.INCREMENTAL and spec.cursor is not None
        start = saved.to_json() if saved else {}
        self._is_done = start.get(COMPLETE) == sync_id
        self._cursor = CursorTracker(spec, start, incremental=incremental)

    @property
    def marks_end(self) -> bool:
        """Whether only the end of the stream moves its state."""
        return not self._cursor.has_resume_points

    async def read(self) -> AsyncGenerator[Item, None]:
        """Yield the stream's batches, and its end."""
        if self._is_done:
            return
        rows = as_rows(self._hook(self._cursor.first), self._spec.hook)
        async with Pump(rows) as pump:
            async for chunk in pump.chunks():
                items = self._items(chunk)
                chunk.clear()  # nothing here keeps a record longer than its reader
                while items:
                    yield items.pop(0)
        if self.marks_end:
            yield self._batch([], self._cursor.finish(self._sync_id))

    def _items(self, chunk: list[Any]) -> list[Item]:
        """Return the rows of one chunk as batches: plain records together, the rest one by one."""
        if set(map(type, chunk)) == {dict}:
            return self._records(chunk[:])
        items: list[Item] = []
        plain: list[Any] = []
        for row in chunk:
            if isinstance(row, dict):
                plain.append(row)
                continue
            if plain:
                items += self._records(plain)
                plain = []
            items += self._special(row)
        return items + (self._records(plain) if plain else [])

    def _special(self, row: Any) -> list[Item]:
        if isinstance(row, Poison):
            return [row]
        if isinstance(row, Page):
            return self._records(list(row.records), page=row)
        if isinstance(row, list):
            return self._records(row)
        if hasattr(row, "__arrow_c_array__"):
            return self._columns(row)
        raise ConnectorError.internal(
            f"{self._spec.hook} yields records, lists, pages or Poison, not {type(row).__name__}"
        )

    def _records(self, records: list[Any], page: Page[Any] | None = None) -> list[Item]:
        records = self._cursor.without_repeats(records)
        if page is not None and page.cursor is not None:
            state: JsonObject | None = self._cursor.turn_page(page.cursor)
        else:
            state = self._cursor.advance(records)
        if not records and state is None:
            return []
        return [self._batch(records, state, size=page.size if page else None)]

    def _columns(self, row: Any) -> list[Item]:
        import pyarrow as pa  # noqa: PLC0415  # optional: only a hook that yields Arrow needs it

        columns = self._cursor.without_repeated_rows(pa.record_batch(row))
        state = self._cursor.advance_columns(columns)
        return [self._batch(columns, state)] if len(columns) or state is not None else []

    def _batch(self, records: Any, state: JsonObject | None, size: int | None = None) -> EventBatch:
        return EventBatch(
            stream=self._spec.name,
            namespace=self._spec.namespace,
            records=records,
            state=state,
            size=size,
        )
