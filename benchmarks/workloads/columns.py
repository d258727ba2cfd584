"""Synthetic orders in columns: the batches that both sides of B-W1a make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from orders import order

ROWS = 10_000


def batches(first: int, end: int) -> Iterator[Any]:
    """Yield batches `first` to `end`: the same rows under other ids, so that making them is cheap."""
    rows = pa.RecordBatch.from_pylist([order(number) for number in range(ROWS)])
    for number in range(first, end):
        yield rows.set_column(0, "id", pc.add(rows.column(0), number * ROWS))
