"""A note says `lossless` only where the same configs are accepted; what is lost has a note."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest

from rivven_connect.documents import parse_document
from rivven_generator.importers.json_schema import import_json_schema
from rivven_generator.importers.notes import Imported
from rivven_generator.importers.yaml_text import manifest_yaml
from rivven_generator.load import check_manifest
from rivven_generator.schema import compile_config_schema


def imported(schema: Any) -> Imported:
    document = parse_document(json.dumps(schema), path="spec.json", foreign=True)
    return import_json_schema(document, name="made")


def an_object(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **more}


def when(given: dict[str, Any], mode: dict[str, Any]) -> dict[str, Any]:
    return {
        **an_object({"mode": mode, "other": {}, "x": {}}),
        "if": {"properties": {"mode": {"const": "safe"}}, **given},
        "then": {"required": ["x"]},
        "$defs": {"Mode": {"type": "string", "default": "safe"}},
    }


TAGGED = [an_object({"t": {"const": name}}, required=["t"]) for name in ("a", "b")]
TEXT = {"type": "string"}
CASES: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "constants beside an enumeration": (
        an_object({"a": {"enum": ["x", "y", "z"], "anyOf": [{"const": "x"}, {"const": "y"}]}}),
        [{"a": "x"}, {"a": "z"}],
    ),
    "a branch for null beside a type": (
        an_object({"a": {**TEXT, "anyOf": [{"type": "null"}, {"minLength": 1}]}}),
        [{"a": None}, {"a": "x"}, {"a": ""}],
    ),
    "a bound on an enumeration": (
        an_object({"a": {"enum": ["x", "yy"], "minLength": 2}}), [{"a": "x"}, {"a": "yy"}],
    ),
    "nothing but null": (an_object({"a": {"type": "null"}}), [{"a": None}, {"a": 1}]),
    "a bound beside a tagged union": (
        an_object({"a": {"oneOf": TAGGED, "minProperties": 3}}), [{"a": {"t": "a"}}],
    ),
    "a closed object around a tagged union": (
        an_object({"a": an_object({"t": TEXT}, oneOf=TAGGED, additionalProperties=False)}),
        [{"a": {"t": "a"}}, {"a": {"t": "a", "more": 1}}],
    ),
    "a condition that names one more": (
        when({"required": ["mode", "other"]}, TEXT),
        [{"mode": "safe"}, {"mode": "safe", "other": 1}, {"mode": "safe", "x": 1}],
    ),
    "a condition on a default elsewhere": (
        when({"required": ["mode"]}, {"$ref": "#/$defs/Mode"}), [{}, {"mode": "safe"}],
    ),
    "a condition on another type": (
        when({"required": ["mode"], "type": "array"}, TEXT), [{"mode": "safe"}],
    ),
    "closed, and open for texts": (
        an_object({"a": {}}, additionalProperties=False, allOf=[{"additionalProperties": TEXT}]),
        [{"z": "x"}, {"a": "x"}],
    ),
    "two schemas of what is undeclared": (
        {"type": "object", "additionalProperties": {**TEXT, "minLength": 2},
         "allOf": [{"additionalProperties": {**TEXT, "maxLength": 3}}]},
        [{"z": "x"}, {"z": "xx"}, {"z": "xxxx"}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_changes_is_noted_as_a_change(case: str) -> None:
    schema, values = CASES[case]
    found = imported(schema)
    manifest = check_manifest(parse_document(manifest_yaml(found.manifest))).manifest
    theirs = jsonschema_rs.Draft202012Validator(schema)
    ours = jsonschema_rs.Draft202012Validator(compile_config_schema(manifest))
    differs = [value for value in values if ours.is_valid(value) != theirs.is_valid(value)]
    assert not differs or {note.outcome for note in found.notes} & {"dropped", "repaired"}, differs


def test_enumerations_that_hold_at_once_compare_as_json() -> None:
    schema = an_object({"a": {"allOf": [{"enum": [1, "x", False]}, {"enum": [True, "x", 0]}]}})
    assert imported(schema).manifest["config"]["properties"]["a"] == {"enum": ["x"]}


def test_a_word_for_whether_undeclared_properties_are_accepted_is_noted() -> None:
    found = imported(an_object({"a": {}}, additionalProperties="false"))
    assert "RVN839" in {note.code for note in found.notes}


def test_a_condition_that_requires_nothing_is_no_rule() -> None:
    schema = {**when({"required": ["mode"]}, TEXT), "then": {"required": []}}
    assert "rules" not in imported(schema).manifest


def test_a_property_may_be_called_like_the_keyword_above_it() -> None:
    declared = {"properties": {**TEXT, "default": "x"}, "default": {**TEXT, "default": "x"}}
    found = imported(an_object(declared, required=["properties", "default"])).manifest["config"]
    assert "required" not in found
    assert found["properties"] == declared


def test_a_default_is_no_tag_unless_its_name_says_so() -> None:
    def union(name: str) -> Any:
        branches = [an_object({name: {**TEXT, "default": value}}) for value in ("a", "b")]
        return imported(an_object({"c": {"oneOf": branches}})).manifest["config"]["properties"]["c"]

    assert union("auth_type")["discriminator"] == {"propertyName": "auth_type"}
    assert "discriminator" not in union("port")


def test_a_tag_that_is_declared_around_the_union_as_well_is_found() -> None:
    declared = {"t": {**TEXT, "enum": ["a", "b"]}}
    schema = an_object({"c": an_object(declared, oneOf=TAGGED)})
    found = imported(schema)
    union = found.manifest["config"]["properties"]["c"]
    assert union["discriminator"] == {"propertyName": "t"}
    assert [branch["properties"]["t"]["const"] for branch in union["oneOf"]] == ["a", "b"]
    assert {note.outcome for note in found.notes} == {"lossless"}


def test_null_alone_stays_null_alone() -> None:
    found = imported(an_object({"a": {"type": "null"}}))
    assert found.manifest["config"]["properties"]["a"] == {"const": None}
    assert {note.outcome for note in found.notes} == {"lossless"}


def test_no_note_names_a_line_of_the_draft() -> None:
    found = imported(an_object({"a b": {}, "a-b": {}, "c": {"enum": [1.0, 1]}}))
    assert {note.code for note in found.notes} == {"RVN823", "RVN837"}
    assert not [note.message for note in found.notes if "line " in note.message]
