"""The folder that the contract writes to, and sinks before a real server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rivven_connect.connectors.s3_sink._generated import S3SinkConfig
from services.object_store import ObjectStore
from tests.connectors.object_kit import Content, s3_block

Configured = Callable[..., S3SinkConfig]


@pytest.fixture
def config(tmp_path: Path) -> S3SinkConfig:
    return S3SinkConfig.parse(
        {"provider": "local", "bucket": "lake", "local": {"root": str(tmp_path)}}
    )


@pytest.fixture
def content(object_store: ObjectStore, bucket: str) -> Content:
    """What the bucket of this test holds."""
    return Content(object_store.endpoint, bucket)


@pytest.fixture
def configured(object_store: ObjectStore, bucket: str) -> Configured:
    """Return the config of a sink that writes to that bucket."""

    def config_of(**values: Any) -> S3SinkConfig:
        place = {"bucket": bucket, "s3": s3_block(object_store.endpoint)}
        return S3SinkConfig.parse({**place, **values})

    return config_of
