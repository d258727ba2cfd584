"""How tests reach a system: return a config for one that they may use."""

from __future__ import annotations

import pytest

from http_webhook._generated import HttpWebhookConfig


@pytest.fixture
def config() -> HttpWebhookConfig:
    """The first example of connector.yaml, until a real system is within reach."""
    return HttpWebhookConfig.example()
