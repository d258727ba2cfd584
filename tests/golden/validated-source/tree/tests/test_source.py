"""Tests of what is written by hand; the generated ones test everything else."""

from __future__ import annotations

from validated_source import ValidatedSource


def test_spec_says_what_it_is() -> None:
    spec = ValidatedSource.spec()
    assert spec.kind == "source"
    assert spec.connector_type == "validated-source"
