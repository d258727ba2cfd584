"""The folder that the contract writes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from rivven_connect.connectors.csv_sink._generated import CsvSinkConfig


@pytest.fixture
def config(tmp_path: Path) -> CsvSinkConfig:
    return CsvSinkConfig(path=str(tmp_path / "out" / "{stream}.csv"))
