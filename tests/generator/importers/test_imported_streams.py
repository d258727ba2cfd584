"""Streams of whole files: what is imported holds, and stays as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from import_cases import (
    CASES,
    NOTES,
    WANT,
    beside,
    cases,
    catalogs,
    imported,
    imported_catalog,
    notes_text,
)

from rivven_connect.documents import parse_document
from rivven_generator.importers.catalogs import import_streams
from rivven_generator.importers.formats import load_foreign
from rivven_generator.importers.notes import Notes
from rivven_generator.importers.openapi import import_openapi
from rivven_generator.importers.records import Dialect, RecordNotes, RecordSchemas
from rivven_generator.importers.yaml_text import manifest_yaml
from rivven_generator.load import check_manifest, load_manifest
from rivven_generator.plan import plan_generated, standalone_layout

APIS = [path for path in cases() if path.parent.name == "openapi"]
LISTS = list(catalogs())
WANTED = [beside(path, WANT) for path in (*APIS, *LISTS)]


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", LISTS, ids=name_of)
def test_a_catalog_becomes_the_streams_beside_it(path: Path) -> None:
    found = imported_catalog(path)
    assert manifest_yaml(found.manifest) == beside(path, WANT).read_text(encoding="utf-8")
    assert notes_text(found) == beside(path, NOTES).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", WANTED, ids=name_of)
def test_the_manifest_passes_every_rule_without_a_warning(path: Path) -> None:
    assert list(load_manifest(path).warnings) == []


@pytest.mark.parametrize("path", [*APIS, *LISTS], ids=name_of)
def test_the_same_file_gives_the_same_streams_as_yaml_and_as_json(path: Path) -> None:
    document = load_foreign(path)
    again = parse_document(json.dumps(document.value), path="in.json", foreign=True)
    if path in APIS:
        assert import_openapi(again).manifest == import_openapi(document).manifest
    else:
        assert import_streams(again)[0] == import_streams(document)[0]


@pytest.mark.parametrize("path", WANTED, ids=name_of)
def test_record_schemas_that_were_imported_stay_as_they_are(path: Path) -> None:
    document = load_manifest(path).document
    for index, stream in enumerate(document.value["streams"]):
        notes = Notes(document)
        at = ("streams", index, "schema")
        dialect = Dialect(ref_siblings=True)
        schemas = RecordSchemas(document, RecordNotes(notes), base=at, dialect=dialect)
        assert schemas.record(at) == stream["schema"]
        assert notes.sorted() == []


ORDER = {
    "id": 1,
    "state": "paid",
    "updated_at": "2026-01-05T10:00:00Z",
    "total": 0.5,
    "note": None,
    "customer": None,
    "items": [{"sku": "a", "count": 1, "parts": [{"sku": "b"}]}],
}


@pytest.mark.parametrize(
    ("change", "is_valid"),
    [
        ({}, True),
        ({"customer": {"number": "7", "email": "ann@example.com"}}, True),
        ({"extra": 1}, True),
        ({"id": None}, False),
        ({"total": 0}, False),
        ({"state": "lost"}, False),
        ({"items": [{"parts": [{"count": "1"}]}]}, False),
    ],
)
def test_the_record_schema_of_an_api_judges_records(change: dict[str, Any], is_valid: bool) -> None:
    orders = imported(CASES / "openapi" / "shop.yaml").manifest["streams"][0]["schema"]
    judge = jsonschema_rs.Draft202012Validator(orders)
    assert judge.is_valid({**ORDER, **change}) is is_valid


@pytest.mark.slow
def test_a_project_is_generated_from_an_imported_manifest() -> None:
    text = (CASES / "openapi" / "shop.want.yaml").read_text(encoding="utf-8")
    loaded = check_manifest(parse_document(text, path="connector.yaml"))
    files = plan_generated(loaded, standalone_layout(loaded.manifest))
    records = next(text for path, text in files.items() if path.endswith("records.py"))
    assert "class OrdersRecord(TypedDict):" in records
