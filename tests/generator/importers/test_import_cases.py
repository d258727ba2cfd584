"""Real-looking files of each format become the manifests beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from import_cases import NOTES, WANT, beside, cases, imported, notes_text

from rivven_connect.documents import parse_document
from rivven_generator.importers.formats import FORMATS, import_file
from rivven_generator.importers.yaml_text import manifest_yaml
from rivven_generator.load import check_manifest
from rivven_generator.schema import compile_config_schema

PATHS = list(cases())


def test_every_format_has_cases() -> None:
    assert {path.parent.name for path in PATHS} == set(FORMATS)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_file_becomes_the_manifest_beside_it(path: Path) -> None:
    found = imported(path)
    assert manifest_yaml(found.manifest) == beside(path, WANT).read_text(encoding="utf-8")
    assert notes_text(found) == beside(path, NOTES).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_importing_what_was_made_changes_nothing_more(path: Path, tmp_path: Path) -> None:
    """The config schema of the manifest, imported again, compiles to the same schema."""
    first = check_manifest(parse_document(manifest_yaml(imported(path).manifest))).manifest
    schema = compile_config_schema(first)
    (tmp_path / "again.json").write_text(json.dumps(schema), encoding="utf-8")
    found = import_file("json-schema", tmp_path / "again.json", kind=first.kind, name=first.name)
    again = check_manifest(parse_document(manifest_yaml(found.manifest))).manifest
    assert compile_config_schema(again) == schema
    assert {note.outcome for note in found.notes} <= {"lossless"}, notes_text(found)
