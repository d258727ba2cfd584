"""The objects that the contract reads, and sources before a real server."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rivven_connect.connectors.s3_source._generated import S3SourceConfig
from services.object_store import ObjectStore
from tests.connectors.object_kit import Content, s3_block

Configured = Callable[..., S3SourceConfig]


@pytest.fixture
def config(tmp_path: Path) -> S3SourceConfig:
    folder = tmp_path / "lake"
    folder.mkdir()
    for part in range(4):
        lines = "".join(f'{{"id": {part * 250 + i}, "näme": "✓"}}\n' for i in range(250))
        (folder / f"part-{part}.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    return S3SourceConfig.parse(
        {"provider": "local", "bucket": "lake", "local": {"root": str(tmp_path)}}
    )


@pytest.fixture
def content(object_store: ObjectStore, bucket: str) -> Content:
    """What the bucket of this test holds."""
    return Content(object_store.endpoint, bucket)


@pytest.fixture
def configured(object_store: ObjectStore, bucket: str) -> Configured:
    """Return the config of a source that reads that bucket."""

    def config_of(**values: Any) -> S3SourceConfig:
        place = {"bucket": bucket, "s3": s3_block(object_store.endpoint)}
        return S3SourceConfig.parse({**place, **values})

    return config_of
