"""What connector.yaml cannot say about a value: one function per `validator` that it names."""

from __future__ import annotations

from rivven_connect._formats import is_uri
from rivven_connect.connectors.http_webhook_sink.urls import PLACEHOLDER


def webhook_url(value: str) -> None:
    """Return if the URL is legal once its placeholders are filled; raise ValueError if not."""
    if not is_uri(PLACEHOLDER.sub("x", value)):
        raise ValueError("not a legal URL")
