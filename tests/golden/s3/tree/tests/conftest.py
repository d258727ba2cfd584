"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from s3._generated import S3Config


@pytest.fixture
def config() -> S3Config:
    """The first example of connector.yaml, until a real system is within reach."""
    return S3Config.example()
