"""Needs no system: the first example of connector.yaml."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.rename_transform._generated import RenameTransformConfig


@pytest.fixture
def config() -> RenameTransformConfig:
    return RenameTransformConfig.example()
