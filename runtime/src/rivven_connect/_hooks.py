"""The default `check` and `read`: what turns an author's hooks into checks, batches and states."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from rivven_connect._batch import EventBatch, Item
from rivven_connect._catalog import ConfiguredCatalog, ConfiguredStream, SyncMode
from rivven_connect._checks import CheckResult, CheckResultBuilder
from rivven_connect._cursor import COMPLETE, CursorTracker
from rivven_connect._errors import ConnectorError
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._events import state as state_event
from rivven_connect._json import Json, JsonObject
from rivven_connect._partitions import PartitionedReader, require_unambiguous
from rivven_connect._rows import RowBatches
from rivven_connect._state import State, StreamState
from rivven_connect._streams import StreamSpec
from rivven_connect._together import read_together

if TYPE_CHECKING:
    from rivven_connect._connector import Connector
    from rivven_connect._source import Source

FINISHED = "finished"
"""Entry of the global state: the number of the last sync that came to its end."""


CURSOR_FIELD = "cursor_field"
"""Entry of the state of a stream that was found: the field that its cursor is a value of."""


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
    readers = [_reader(source, config, one, known, sync_id) for one in catalog.streams]
    marks_end = any(reader.marks_end for reader in readers)
    failures: list[Exception] = []
    parted = [reader for reader in readers if isinstance(reader, PartitionedReader)]
    require_unambiguous(
        [one.stream.full_name() for one in catalog.streams], [one.name for one in parted]
    )
    plans = read_together([one.prepare() for one in parted], concurrency, isolate=isolate)
    async with contextlib.aclosing(plans) as items:
        try:
            async for item in items:
                yield item
        except Exception as error:
            if not isolate:
                raise
            failures.append(error)
    streams = [reading for reader in readers for reading in reader.readings()]
    async with contextlib.aclosing(read_together(streams, concurrency, isolate=isolate)) as items:
        async for item in items:
            yield item
    if failures:
        raise failures[0]
    if marks_end or any(reader.marks_end for reader in readers):
        yield state_event({FINISHED: sync_id})


def _reader(
    source: Source[Any], config: Any, configured: ConfiguredStream, state: State, sync_id: int
) -> _StreamReader | PartitionedReader:
    stream = configured.stream
    spec: StreamSpec[Any] | None = source.streams.find(stream.name, stream.namespace)
    if configured.sync_mode is SyncMode.FULL_REFRESH and _is_partitioned(source):
        return PartitionedReader(source, config, spec or StreamSpec.of(configured), state, sync_id)
    if spec is not None:
        hook = partial(getattr(source, spec.hook), config)
        return _StreamReader(hook, spec, configured.sync_mode, state, sync_id)
    spec = StreamSpec.of(configured)
    hook = partial(source.read_discovered, config, configured)
    reader = _StreamReader(hook, spec, configured.sync_mode, state, sync_id)
    if configured.sync_mode is SyncMode.INCREMENTAL:
        reader.follow(spec.cursor)
    return reader


def _is_partitioned(source: Source[Any]) -> bool:
    """Whether the source declares that it plans ranges, and does."""
    from rivven_connect._source import Source  # noqa: PLC0415  # it imports this module

    return type(source).plan is not Source.plan and source.spec().partitioned


def _note(known: State, item: Item) -> None:
    """Enter the state that an item carries, as the store will have it."""
    if isinstance(item, SourceEvent) and item.event_type is EventType.STATE:
        known.set_global_from(item.data)
    elif isinstance(item, EventBatch) and item.state is not None:
        name = f"{item.full_name()}/{item.partition}" if item.partition else item.full_name()
        known.set_stream(StreamState(name, item.state))


class _StreamReader:
    """Reads one stream of one sync."""

    def __init__(
        self,
        hook: Callable[[Json], Any],
        spec: StreamSpec[Any],
        mode: SyncMode,
        state: State,
        sync_id: int,
    ) -> None:
        self._saved = saved = state.get_stream(spec.full_name())
        self._marks: JsonObject = {}
        self._hook = hook
        self._spec = spec
        self._sync_id = sync_id
        incremental = mode is SyncMode.INCREMENTAL and spec.cursor is not None
        start = saved.to_json() if saved else {}
        self._is_done = start.get(COMPLETE) == sync_id
        self._cursor = CursorTracker(spec, start, incremental=incremental)

    @property
    def marks_end(self) -> bool:
        """Whether only the end of the stream moves its state."""
        return not self._cursor.has_resume_points

    def follow(self, field: str | None) -> None:
        """Let states name the field of the cursor, which a config may change.

        Raises:
            ConnectorError: the saved cursor is one of another field.
        """
        saved = self._saved.cursor_field if self._saved else None
        if saved not in (None, field):
            raise ConnectorError.state(
                f"stream {self._spec.full_name()!r} was read up to a value of {saved!r}, and is now "
                f"to be read by {field!r}: reset its state with `rivven state reset`, or change it "
                "back"
            )
        self._marks = {CURSOR_FIELD: field}

    def readings(self) -> list[AsyncGenerator[Item, None]]:
        """Return what reads the stream."""
        return [self._read()]

    async def _read(self) -> AsyncGenerator[Item, None]:
        """Yield the stream's batches, and its end."""
        if self._is_done:
            return
        batches = RowBatches(self._spec, self._cursor, marks=self._marks)
        given = self._hook(self._cursor.first)
        async with contextlib.aclosing(batches.read(given, self._spec.hook)) as items:
            async for item in items:
                yield item
        if self.marks_end:
            yield batches.batch([], self._cursor.finish(self._sync_id))
