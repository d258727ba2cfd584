"""Tests of what is written by hand; the generated ones test everything else."""

from __future__ import annotations

from postgres_cdc import PostgresCdc


def test_spec_says_what_it_is() -> None:
    spec = PostgresCdc.spec()
    assert spec.kind == "source"
    assert spec.connector_type == "postgres-cdc"
