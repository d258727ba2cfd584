"""Tests of what is written by hand; the generated ones test everything else."""

from __future__ import annotations

from rivven_connect.connectors.rename_transform import RenameTransform


def test_spec_says_what_it_is() -> None:
    spec = RenameTransform.spec()
    assert spec.kind == "transform"
    assert spec.connector_type == "rename"
