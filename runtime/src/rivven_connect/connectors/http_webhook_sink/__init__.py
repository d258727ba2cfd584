"""The http-webhook sink."""

from rivven_connect.connectors.http_webhook_sink.sink import HttpWebhookSink

__all__ = ["HttpWebhookSink"]
