"""Tests of what is written by hand; the generated ones test everything else."""

from __future__ import annotations

from rivven_connect.connectors.postgres_sink import PostgresSink


def test_spec_says_what_it_is() -> None:
    spec = PostgresSink.spec()
    assert spec.kind == "sink"
    assert spec.connector_type == "postgres"
