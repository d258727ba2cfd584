"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.csv_source._generated import CsvSourceConfig


@pytest.fixture
def config() -> CsvSourceConfig:
    """The first example of connector.yaml, until a real system is within reach."""
    return CsvSourceConfig.example()
