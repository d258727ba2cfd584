"""The compiled config schema, the minimal config, and the schema of the manifest itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rivven_connect.documents import parse_document
from rivven_generator.manifest import Manifest
from rivven_generator.schema import (
    ConfigVerdict,
    compile_config_schema,
    complete,
    manifest_schema_text,
    minimal_config,
    validator_of,
)
from rivven_generator.schema.editor import manifest_schema


def test_the_manifest_schema_that_ships_is_current() -> None:
    assert json.loads(manifest_schema_text()) == manifest_schema(), "run `make regenerate`"


def manifest(config: str, **keys: Any) -> Manifest:
    value = parse_document(f"config:\n  type: object\n{config}").value
    return Manifest.model_validate(
        {"manifest": "1", "kind": "source", "name": "demo", **value, **keys}
    )


def verdict(made: Manifest) -> ConfigVerdict:
    return ConfigVerdict(compile_config_schema(made), made.rules)


def test_it_is_json_schema_and_says_so() -> None:
    compiled = compile_config_schema(manifest("  properties: {a: {type: string}}\n"))
    assert compiled["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert jsonschema_rs.meta.is_valid(compiled)


def test_objects_are_closed_unless_they_say_otherwise() -> None:
    compiled = compile_config_schema(
        manifest(
            "  properties: {a: {type: object}, b: {type: object, additionalProperties: true}, c: {}}\n"
        )
    )
    assert compiled["additionalProperties"] is False
    assert compiled["properties"]["a"]["additionalProperties"] is False
    assert compiled["properties"]["b"]["additionalProperties"] is True
    assert compiled["properties"]["c"] == {}


def test_our_keywords_become_annotations() -> None:
    text = "  properties: {a: {type: string, secret: true, validator: mine, identity: true, order: 1, group: g}}\n"
    assert compile_config_schema(manifest(text))["properties"]["a"] == {
        "type": "string",
        "writeOnly": True,
        "format": "password",
        "x-rivven-validator": "mine",
        "x-rivven-identity": True,
        "x-rivven-order": 1,
        "x-rivven-group": "g",
    }


UNION = """
  required: [auth]
  properties:
    auth:
      oneOf: [{$ref: "#/$defs/A"}, {type: object, properties: {kind: {const: b}, count: {type: integer}}}]
      discriminator: {propertyName: kind}
  $defs:
    A: {type: object, required: [x], properties: {kind: {const: a}, x: {type: string}}}
