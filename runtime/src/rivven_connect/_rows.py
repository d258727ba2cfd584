"""What a hook yields, as the batches that the engine moves."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from rivven_connect._batch import Item, Page, PassedBatch, Poison
from rivven_connect._cursor import CursorTracker
from rivven_connect._errors import ConnectorError
from rivven_connect._json import JsonObject
from rivven_connect._pump import Pump, as_rows
from rivven_connect._streams import StreamSpec


class RowBatches:
    """Makes batches of the rows of one stream, or of one partition of it, and follows its cursor."""

    def __init__(
        self,
        spec: StreamSpec[Any],
        cursor: CursorTracker,
        *,
        partition: str = "",
        marks: JsonObject | None = None,
    ) -> None:
        self._spec = spec
        self._cursor = cursor
        self._partition = partition
        self._marks = marks or {}
        """What every state of the partition says."""

    async def read(self, given: Any, hook: str) -> AsyncGenerator[Item, None]:
        """Yield the batches of what the hook of that name gave."""
        async with Pump(as_rows(given, hook)) as pump:
            async for chunk in pump.chunks():
                items = self._items(chunk)
                chunk.clear()  # nothing here keeps a record longer than its reader
                while items:
                    yield items.pop(0)

    def batch(self, records: Any, state: JsonObject | None, size: int | None = None) -> PassedBatch:
        """Return records as a batch; `state` is what holds behind them."""
        return PassedBatch(
            stream=self._spec.name,
            namespace=self._spec.namespace,
            partition=self._partition,
            records=records,
            state=state if state is None else {**state, **self._marks},
            size=size,
        )

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
        return [self.batch(records, state, size=page.size if page else None)]

    def _columns(self, row: Any) -> list[Item]:
        import pyarrow as pa  # noqa: PLC0415  # optional: only a hook that yields Arrow needs it

        columns = self._cursor.without_repeated_rows(pa.record_batch(row))
        state = self._cursor.advance_columns(columns)
        return [self.batch(columns, state)] if len(columns) or state is not None else []
