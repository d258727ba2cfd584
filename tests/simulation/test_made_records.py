"""Records that are made up fit their schema, and have keys and cursors as the stream says."""

from __future__ import annotations

from typing import Any

import pytest

from rivven_connect import Stream
from rivven_connect._json import JsonObject
from rivven_connect.testing.assertions import assert_matches_schema
from rivven_connect.testing.simulator import CannotSimulate
from rivven_connect.testing.simulator._records import make_records

TREE: JsonObject = {
    "type": "object",
    "required": ["name", "children"],
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#"}},
    },
}
PROPERTIES: dict[str, JsonObject] = {
    "integer": {"type": "integer", "minimum": 5, "maximum": 12},
    "above": {"type": "integer", "exclusiveMinimum": 3, "multipleOf": 7},
    "below": {"type": "number", "exclusiveMaximum": 0},
    "part": {"type": "number", "minimum": 0, "maximum": 1, "multipleOf": 0.01},
    "short": {"type": "string", "maxLength": 3},
    "long": {"type": "string", "minLength": 40},
    "digits": {"type": "string", "pattern": "^[0-9]{6}$"},
    "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "choice": {"enum": ["a", "b", None]},
    "fixed": {"const": {"a": [1]}},
    "maybe": {"type": ["null", "boolean"]},
    "either": {"oneOf": [{"type": "string", "maxLength": 30}, {"type": "integer"}]},
    "any_of": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["x"]}]},
    "all_of": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "string"}}, "required": ["b"]},
        ]
    },
    "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
    "set": {
        "type": "array",
        "items": {"type": "integer"},
        "minItems": 3,
        "maxItems": 3,
        "uniqueItems": True,
    },
    "none": {"type": "array", "maxItems": 0},
    "map": {"type": "object", "additionalProperties": {"type": "number"}},
    "anything": {},
    "nothing": {"type": "null"},
    **{
        name: {"type": "string", "format": name}
        for name in (
            *("date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6"),
            *("uri", "uuid", "regex"),
        )
    },
}


def records(schema: JsonObject, count: int = 25, **stream: Any) -> list[JsonObject]:
    return make_records(Stream(name="s", json_schema=schema, **stream), count)


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_property_gets_fitting_values(name: str) -> None:
    schema: JsonObject = {
        "type": "object",
        "required": [name],
        "properties": {name: PROPERTIES[name]},
    }
    made = records(schema)
    assert_matches_schema(made, schema)
    assert all(name in one for one in made)


def test_all_of_them_together_are_the_same_in_every_run() -> None:
    schema: JsonObject = {"type": "object", "properties": dict(PROPERTIES)}
    assert records(schema) == records(schema)
    assert records(schema)[:5] == records(schema, 5)


def test_optional_fields_are_missing_and_null_at_times() -> None:
    schema: JsonObject = {"type": "object", "properties": {"a": {"type": ["integer", "null"]}}}
    made = records(schema)
    assert {"missing" if "a" not in one else type(one["a"]).__name__ for one in made} == {
        "missing",
        "NoneType",
        "int",
    }


def test_a_schema_that_contains_itself_comes_to_an_end() -> None:
    assert_matches_schema(records(TREE, 3), TREE)


@pytest.mark.parametrize("name", ["integer", "above", "uuid", "date-time", "ipv4", "long", "email"])
def test_primary_keys_are_distinct(name: str) -> None:
    key = {key: value for key, value in PROPERTIES[name].items() if key != "maximum"}
    made = records(
        {"type": "object", "properties": {"k": key}}, 500, source_defined_primary_key=[["k"]]
    )
    assert len({one["k"] for one in made}) == 500


@pytest.mark.parametrize("name", ["above", "date-time", "date", "long", "digits"])
def test_the_cursor_ascends_and_neighbours_share_it(name: str) -> None:
    schema: JsonObject = {"type": "object", "properties": {"c": PROPERTIES[name]}}
    cursors = [one["c"] for one in records(schema, 40, default_cursor_field="c")]
    assert cursors == sorted(cursors)
    assert len(set(cursors)) == 20


@pytest.mark.parametrize(
    ("schema", "stream", "says"),
    [
        ({"required": ["a"], "properties": {"a": {"pattern": "^(x|y)z{2,}!$"}}}, {}, "for 'a'"),
        (
            {"properties": {"k": {"type": "boolean"}}},
            {"source_defined_primary_key": [["k"]]},
            "25 different primary keys",
        ),
        (
            {"properties": {"c": {"type": "boolean"}}},
            {"default_cursor_field": "c"},
            "no ascending values of 'c'",
        ),
        ({"not": {"type": "object"}}, {}, "breaches of the schema"),
    ],
)
def test_what_cannot_be_made_up_says_what_to_add(
    schema: JsonObject, stream: dict[str, Any], says: str
) -> None:
    with pytest.raises(CannotSimulate) as refused:
        records({"type": "object", **schema}, **stream)
    assert says in str(refused.value)
    assert 'simulator.records("s", [...])' in str(refused.value)
