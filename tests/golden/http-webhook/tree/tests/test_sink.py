"""Tests of what is written by hand; the generated ones test everything else."""

from __future__ import annotations

from http_webhook import HttpWebhook


def test_spec_says_what_it_is() -> None:
    spec = HttpWebhook.spec()
    assert spec.kind == "sink"
    assert spec.connector_type == "http-webhook"
