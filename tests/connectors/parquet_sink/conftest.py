"""The folder that the contract writes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from rivven_connect.connectors.parquet_sink._generated import ParquetSinkConfig


@pytest.fixture
def config(tmp_path: Path) -> ParquetSinkConfig:
    return ParquetSinkConfig(path=str(tmp_path / "lake"))
