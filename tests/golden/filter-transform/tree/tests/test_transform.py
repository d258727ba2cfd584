"""Tests of what is written by hand; the generated ones test everything else."""

from __future__ import annotations

from filter_transform import FilterTransform


def test_spec_says_what_it_is() -> None:
    spec = FilterTransform.spec()
    assert spec.kind == "transform"
    assert spec.connector_type == "filter-transform"
