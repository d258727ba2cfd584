"""The floor of B-W1a: a loop that writes each batch, compressed as by the sink. Run with a count and a path."""

from __future__ import annotations

import sys

import pyarrow.parquet as pq
from columns import ROWS, batches


def main(count: int, path: str) -> None:
    """Write the orders."""
    made = batches(0, count // ROWS)
    first = next(made)
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_batch(first)
        for batch in made:
            writer.write_batch(batch)


main(int(sys.argv[1]), sys.argv[2])
