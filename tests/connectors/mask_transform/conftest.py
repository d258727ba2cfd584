"""Needs no system: the first example of connector.yaml."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.mask_transform._generated import MaskTransformConfig


@pytest.fixture
def config() -> MaskTransformConfig:
    return MaskTransformConfig.example()
