"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.s3_source._generated import S3SourceConfig


@pytest.fixture
def config() -> S3SourceConfig:
    """The first example of connector.yaml, until a real system is within reach."""
    return S3SourceConfig.example()
