"""The file that the contract reads: more records than a block, some with line ends inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from rivven_connect.connectors.csv_source._generated import CsvSourceConfig


@pytest.fixture
def config(tmp_path: Path) -> CsvSourceConfig:
    path = tmp_path / "orders.csv"
    rows = "".join(f'{n},"line {n}\nof ""two""",\r\n{"" if n % 7 else chr(10)}' for n in range(900))
    path.write_text(f"id,näme,none\n{rows}", encoding="utf-8", newline="")
    return CsvSourceConfig(path=str(path), columns={"id": "integer"})
