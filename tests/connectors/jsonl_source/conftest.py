"""The file that the contract reads: more lines than a batch, some blank, none equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from rivven_connect.connectors.jsonl_source._generated import JsonlSourceConfig


@pytest.fixture
def config(tmp_path: Path) -> JsonlSourceConfig:
    path = tmp_path / "records.jsonl"
    path.write_text(
        "".join(f'{{"id": {i}, "näme": "✓"}}\n{"" if i % 7 else chr(10)}' for i in range(900))
    )
    return JsonlSourceConfig(path=str(path))
