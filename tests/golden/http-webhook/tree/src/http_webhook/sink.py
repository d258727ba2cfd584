"""The http-webhook sink: the part that talks to the outside world."""

from __future__ import annotations

from collections.abc import Sequence

from rivven_connect import HookMissing, SourceEvent, WriteResult

from http_webhook._generated import HttpWebhookBase, HttpWebhookConfig


class HttpWebhook(HttpWebhookBase):
    """Fill the hooks; `rivven test` lists those that are not written yet."""

    async def check_endpoint_reachable(self, config: HttpWebhookConfig) -> None:
        """Return if `endpoint_reachable` holds; raise ConnectorError with the reason if not."""
        raise HookMissing("check_endpoint_reachable")

    async def write_batch(
        self, config: HttpWebhookConfig, events: Sequence[SourceEvent]
    ) -> WriteResult:
        """Write the events and say which were written."""
        raise HookMissing("write_batch")
