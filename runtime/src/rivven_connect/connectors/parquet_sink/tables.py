"""Events to columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pyarrow as pa

from rivven_connect import EventBatch, EventType, Json, JsonObject, SourceEvent
from rivven_connect._arrow import Misfits, arrow_schema, fit, to_arrow, to_rows

TYPE = "_rivven_type"
"""Column that says of each change what it is; null for a record that is none."""


def columns_of(batch: EventBatch, schema: JsonObject | None) -> pa.RecordBatch:
    """Return the columns of a batch as they are; rows and changes are converted.

    Raises:
        Misfits: records that do not fit the stream's schema.
    """
    rows = batch.records
    is_columnar = isinstance(rows, pa.RecordBatch)
    if any(one is not EventType.RECORD for one in batch.event_types or ()):
        plain = dataclasses.replace(batch, records=to_rows(rows) if is_columnar else rows)
        columns, reasons = fit_events(list(plain.events()), schema)
        if reasons:
            raise Misfits(reasons)
        return columns
    return rows if is_columnar else to_arrow(rows, arrow_schema(schema or {}))


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


def _record(event: SourceEvent) -> Json:
    return event.after() if event.event_type is EventType.UPDATE else event.data


def _kind(event: SourceEvent) -> str | None:
    return None if event.event_type is EventType.RECORD else event.event_type.value
