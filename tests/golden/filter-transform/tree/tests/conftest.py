"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from filter_transform._generated import FilterTransformConfig


@pytest.fixture
def config() -> FilterTransformConfig:
    """The first example of connector.yaml, until a real system is within reach."""
    return FilterTransformConfig.example()
