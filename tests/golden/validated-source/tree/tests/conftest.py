"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from validated_source._generated import ValidatedSourceConfig


@pytest.fixture
def config() -> ValidatedSourceConfig:
    """The first example of connector.yaml, until a real system is within reach."""
    return ValidatedSourceConfig.example()
