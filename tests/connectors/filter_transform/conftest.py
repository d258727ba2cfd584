"""Needs no system: the first example of connector.yaml."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.filter_transform._generated import FilterTransformConfig


@pytest.fixture
def config() -> FilterTransformConfig:
    return FilterTransformConfig.example()
