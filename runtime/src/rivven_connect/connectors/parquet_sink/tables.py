"""Events to columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pyarrow as pa

from rivven_connect import EventBatch, EventType, Json, JsonObject, SourceEvent
from rivven_connect._arrow import Misfits, arrow_schema, fit, to_arrow

TYPE = "_rivven_type"
"""Column that says of each change what it is; null for a record that is none."""


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
    columns, reasons = fit([_record(event) for event in events], arrow_schema(schema or {}))
    if all(event.event_type is EventType.RECORD for event in events):
        return columns, reasons
    if TYPE in columns.schema.names:
        return columns.slice(0, 0), dict.fromkeys(
            range(len(events)), f"the field {TYPE} is the sink's own"
        )
    kinds = [_kind(event) for index, event in enumerate(events) if index not in reasons]
    return columns.append_column(TYPE, pa.array(kinds, pa.string())), reasons


def _without_nulls(row: Json) -> Json:
    if not isinstance(row, dict):
        return row
    return {name: value for name, value in row.items() if value is not None}


def _record(event: SourceEvent) -> Json:
    return event.after() if event.event_type is EventType.UPDATE else event.data


def _kind(event: SourceEvent) -> str | None:
    return None if event.event_type is EventType.RECORD else event.event_type.value
