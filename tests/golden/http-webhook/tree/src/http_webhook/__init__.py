"""The http-webhook sink."""

from http_webhook.sink import HttpWebhook

__all__ = ["HttpWebhook"]
