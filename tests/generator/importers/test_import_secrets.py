"""What a file marks as secret stays secret, and no value of it comes along."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rivven_connect.documents import parse_document
from rivven_generator.importers.json_schema import import_json_schema
from rivven_generator.importers.notes import Imported
from rivven_generator.importers.singer import import_singer
from rivven_generator.importers.yaml_text import manifest_yaml

VALUE = "hunter2-value"
SECRET = {"type": "string", "airbyte_secret": True}


def imported(schema: Any, importer: Any = import_json_schema) -> Imported:
    document = parse_document(json.dumps(schema), path="spec.json", foreign=True)
    found: Imported = importer(document)
    return found


def field(declared: Any) -> Any:
    found = imported({"type": "object", "properties": {"key": declared}})
    assert VALUE not in manifest_yaml(found.manifest) + repr(found.notes)
    return found.manifest["config"]["properties"]["key"]


@pytest.mark.parametrize(
    "marks",
    [
        {"writeOnly": False, "airbyte_secret": True},
        {"secret": False, "airbyte_secret": True},
        {"airbyte_secret": "True"},
        {"airbyte_secret": 1},
        {"airbyte_secrets": True},
        {"isSecret": True},
        {"x-vendor-secret": True},
        {"x-sensitive": "yes"},
    ],
    ids=str,
)
def test_any_mark_of_a_secret_counts(marks: dict[str, Any]) -> None:
    assert field({"type": "string", "default": VALUE, **marks}) == {
        "type": "string",
        "secret": True,
    }


@pytest.mark.parametrize(
    "branches",
    [
        [SECRET, {**SECRET, "pattern": "^x"}],
        [{**SECRET, "default": VALUE}, {"type": "integer"}],
        [{"type": "string", "format": "password"}, {"type": "string", "maxLength": 3}],
    ],
    ids=str,
)
def test_a_union_with_a_secret_in_it_is_secret(branches: list[Any]) -> None:
    assert field({"anyOf": branches}) == {"type": "string", "secret": True}


def test_a_secret_of_several_types_is_a_text() -> None:
    declared = {"type": ["string", "integer"], "airbyte_secret": True, "default": VALUE}
    assert field(declared) == {"type": "string", "secret": True}


def test_branches_that_describe_a_secret_differently_keep_it_secret() -> None:
    branches = [
        {"type": "object", "properties": {name: {}, "token": {**SECRET, "description": name}}}
        for name in ("first", "second")
    ]
    assert field({"oneOf": branches})["properties"]["token"]["secret"] is True


@pytest.mark.parametrize(
    "declared",
    [
        {"type": "array", "default": [VALUE], "examples": [[VALUE]]},
        {"type": "object", "default": {"a": VALUE}},
        {"type": "integer", "enum": [4711], "default": 4711, "title": "Pin"},
    ],
    ids=str,
)
def test_what_cannot_be_secret_brings_no_value(declared: dict[str, Any]) -> None:
    found = field({**declared, "airbyte_secret": True})
    assert found.keys().isdisjoint({"default", "examples", "enum", "const"})


@pytest.mark.parametrize("kind", ["array", "object"])
def test_a_sensitive_setting_brings_no_value(kind: str) -> None:
    value = [VALUE] if kind == "array" else {"a": VALUE}
    setting = {"name": "key", "kind": kind, "sensitive": True, "value": value}
    found = imported({"name": "tap-x", "settings": [setting]}, import_singer)
    assert VALUE not in manifest_yaml(found.manifest) + repr(found.notes)


def test_a_mark_on_a_whole_tagged_union_is_not_lost_in_silence() -> None:
    branches = [
        {"type": "object", "required": ["t"], "properties": {"t": {"const": name}}}
        for name in ("a", "b")
    ]
    schema = {"type": "object", "properties": {"key": {"oneOf": branches, "airbyte_secret": True}}}
    assert "RVN830" in {note.code for note in imported(schema).notes}
