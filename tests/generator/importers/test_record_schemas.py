"""Foreign schemas become record schemas that a manifest takes and that accept the same records."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rivven_connect.documents import InputError, parse_document
from rivven_generator.importers.notes import Note, Notes
from rivven_generator.importers.records import Dialect, RecordNotes, RecordSchemas
from rivven_generator.importers.yaml_text import manifest_yaml
from rivven_generator.load import check_manifest

JsonObject = dict[str, Any]


MODERN = Dialect(ref_siblings=True)


def converted(schema: Any, dialect: Dialect | None = None) -> tuple[JsonObject, list[Note]]:
    document = parse_document(json.dumps(schema), path="schema.json", foreign=True)
    notes = Notes(document)
    counted = RecordNotes(notes)
    found = RecordSchemas(document, counted, dialect=dialect or Dialect()).record(())
    counted.flush()
    return found, notes.sorted()


def codes(notes: list[Note]) -> set[str]:
    return {note.code for note in notes}


def problems_of(schema: JsonObject) -> list[str]:
    manifest = {
        "manifest": "1",
        "kind": "source",
        "name": "demo",
        "config": {"type": "object"},
        "streams": [{"name": "items", "schema": schema}],
    }
    try:
        check_manifest(parse_document(manifest_yaml(manifest), path="connector.yaml"))
    except InputError as error:
        return [problem.render() for problem in error.problems]
    return []


def field(schema: Any) -> JsonObject:
    return {"type": "object", "properties": {"x": schema}}


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}, "RVN841"),
        (
            {"enum": ["a"], "type": "string", "nullable": True},
            {"enum": ["a", None], "type": ["string", "null"]},
            "RVN841",
        ),
        ({"type": "string", "example": "a"}, {"type": "string", "examples": ["a"]}, "RVN841"),
        (
            {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
            {"type": "integer", "exclusiveMinimum": 0},
            "RVN841",
        ),
        ({"maximum": 9, "exclusiveMaximum": False}, {"maximum": 9}, "RVN841"),
        (
            {"items": [{"type": "string"}], "additionalItems": False},
            {"prefixItems": [{"type": "string"}], "items": False},
            "RVN841",
        ),
        (
            {"dependencies": {"a": ["b"], "c": {"required": ["d"]}}},
            {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"required": ["d"]}}},
            "RVN841",
        ),
        ({"divisibleBy": 5}, {"multipleOf": 5}, "RVN841"),
        ({"type": "string", "tittle": "T"}, {"type": "string", "title": "T"}, "RVN843"),
        ({"type": "integer", "mininum": 1}, {"type": "integer", "minimum": 1}, "RVN843"),
        ({"type": "string", "desciption": "D"}, {"type": "string", "description": "D"}, "RVN843"),
        ({"type": "string", "min": 1}, {"type": "string", "minLength": 1}, "RVN843"),
        ({"type": "number", "max": 1}, {"type": "number", "maximum": 1}, "RVN843"),
        ({"type": "string "}, {"type": "string"}, "RVN844"),
        ({"type": "String"}, {"type": "string"}, "RVN844"),
        ({"type": "int"}, {"type": "integer"}, "RVN844"),
        ({"type": "datetime"}, {"type": "string", "format": "date-time"}, "RVN844"),
        ({"type": ["null", "sting"]}, {"type": ["null", "string"]}, "RVN844"),
        ({"type": "string|null"}, {"type": ["string", "null"]}, "RVN844"),
        ({"type": "any"}, {}, "RVN844"),
        ({"type": "number", "minimum": "3"}, {"type": "number", "minimum": 3}, "RVN845"),
        ({"type": "string", "enum": [True, 1]}, {"type": "string", "enum": ["true", "1"]}, "RVN845"),
        ({"required": "a"}, {"required": ["a"]}, "RVN845"),
        ({"items": "string"}, {"items": {"type": "string"}}, "RVN845"),
        ({"type": "string", "xml": {"name": "x"}}, {"type": "string"}, "RVN846"),
        ({"type": "string", "x-internal": True}, {"type": "string"}, "RVN846"),
        ({"type": "integer", "minimum": "low"}, {"type": "integer"}, "RVN847"),
        ({"type": "string", "pattern": "("}, {"type": "string"}, "RVN847"),
        ({"type": "purple"}, {}, "RVN847"),
        ({"enum": []}, {}, "RVN847"),
        ({"$ref": "https://example.com/x.json"}, {}, "RVN848"),
        ({"$ref": "other.json#/X"}, {}, "RVN848"),
        ({"$ref": "#/nowhere"}, {}, "RVN848"),
        ({"properties": {"$ref": "common.json", "a": {}}}, {"properties": {"a": {}}}, "RVN848"),
        ({"properties": {"$ref": False}}, {"properties": {"$ref": False}}, None),
        ({"properties": {"$ref": {"type": "string"}}}, {"properties": {"$ref": {"type": "string"}}}, None),
        ({"allOf": [{"type": "string"}]}, {"type": "string"}, "RVN841"),
        (17, {}, "RVN847"),
        (True, True, None),
    ],
)  # fmt: skip
def test_a_keyword_is_written_as_it_is_meant(before: Any, after: Any, code: str | None) -> None:
    found, notes = converted(field(before))
    assert found == field(after)
    assert codes(notes) == ({code} if code else set())
    assert all(note.line == 1 and note.column > 1 for note in notes)
    assert problems_of(found) == []
    assert converted(found, MODERN)[0] == found


def test_required_on_a_property_is_written_in_its_object() -> None:
    found, notes = converted(
        {"type": "object", "properties": {"a": {"type": "string", "required": True}, "b": {}}}
    )
    assert found == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {}},
        "required": ["a"],
    }
    assert codes(notes) == {"RVN845"}


def test_objects_under_all_of_become_one_object() -> None:
    schema = {
        "definitions": {"Base": {"type": "object", "required": ["id"], "properties": {"id": {}}}},
        "allOf": [
            {"$ref": "#/definitions/Base"},
            {"type": "object", "additionalProperties": False, "properties": {"name": {}}},
        ],
        "description": "Both.",
    }
    found, notes = converted(schema)
    assert found == {
        "description": "Both.",
        "type": "object",
        "required": ["id"],
        "properties": {"id": {}, "name": {}},
    }
    assert codes(notes) == {"RVN841", "RVN842"}


def test_all_that_the_parts_require_is_required() -> None:
    parts = [
        {"type": "object", "required": [name], "minProperties": n} for n, name in enumerate("ab")
    ]
    found, _ = converted({"allOf": parts, "required": ["c"]})
    assert found == {
        "type": "object",
        "required": ["a", "b", "c"],
        "minProperties": 0,
        "allOf": [{"minProperties": 1}],
    }


def test_what_is_beside_a_reference_under_all_of_is_merged_as_well() -> None:
    base = {"type": "object", "properties": {"id": {}}}
    part = {"$ref": "#/$defs/Base", "required": ["id"]}
    schema = {"$defs": {"Base": base}, "allOf": [part, {"properties": {"name": {}}}]}
    found, _ = converted(schema, MODERN)
    assert found == {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {}, "name": {}},
    }
    assert "required" not in converted(schema)[0]


def test_parts_that_contradict_each_other_stay_apart() -> None:
    found, _ = converted(
        {"allOf": [field({"type": "string"}), field({"type": "integer"}), {"minProperties": 1}]}
    )
    both = {"allOf": [{"type": "string"}, {"type": "integer"}]}
    assert found == {"type": "object", "properties": {"x": both}, "minProperties": 1}


def test_only_the_definitions_that_are_used_come_along_and_recursion_stays() -> None:
    tree = field({"type": "array", "items": {"$ref": "#/definitions/Tree"}})
    schema = {"definitions": {"Tree": tree, "Unused": {}}, "$ref": "#/definitions/Tree"}
    found, _ = converted(schema)
    assert found == field({"type": "array", "items": {"$ref": "#"}})
    user = field({"$ref": "#/definitions/Tree"})
    found, _ = converted({**schema, "$ref": None, **user})
    assert set(found["$defs"]) == {"Tree"}
    assert found["$defs"]["Tree"] == field({"type": "array", "items": {"$ref": "#/$defs/Tree"}})


def test_what_is_beside_a_reference_has_an_effect_since_2019() -> None:
    schema = {
        "definitions": {"Id": {"type": "string"}},
        **field({"$ref": "#/definitions/Id", "maxLength": 3, "description": "Short."}),
    }
    reference = {"$ref": "#/$defs/Id", "description": "Short."}
    assert converted(schema)[0]["properties"]["x"] == reference
    new = converted(schema, MODERN)[0]["properties"]["x"]
    assert new == {**reference, "maxLength": 3}


def test_what_is_only_written_is_not_required_of_a_response() -> None:
    schema = field({"type": "string", "writeOnly": True}) | {"required": ["x", "y"]}
    assert converted(schema)[0]["required"] == ["x", "y"]
    assert converted(schema, Dialect(responses=True))[0]["required"] == ["y"]


@pytest.mark.parametrize(
    "definitions",
    [
        {"A": {"$ref": "#/definitions/A"}},
        {"A": {"$ref": "#/definitions/B"}, "B": {"$ref": "#/definitions/A"}},
        {"A": {"allOf": [{"$ref": "#/definitions/A"}, field({})]}},
        {"A": {"oneOf": [{"$ref": "#/definitions/B"}]}, "B": {"not": {"$ref": "#/definitions/A"}}},
        {"A": {"anyOf": [{"$ref": "#/definitions/A"}, {"type": "string"}]}},
        {"A": {"dependentSchemas": {"x": {"$ref": "#/definitions/A"}}}},
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("siblings", [False, True])
def test_a_schema_that_contains_itself_in_one_place_is_cut(
    definitions: JsonObject, siblings: bool
) -> None:
    schema = {"definitions": definitions, **field({"$ref": "#/definitions/A"})}
    found, notes = converted(schema, Dialect(ref_siblings=siblings))
    assert "RVN848" in codes(notes)
    assert problems_of(found) == []
    assert jsonschema_rs.Draft202012Validator(found).is_valid({"x": {"x": 1}})


def test_a_hostile_schema_stays_small() -> None:
    double = {
        f"L{i}": {
            "type": "object",
            "properties": {
                side: {"allOf": [{"$ref": f"#/definitions/L{i + 1}"}, {"minProperties": 1}]}
                for side in ("a", "b")
            },
        }
        for i in range(30)
    }
    found, _ = converted({"definitions": {**double, "L30": {}}, "$ref": "#/definitions/L0"})
    assert len(json.dumps(found)) < 2_000_000
    chain: JsonObject = {f"C{i}": {"$ref": f"#/definitions/C{i + 1}"} for i in range(10_000)}
    found, notes = converted({"definitions": {**chain, "C10000": {}}, **field(chain["C0"])})
    assert found == field({})
    assert codes(notes) == {"RVN841", "RVN848"}


def test_what_is_too_deep_for_a_manifest_is_any_value() -> None:
    deep: JsonObject = {"type": "string"}
    for _ in range(50):
        deep = {"type": "array", "items": deep}
    found, notes = converted(field(deep))
    assert codes(notes) == {"RVN849"}
    assert problems_of(found) == []


def test_notes_about_the_same_keyword_are_one() -> None:
    many = {name: {"type": "string", "nullable": True} for name in "abc"}
    _, notes = converted({"type": "object", "properties": many})
    assert [note.message for note in notes] == [
        "`nullable` is written as the type `null` (and in 2 more places)"
    ]


SCALARS = st.one_of(
    st.builds(lambda low: {"type": "integer", "minimum": low}, st.integers(-3, 3)),
    st.builds(
        lambda low: {"type": "number", "minimum": low, "exclusiveMinimum": True}, st.integers(-3, 3)
    ),
    st.builds(lambda size: {"type": "string", "maxLength": size}, st.integers(0, 3)),
    st.just({"type": "boolean"}),
    st.builds(lambda values: {"enum": values}, st.lists(st.sampled_from([1, "a", None]), min_size=1)),
)  # fmt: skip


def objects(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    return st.builds(
        lambda properties, required, closed: {
            "type": "object",
            "properties": properties,
            **({"required": sorted(required)} if required else {}),
            **({"additionalProperties": False} if closed else {}),
        },
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.sets(st.sampled_from("abc"), max_size=2),
        st.booleans(),
    )


def nested(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    return st.one_of(
        objects(inner),
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(lambda items: {"items": items, "additionalItems": False}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda parts: {"allOf": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"anyOf": parts}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda one: {"not": one}, inner),
        st.builds(lambda one: {"dependencies": {"a": one, "b": ["c"]}}, inner),
        st.sampled_from([{"$ref": "#/definitions/A"}, {"$ref": "#/definitions/B"}]),
    )  # fmt: skip


SCHEMAS = st.recursive(SCALARS, nested, max_leaves=6)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-4, 4), st.sampled_from(["", "a", "abcd"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    ),
    max_leaves=6,
)


def has_closed_part(node: Any) -> bool:
    """Whether an `allOf` has several parts and one is closed: what it then accepts is repaired."""
    if isinstance(node, list):
        return any(map(has_closed_part, node))
    if not isinstance(node, dict):
        return False
    text = json.dumps(node.get("allOf", []))
    closed = len(node.get("allOf", [])) > 1 and ("additional" in text or "$ref" in text)
    return closed or any(map(has_closed_part, node.values()))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(objects(SCHEMAS), SCALARS | objects(SCALARS), objects(SCALARS), st.lists(VALUES, max_size=6))
def test_the_record_schema_accepts_what_draft_4_accepts(
    schema: JsonObject, one: JsonObject, other: JsonObject, values: list[Any]
) -> None:
    source = {**schema, "definitions": {"A": one, "B": other}}
    found, notes = converted(source)
    before = jsonschema_rs.Draft4Validator(source)
    after = jsonschema_rs.Draft202012Validator(found)
    records = [*values, *({key: value} for key in "abc" for value in values), {}]
    assert {note.outcome for note in notes} <= {"lossless", "repaired"}
    assert problems_of(found) == []
    for record in records:
        if before.is_valid(record) or not has_closed_part(source):
            assert after.is_valid(record) == before.is_valid(record), (source, found, record)


def as_openapi(node: Any) -> Any:
    """Write `type: [T, "null"]` as OpenAPI 3.0 does."""
    if isinstance(node, list):
        return [as_openapi(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: as_openapi(value) for key, value in node.items()}
    if isinstance(found.get("type"), list):
        found["type"], found["nullable"] = found["type"][0], True
    return found


def with_nulls(node: Any, draw: Any) -> Any:
    if isinstance(node, list):
        return [with_nulls(item, draw) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: with_nulls(value, draw) for key, value in node.items()}
    if isinstance(found.get("type"), str) and draw(st.booleans()):
        found["type"] = [found["type"], "null"]
    return found


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_nullable_means_what_the_type_null_means(data: st.DataObject) -> None:
    plain = with_nulls(data.draw(objects(SCALARS | objects(SCALARS))), data.draw)
    plain["type"] = "object"
    found, _ = converted(as_openapi(copy.deepcopy(plain)))
    before, after = jsonschema_rs.Draft4Validator(plain), jsonschema_rs.Draft202012Validator(found)
    for value in data.draw(st.lists(VALUES, max_size=8)):
        for record in (value, {"a": value}, {"b": value, "c": None}):
            assert after.is_valid(record) == before.is_valid(record)


WORDS = [
    "type",
    "properties",
    "items",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "required",
    "enum",
    "$ref",
    "$defs",
    "definitions",
    "tittle",
    "min",
    "nullable",
    "example",
    "examples",
    "minimum",
    "exclusiveMinimum",
    "dependencies",
    "const",
    "default",
    "if",
    "then",
    "patternProperties",
    "additionalProperties",
    "format",
    "pattern",
    "x-a",
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["object", "#", "#/properties/x", "(", "int", "", "\u2028", "<<"]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*WORDS, "a", "<<"]), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
def test_any_json_becomes_a_schema_that_a_manifest_takes(value: Any) -> None:
    found, _ = converted(field(value))
    assert problems_of(found) == []
    assert converted(found, MODERN)[0] == found
