"""Needs no system: the first example of connector.yaml."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.flatten_transform._generated import FlattenTransformConfig


@pytest.fixture
def config() -> FlattenTransformConfig:
    return FlattenTransformConfig.example()
