"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.csv_sink._generated import CsvSinkConfig


@pytest.fixture
def config() -> CsvSinkConfig:
    """The first example of connector.yaml, until a real system is within reach."""
    return CsvSinkConfig.example()
