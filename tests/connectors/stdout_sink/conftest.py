"""Prints to wherever pytest lets it."""

from __future__ import annotations

import pytest

from rivven_connect.connectors.stdout_sink._generated import StdoutSinkConfig


@pytest.fixture
def config() -> StdoutSinkConfig:
    return StdoutSinkConfig.example()
