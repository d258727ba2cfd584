"""The receiver that the contract posts to; makes the hostile server importable."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rivven_connect.connectors.http_webhook_sink._generated import HttpWebhookSinkConfig

sys.path.insert(0, str(Path(__file__).parents[2] / "runtime"))


@pytest.fixture
def config() -> Iterator[HttpWebhookSinkConfig]:
    from http_kit import respond, serve

    with serve(respond()) as server:
        yield HttpWebhookSinkConfig.parse({"url": server.url, "timeout_ms": 5000})
