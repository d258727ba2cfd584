"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.postgres_cdc_source._generated import PostgresCdcSourceConfig


@pytest.fixture
def config() -> PostgresCdcSourceConfig:
    """The first example of connector.yaml, until a real system is within reach."""
    return PostgresCdcSourceConfig.example()
