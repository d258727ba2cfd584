"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from postgres_cdc._generated import PostgresCdcConfig


@pytest.fixture
def config() -> PostgresCdcConfig:
    """The first example of connector.yaml, until a real system is within reach."""
    return PostgresCdcConfig.example()
