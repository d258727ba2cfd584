"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from my_sink._generated import MySinkConfig


@pytest.fixture
def config() -> MySinkConfig:
    """The first example of connector.yaml, until a real system is within reach."""
    return MySinkConfig.example()
