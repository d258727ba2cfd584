"""Tests of what is written by hand; the generated ones test everything else."""

from __future__ import annotations

from my_source import MySource


def test_spec_says_what_it_is() -> None:
    spec = MySource.spec()
    assert spec.kind == "source"
    assert spec.connector_type == "my-source"
