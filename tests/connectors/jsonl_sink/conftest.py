"""The folder that the contract writes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from rivven_connect.connectors.jsonl_sink._generated import JsonlSinkConfig


@pytest.fixture
def config(tmp_path: Path) -> JsonlSinkConfig:
    return JsonlSinkConfig(path=str(tmp_path / "out" / "{stream}.jsonl"))
