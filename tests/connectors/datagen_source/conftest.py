"""Needs no system: the first example of connector.yaml generates as fast as it can."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.datagen_source._generated import DatagenSourceConfig


@pytest.fixture
def config() -> DatagenSourceConfig:
    return DatagenSourceConfig.example()
