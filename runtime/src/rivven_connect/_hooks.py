"""The default `check` and `read`: what turns an author's hooks into checks, batches and states.

Rules of the cursor (contracts.md, "Source"): it is inclusive, records that were already seen at it
are dropped by primary key, and a stream that is not ascending moves only at its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import inspect
import logging
import operator
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from rivven_connect._batch import EventBatch, Item, Page, Poison
from rivven_connect._catalog import ConfiguredCatalog, ConfiguredStream, SyncMode
from rivven_connect._checks import CheckResult, CheckResultBuilder
from rivven_connect._errors import ConnectorError
from rivven_connect._events import state as state_event
from rivven_connect._json import Json, JsonObject
from rivven_connect._pump import Pump, as_rows
from rivven_connect._state import State
from rivven_connect._streams import StreamSpec, value_at

if TYPE_CHECKING:
    from rivven_connect._connector import Connector
    from rivven_connect._source import Source

_log = logging.getLogger("rivven_connect.read")

CURSOR, SEEN, PAGED = "cursor", "seen", "paged"
COMPLETE, UNORDERED, FINISHED = "complete", "unordered", "finished"


@dataclasses.dataclass(frozen=True, slots=True)
class CheckHook:
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
    source: Source[Any], config: Any, catalog: ConfiguredCatalog, state: State | None
) -> AsyncIterator[Item]:
    """Read the chosen streams one after the other through their hooks.

    A sync is one pass over all of them. Streams without resume points inside a sync mark their end
    with its number, so that a crash in a later stream does not repeat them.
    """
    known = state or State()
    sync_id = (known.get_global_as(FINISHED, int) or 0) + 1
    marks_end = False
    for configured in catalog.streams:
        reader = _StreamReader(source, config, configured, known, sync_id)
        marks_end = marks_end or reader.marks_end
        # Closed here and not by the garbage collector, which would close a hook after its source.
        async with contextlib.aclosing(reader.read()) as items:
            async for item in items:
                yield item
        marks_end = marks_end or reader.marks_end
    if marks_end:
        yield state_event({FINISHED: sync_id})


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
        if spec is None:
            raise ConnectorError.configuration(
                f"{type(source).__name__} declares no stream {stream.full_name()!r}"
            )
        saved = state.get_stream(stream.full_name())
        self._spec: StreamSpec[Any] = spec
        self._hook = getattr(source, spec.hook)
        self._config = config
        self._sync_id = sync_id
        self._incremental = configured.sync_mode is SyncMode.INCREMENTAL and spec.cursor is not None
        self._start: JsonObject = saved.to_json() if saved else {}
        self._skip = self._start.get(COMPLETE) == sync_id
        resumes = self._incremental or (COMPLETE not in self._start)
        self._cursor: Json = self._start.get(CURSOR) if resumes else None
        self._seen: list[Json] = list(self._start.get(SEEN, [])) if self._incremental else []
        self._repeats = {_key(k) for k in self._seen}
        self._first = self._cursor
        self._paged = bool(self._start.get(PAGED))
        self._ascending = (
            self._incremental
            and spec.cursor_order == "ascending"
            and not self._start.get(UNORDERED)
        )

    @property
    def marks_end(self) -> bool:
        """Whether only the end of the stream moves its state."""
        return not self._ascending

    async def read(self) -> AsyncGenerator[Item, None]:
        """Yield the stream's batches, and its end."""
        if self._skip:
            return
        rows = as_rows(self._hook(self._config, self._cursor), self._spec.hook)
        async with Pump(rows) as pump:
            async for chunk in pump.chunks():
                for item in self._items(chunk):
                    yield item
        if self.marks_end:
            yield self._batch([], self._final_state())

    def _items(self, chunk: list[Any]) -> list[Item]:
        """Return the rows of one chunk as batches: plain records together, the rest one by one."""
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
            return self._records(_arrow_rows(row))
        raise ConnectorError.internal(
            f"{self._spec.hook} yields records, lists, pages or Poison, not {type(row).__name__}"
        )

    def _records(self, records: list[Any], page: Page[Any] | None = None) -> list[Item]:
        if self._repeats:
            records = self._without_repeats(records)
        if page is not None and page.cursor is not None:
            self._cursor, self._seen, self._paged = page.cursor, [], True
            # A token is no value of the cursor field, and must not be compared with one.
            token = (
                {CURSOR: page.cursor, PAGED: True} if self._incremental else {CURSOR: page.cursor}
            )
            state: JsonObject | None = token
        else:
            state = self._advance(records)
        if not records and state is None:
            return []
        return [self._batch(records, state, size=page.size if page else None)]

    def _without_repeats(self, records: list[Any]) -> list[Any]:
        """Drop what an earlier run delivered at the very cursor that this one started from."""
        field = self._spec.cursor or ""
        return [
            record
            for record in records
            if record.get(field) != self._first
            or _key(self._primary_key(record)) not in self._repeats
        ]

    def _advance(self, records: list[Any]) -> JsonObject | None:
        """Follow the cursor through the records; return the state after them, if there is one."""
        field = self._spec.cursor
        if not records or not self._incremental or field is None or self._paged:
            return None
        values = [record.get(field) for record in records]
        try:
            rollback = self._verify_order(values)
            self._follow(values, records)
        except TypeError as error:
            raise ConnectorError.data(
                f"stream {self._spec.name!r}: values of the cursor field {field!r} cannot be compared"
            ) from error
        if self._ascending:
            return {CURSOR: self._cursor, SEEN: list(self._seen)}
        return rollback

    def _verify_order(self, values: list[Any]) -> JsonObject | None:
        """Check `cursor_order: ascending` once per chunk; return the state to go back to if not."""
        if not self._ascending:
            return None
        series = values if self._cursor is None else [self._cursor, *values]
        if None not in values and all(map(operator.le, series, series[1:])):
            return None
        self._ascending = False
        _log.warning(
            "stream %s is declared ascending and its %s went down: it is now read as unordered, "
            "without resume points inside a sync",
            self._spec.name,
            self._spec.cursor,
        )
        begin = {key: value for key, value in self._start.items() if key != COMPLETE}
        return {**begin, UNORDERED: True}

    def _follow(self, values: list[Any], records: list[Any]) -> None:
        present = [value for value in values if value is not None]
        if not present:
            return
        highest = max(present)
        if self._cursor is None or highest > self._cursor:
            self._cursor, self._seen = highest, []
        elif highest < self._cursor:
            return
        if self._spec.primary_key:
            self._seen += [
                self._primary_key(record)
                for value, record in zip(values, records, strict=True)
                if value == highest
            ]

    def _final_state(self) -> JsonObject:
        final: JsonObject = {COMPLETE: self._sync_id}
        if self._incremental and self._cursor is not None:
            final[CURSOR] = self._cursor
            final[SEEN] = list(self._seen)
        if self._start.get(UNORDERED) or (
            self._incremental and self._spec.cursor_order == "ascending"
        ):
            final[UNORDERED] = True
        return final

    def _primary_key(self, record: Any) -> Json:
        return [value_at(record, path) for path in self._spec.primary_key]

    def _batch(
        self, records: list[Any], state: JsonObject | None, size: int | None = None
    ) -> EventBatch:
        return EventBatch(
            stream=self._spec.name,
            namespace=self._spec.namespace,
            records=records,
            state=state,
            size=size,
        )


def _key(primary_key: Json) -> str:
    """Return a hashable form of a key that may hold any JSON."""
    return repr(primary_key)


def _arrow_rows(batch: Any) -> list[Any]:
    import pyarrow as pa  # noqa: PLC0415  # optional: only a hook that yields Arrow needs it

    rows: list[Any] = pa.record_batch(batch).to_pylist()
    return rows
