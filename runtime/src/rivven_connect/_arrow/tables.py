"""Events to the columns of a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pyarrow as pa

from rivven_connect._arrow.columns import Misfits, fit, to_arrow
from rivven_connect._arrow.schema import arrow_schema
from rivven_connect._batch import EventBatch
from rivven_connect._changes import TAKEN, TYPE, kind_of, record_of
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import Json, JsonObject


def columns_of(batch: EventBatch, schema: JsonObject | None) -> pa.RecordBatch:
    """Return the columns of a batch as they are; rows and changes are converted.

    Raises:
        Misfits: records that do not fit the stream's schema.
    """
    if any(one is not EventType.RECORD for one in batch.event_types or ()):
        # Columns have nulls where an update has `before` and `after` and others have fields.
        rows = [_without_nulls(row) for row in batch.rows()]
        events = list(dataclasses.replace(batch, records=rows).events())
        columns, reasons = fit_events(events, schema)
        if reasons:
            raise Misfits(reasons)
        return columns
    if batch.is_columnar():
        return pa.record_batch(batch.records)
    return to_arrow(batch.rows(), arrow_schema(schema or {}))


def fit_events(
    events: Sequence[SourceEvent], schema: JsonObject | None
) -> tuple[pa.RecordBatch, dict[int, str]]:
    """Return the columns of the events of one stream, and why each of the others is not there, by index.

    A change is the record as it is now, or of a delete as it was.
    """
    columns, reasons = fit([record_of(event) for event in events], arrow_schema(schema or {}))
    if all(event.event_type is EventType.RECORD for event in events):
        return columns, reasons
    if TYPE in columns.schema.names:
        return columns.slice(0, 0), dict.fromkeys(range(len(events)), TAKEN)
    kinds = [kind_of(event) for index, event in enumerate(events) if index not in reasons]
    return columns.append_column(TYPE, pa.array(kinds, pa.string())), reasons


def _without_nulls(row: Json) -> Json:
    if not isinstance(row, dict):
        return row
    return {name: value for name, value in row.items() if value is not None}
