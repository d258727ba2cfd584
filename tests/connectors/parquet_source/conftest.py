"""The files that the contract reads: several row groups each, one of them empty."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rivven_connect.connectors.parquet_source._generated import ParquetSourceConfig


@pytest.fixture
def config(tmp_path: Path) -> ParquetSourceConfig:
    folder = tmp_path / "lake"
    folder.mkdir()
    for number in range(3):
        first = 100 * number
        rows = {"id": list(range(first, first + 90)), "näme": [f"n{n}" for n in range(90)]}
        pq.write_table(pa.table(rows), folder / f"part-{number}.parquet", row_group_size=25)
    pq.write_table(pa.table({"id": pa.array([], pa.int64())}), folder / "none.parquet")
    return ParquetSourceConfig(path=str(folder), batch_rows=10)
