"""Columns on their way: untouched where a source and a sink have them, rows where nobody asks for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow as pa
from block_kit import make_taker
from engine_kit import (
    QUICK,
    SIMPLE,
    make_source,
    run_plan,
    simple_plan,
)

from rivven_connect._batch import EventBatch, Item
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._state import State


def test_rows_become_columns_by_the_schema_that_holds_now(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        for kind in ("integer", "number"):
            schema = {"type": "object", "properties": {"id": {"type": kind}}}
            yield SourceEvent(stream="s", data=schema, event_type=EventType.SCHEMA)
            yield EventBatch(stream="s", records=[{"id": 1}], state={"last": kind})

    source, _ = make_source(read)
    sink, taken = make_taker("arrow")
    run_plan(simple_plan(tmp_path, source, sink, SIMPLE + QUICK))
    assert [one.records.schema.field("id").type for one in taken.whole] == [
        pa.int64(),
        pa.float64(),
    ]
