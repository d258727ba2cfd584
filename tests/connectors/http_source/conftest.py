"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.http_source._generated import HttpSourceConfig


@pytest.fixture
def config() -> HttpSourceConfig:
    """The first example of connector.yaml, until a real system is within reach."""
    return HttpSourceConfig.example()
