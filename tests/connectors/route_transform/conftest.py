"""Needs no system: the first example of connector.yaml."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.route_transform._generated import RouteTransformConfig


@pytest.fixture
def config() -> RouteTransformConfig:
    return RouteTransformConfig.example()
