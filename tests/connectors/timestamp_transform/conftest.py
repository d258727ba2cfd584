"""Needs no system: the first example of connector.yaml."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.timestamp_transform._generated import TimestampTransformConfig


@pytest.fixture
def config() -> TimestampTransformConfig:
    return TimestampTransformConfig.example()
