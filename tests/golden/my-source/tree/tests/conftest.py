"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from my_source._generated import MySourceConfig


@pytest.fixture
def config() -> MySourceConfig:
    """The first example of connector.yaml, until a real system is within reach."""
    return MySourceConfig.example()
