"""Needs no system: the first example of connector.yaml."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.insert_transform._generated import InsertTransformConfig


@pytest.fixture
def config() -> InsertTransformConfig:
    return InsertTransformConfig.example()
