"""What a cursor needs to know of a batch of columns, without a row for each record."""

from __future__ import annotations

import base64
import decimal
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rivven_connect._arrow.rows import to_rows
from rivven_connect._json import Json


def milestones(batch: pa.RecordBatch, field: str, *, ascending: bool) -> list[Json] | None:
    """Return the few rows that tell as much of the cursor `field` as all of them, in their order.

    Of an ascending batch, the first row and all that have the last value; of any other, those that
    have the highest. None where only the rows themselves can tell: the field is missing, or does
    not ascend though it should.
    """
    if field not in batch.schema.names:
        return None
    column = batch.column(field)
    try:
        if not ascending:
            return to_rows(batch.filter(pc.equal(column, pc.max(column))))
        if column.null_count or not _ascends(column):
            return None
        ties = batch.filter(pc.equal(column, column[-1]))
    except pa.ArrowNotImplementedError:  # values of this type have no order
        return None
    first = [] if len(ties) == len(batch) else to_rows(batch.slice(0, 1))
    return first + to_rows(ties)


def value_of_text(batch: pa.RecordBatch, field: str) -> Callable[[str], Any] | None:
    """Return what gives the values of a field from their texts in rows, if the texts sort otherwise."""
    found = batch.column(field).type if field in batch.schema.names else pa.null()
    if pa.types.is_decimal(found):
        return decimal.Decimal
    is_binary = pa.types.is_binary(found) or pa.types.is_large_binary(found)
    return base64.b64decode if is_binary or pa.types.is_fixed_size_binary(found) else None


def _ascends(column: pa.Array) -> bool:
    count = len(column)
    return bool(pc.all(pc.less_equal(column.slice(0, count - 1), column.slice(1))).as_py())