"""


def test_the_tag_is_required_in_each_branch() -> None:
    compiled = compile_config_schema(manifest(UNION))
    assert compiled["$defs"]["A"]["required"] == ["kind", "x"]
    assert compiled["properties"]["auth"]["oneOf"][1]["required"] == ["kind"]
    assert compiled["properties"]["auth"]["discriminator"] == {"propertyName": "kind"}


def test_a_definition_in_two_unions_requires_both_tags() -> None:
    union = 'oneOf: [{$ref: "#/$defs/A"}], discriminator'
    made = manifest(
        f"  properties: {{p: {{{union}: {{propertyName: s}}}}, q: {{{union}: {{propertyName: t}}}}}}\n"
        "  $defs: {A: {type: object, properties: {s: {const: a}, t: {const: b}}}}\n"
    )
    assert compile_config_schema(made)["$defs"]["A"]["required"] == ["s", "t"]


@pytest.mark.parametrize(
    ("config", "place", "rule"),
    [
        ({}, "/auth", "required"),
        ({"auth": {}}, "/auth/kind", "required"),
        ({"auth": {"kind": "c"}}, "/auth/kind", "discriminator"),
        ({"auth": 3}, "/auth", "type"),
        ({"auth": {"kind": "a"}}, "/auth/x", "required"),
        ({"auth": {"kind": "b", "count": "1"}}, "/auth/count", "type"),
        ({"auth": {"kind": "b", "x": "1"}}, "/auth/x", "additionalProperties"),
    ],
)
def test_a_union_says_what_is_wrong_in_the_branch_that_was_meant(
    config: object, place: str, rule: str
) -> None:
    (failure,) = verdict(manifest(UNION)).failures(config)
    assert (failure.places[0], failure.rules[0]) == (place, rule)


def test_json_equality() -> None:
    judge = verdict(
        manifest("  properties: {i: {type: integer}, c: {const: 1}, t: {enum: [true]}}\n")
    )
    assert judge.accepts({"i": 1.0, "c": 1.0, "t": True})
    for wrong in ({"i": True}, {"i": "5"}, {"c": True}, {"t": 1}, {"i": None}):
        assert not judge.accepts(wrong)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("uri", "https://example.com/a", "not a uri"),
        ("email", "a@example.com", "a@"),
        ("hostname", "example.com", "-a-"),
        ("ipv4", "192.0.2.1", "192.0.2.256"),
        ("ipv6", "2001:db8::1", "2001::db8::1"),
        ("uuid", "00000000-0000-4000-8000-000000000000", "0"),
        ("date", "2021-01-25", "2021-02-30"),
        ("time", "12:30:00Z", "12:30:00"),
        ("date-time", "2021-01-25T12:30:00+01:00", "2021-01-25T12:30:00"),
        ("duration", "P1DT2H", "1 day"),
        ("regex", "^a$", "("),
    ],
)
def test_formats_are_asserted(name: str, good: str, bad: str) -> None:
    judge = verdict(manifest(f"  properties: {{a: {{type: string, format: {name}}}}}\n"))
    assert judge.accepts({"a": good})
    assert not judge.accepts({"a": bad})


def test_a_condition_holds_by_default_only_where_the_default_is_the_value() -> None:
    text = "  properties: {m: {enum: [x, z], default: x}, t: {type: string}, k: {type: boolean, default: true}}\n"

    def accepts(when: dict[str, object], config: dict[str, object]) -> bool:
        return verdict(manifest(text, rules=[{"when": when, "require": ["t"]}])).accepts(config)

    assert not accepts({"m": "x"}, {})
    assert accepts({"m": "z"}, {})
    assert not accepts({"m": "z"}, {"m": "z"})
    assert accepts({"m": "x"}, {"m": "z"})
    assert not accepts({"m": "x", "k": True}, {})
    assert accepts({"m": "x", "k": True}, {"k": False})
    assert accepts({"m": "x"}, {"t": "given"})


def test_rules_below_a_pointer_leave_an_absent_or_null_object_alone() -> None:
    text = '  properties: {o: {type: [object, "null"], properties: {a: {}, b: {}}}}\n'
    judge = verdict(manifest(text, rules=[{"require_one": ["a", "b"], "at": "/o"}]))
    assert judge.accepts({})
    assert judge.accepts({"o": None})
    assert judge.accepts({"o": {"a": 1}})
    assert not judge.accepts({"o": {}})
    assert not judge.accepts({"o": {"a": 1, "b": 1}})


def test_defaults_complete_a_value_at_every_depth() -> None:
    made = manifest(
        "  properties:\n"
        "    o: {type: object, default: {}, properties: {a: {type: integer, default: 1}, b: {}}}\n"
        "    l: {type: array, items: {type: object, properties: {c: {default: 2}}}}\n"
    )
    assert complete(made.config, made.config, {"l": [{}]}) == {"l": [{"c": 2}], "o": {"a": 1}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  properties: {a: {type: string}}\n", {}),
        (UNION, {"auth": {"kind": "a", "x": "example"}}),
        ("  required: [a]\n  properties: {a: {type: integer, minimum: 7, multipleOf: 5}}\n", {"a": 10}),
        ("  required: [a]\n  properties: {a: {type: integer, exclusiveMaximum: -3}}\n", {"a": -4}),
        ("  required: [a]\n  properties: {a: {type: string, maxLength: 3}}\n", {"a": "exa"}),
        ('  required: [a]\n  properties: {a: {type: [string, "null"]}}\n', {"a": "example"}),
        ('  required: [a]\n  properties: {a: {type: [string, "null"], pattern: "(?i)qq"}}\n', {"a": None}),
        ("  required: [a]\n  properties: {a: {type: array, minItems: 2, uniqueItems: true, items: {type: integer}}}\n", {"a": [0, 1]}),
        ("  required: [a]\n  properties: {a: {type: string, pattern: '^[A-Z]+$'}}\n", {"a": "A"}),
        ("  required: [a]\n  properties: {a: {type: string, pattern: '^[A-Z]{2,4}$', minLength: 3}}\n", {"a": "AAAA"}),
        ("  required: [a]\n  properties: {a: {type: string, pattern: '^a$', format: date}}\n", None),
        ("  required: [a]\n  properties: {a: {type: string, pattern: '@x[.]test$', format: email}}\n", {"a": "a@x.test"}),
        ("  required: [a]\n  properties: {a: {type: integer, minimum: 5, examples: [3, 7]}}\n", {"a": 7}),
        ("  required: [a]\n  properties: {a: {type: string, pattern: '^[A-Z]+$', examples: [ABC]}}\n", {"a": "ABC"}),
        ("  required: [a]\n  properties: {a: {type: string, validator: mine}}\n", None),
        ("  required: [a]\n  properties: {a: {type: array, minItems: 999999999}}\n", None),
        ("  minProperties: 1\n  properties: {a: {type: boolean}}\n", {"a": False}),
        ("  required: [a]\n  properties: {a: {type: object, minProperties: 2, additionalProperties: {type: integer}}}\n", {"a": {"key1": 0, "key2": 0}}),
    ],
)  # fmt: skip
def test_minimal_configs(text: str, expected: object) -> None:
    assert minimal_config(manifest(text)) == expected


def test_minimal_configs_keep_the_rules() -> None:
    text = "  properties: {a: {type: string}, b: {type: integer}, m: {enum: [x, z], default: x}}\n"
    rules: list[dict[str, Any]] = [{"require_any": ["a", "b"]}, {"require_together": ["a", "b"]}]
    assert minimal_config(manifest(text, rules=rules)) == {"a": "example", "b": 0}
    rules = [{"when": {"m": "x"}, "require": ["b"]}]
    assert minimal_config(manifest(text, rules=rules)) == {"b": 0}


bounds = st.integers(-50, 50)


@settings(max_examples=80, deadline=None)
@given(bounds, st.integers(0, 40), st.sampled_from([None, 1, 3, 7]), st.booleans(), st.booleans())
def test_a_minimal_number_meets_its_bounds(
    low: int, width: int, step: int | None, open_low: bool, open_high: bool
) -> None:
    node: dict[str, Any] = {"type": "integer"}
    node["exclusiveMinimum" if open_low else "minimum"] = low
    node["exclusiveMaximum" if open_high else "maximum"] = low + width
    node |= {} if step is None else {"multipleOf": step}
    possible = any(
        low + open_low <= n <= low + width - open_high and n % (step or 1) == 0
        for n in range(low, low + width + 1)
    )
    made = manifest("")
    made.config = {"type": "object", "required": ["a"], "properties": {"a": node}}
    assert (minimal_config(made) is not None) == possible


def test_the_schema_of_the_manifest_knows_the_closed_vocabulary(tmp_path: Path) -> None:
    schema = manifest_schema()
    assert jsonschema_rs.meta.is_valid(schema)
    judge = validator_of(schema)
    good = {
        "manifest": "1",
        "kind": "source",
        "name": "demo",
        "config": {"type": "object", "properties": {"title": {"type": "string", "secret": True}}},
        "streams": [{"name": "a", "schema": "a.json", "primary_key": ["id", ["a", "b"]]}],
    }
    assert judge.is_valid(good)
    for wrong in (
        {"tittle": "x"},
        {"batching": True},
        {"config": {"properties": {"a": {"tittle": "x"}}}},
        {"config": {"properties": {"a": {"type": "int"}}}},
        {"category": "databse"},
        {"name": "Demo"},
        {"delivery": "x", "kind": "sink"},
    ):
        assert not judge.is_valid({**good, **wrong}), wrong


def test_every_key_is_described_for_editors() -> None:
    schema = manifest_schema()
    described = [
        *schema["properties"].values(),
        *schema["$defs"]["ConfigSchema"]["properties"].values(),
    ]
    assert all(entry.get("description") for entry in described)
