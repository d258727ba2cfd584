"""Tests of what is written by hand; the generated ones test everything else."""

from __future__ import annotations

from my_sink import MySink


def test_spec_says_what_it_is() -> None:
    spec = MySink.spec()
    assert spec.kind == "sink"
    assert spec.connector_type == "my-sink"
