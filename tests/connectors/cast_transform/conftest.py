"""Needs no system: the first example of connector.yaml."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.cast_transform._generated import CastTransformConfig


@pytest.fixture
def config() -> CastTransformConfig:
    return CastTransformConfig.example()
