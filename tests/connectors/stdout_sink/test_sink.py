"""Tests of what is written by hand; the generated ones test everything else."""

from __future__ import annotations

from rivven_connect.connectors.stdout_sink import StdoutSink


def test_spec_says_what_it_is() -> None:
    spec = StdoutSink.spec()
    assert spec.kind == "sink"
    assert spec.connector_type == "stdout"
