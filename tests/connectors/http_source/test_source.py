"""Tests of what is written by hand; the generated ones test everything else."""

from __future__ import annotations

from rivven_connect.connectors.http_source import HttpSource


def test_spec_says_what_it_is() -> None:
    spec = HttpSource.spec()
    assert spec.kind == "source"
    assert spec.connector_type == "http"
