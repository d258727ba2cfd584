"""Tests of what is written by hand; the generated ones test everything else."""

from __future__ import annotations

from s3 import S3


def test_spec_says_what_it_is() -> None:
    spec = S3.spec()
    assert spec.kind == "sink"
    assert spec.connector_type == "s3"
