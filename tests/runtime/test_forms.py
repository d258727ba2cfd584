"""Forms: a schema and a uiSchema that react-jsonschema-form can show, each field exactly once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from rivven_connect.forms import FieldGroup, arrange, form_of

ROOT = Path(__file__).parents[2]
SPECS = sorted(
    [
        *ROOT.glob("tests/golden/*/tree/src/*/_generated/spec.json"),
        *ROOT.glob("runtime/src/rivven_connect/connectors/*/_generated/spec.json"),
    ]
)
WIDGETS = {
    "boolean": {"checkbox", "radio", "select", "hidden"},
    "string": {
        *("text", "password", "email", "hostname", "ipv4", "ipv6", "uri", "radio", "select", "textarea"),
        *("hidden", "date", "date-time", "color"),
    },
    "integer": {"text", "select", "updown", "range", "radio", "hidden"},
    "number": {"text", "select", "updown", "range", "radio", "hidden"},
}  # fmt: skip
"""What the library's `getWidget` knows; for any other pair it throws. From its wiki, "Widgets"."""


class Walk:
    """Walks schema and uiSchema side by side, as the library does, and notes every field it meets."""

    def __init__(self, form: dict[str, Any]) -> None:
        self.root: dict[str, Any] = form["schema"]
        self.fields: list[str] = []
        self._node(self.root, form["uiSchema"], "")

    def _node(self, schema: dict[str, Any], ui: dict[str, Any], path: str) -> None:
        schema = resolved(self.root, schema)
        known = {key for key in ui if key.startswith("ui:")}
        self._leaf(schema, ui, path)
        for keyword in ("oneOf", "anyOf"):
            for index, branch in enumerate(schema.get(keyword, ())):
                known.add(keyword)
                self._node(branch, ui[keyword][index], f"{path}|{index}")
        if isinstance(schema.get("items"), dict):
            known.add("items")
            self._node(schema["items"], ui["items"], f"{path}[]")
        if isinstance(schema.get("additionalProperties"), dict):
            known.add("additionalProperties")
            self._node(schema["additionalProperties"], ui["additionalProperties"], f"{path}.*")
        self._properties(schema, ui, path, known)
        assert set(ui) == known, path

    def _properties(
        self, schema: dict[str, Any], ui: dict[str, Any], path: str, known: set[str]
    ) -> None:
        declared = schema.get("properties", {})
        is_open = schema.get("additionalProperties", True) is not False
        order = ui.get("ui:order", [])
        assert sorted(order) == sorted([*declared, *(["*"] if is_open and declared else [])])
        grouped = [name for group in ui.get("ui:groups", ()) for name in group["fields"]]
        assert grouped in ([], [name for name in order if name != "*"])
        for name in declared:
            self.fields.append(f"{path}.{name}")
            known.add(name)
            shown = resolved(self.root, declared[name])
            assert shown.get("title") or ui[name]["ui:title"]
            self._node(declared[name], ui[name], f"{path}.{name}")

    def _leaf(self, schema: dict[str, Any], ui: dict[str, Any], path: str) -> None:
        widget = ui.get("ui:widget")
        assert not schema.get("writeOnly") or widget == "password", path
        assert isinstance(ui.get("ui:placeholder", ""), str), path
        if widget is not None:
            named = schema.get("type", "string")
            kinds = {named} if isinstance(named, str) else set(named) - {"null"}
            assert any(widget in WIDGETS[kind] for kind in kinds), path


def resolved(root: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**root["$defs"][schema["$ref"].removeprefix("#/$defs/")], **rest}
    return schema


def declared_fields(root: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[str]:
    schema = resolved(root, schema)
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from declared_fields(root, child, f"{path}.{name}")
    for keyword in ("oneOf", "anyOf"):
        for index, branch in enumerate(schema.get(keyword, ())):
            yield from declared_fields(root, branch, f"{path}|{index}")
    for keyword, mark in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(schema.get(keyword), dict):
            yield from declared_fields(root, schema[keyword], f"{path}{mark}")


def assert_complete(schema: dict[str, Any]) -> None:
    form = form_of(schema)
    jsonschema_rs.meta.validate(form["schema"])
    assert form["schema"] == schema
    met = Walk(form).fields
    assert sorted(met) == sorted(set(declared_fields(schema, schema)))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parents[1].name)
def test_every_field_of_a_connector_is_shown_once(path: Path) -> None:
    assert_complete(json.loads(path.read_text(encoding="utf-8"))["config_schema"])


TEXT = {"type": "string"}
SECRET = {"type": "string", "writeOnly": True, "format": "password"}
EVERYTHING: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["kind", "auth"],
    "properties": {
        "kind": {"const": "only"},
        "optional_kind": {"const": 1},
        "ui:widget": TEXT | {"title": "A name that the library uses itself"},
        "url": TEXT | {"format": "uri", "examples": ["https://example.com"], "deprecated": True},
        "when": TEXT | {"format": "time", "examples": ["12:30:00Z"]},
        "query": TEXT | {"examples": ["select *\nfrom t"]},
        "size": {"type": ["integer", "null"], "examples": [5], "title": "Batch size"},
        "flag": {"type": "boolean", "default": True},
        "choice": {"enum": ["a", 1, None], "default": "a"},
        "anything": {},
        "port": {"type": "integer", "x-rivven-validator": "port", "x-rivven-identity": True},
        "items": {"type": "array", "items": SECRET | {"minLength": 2}},
        "labels": {"type": "object", "additionalProperties": SECRET},
        "open": {"type": "object", "additionalProperties": True, "properties": {"oneOf": TEXT}},
        "nullable": {"anyOf": [SECRET, {"type": "null"}]},
        "auth": {"oneOf": [{"$ref": "#/$defs/Token"}, {"$ref": "#/$defs/Basic"}],
                 "discriminator": {"propertyName": "type"}},
    },
    "$defs": {
        "Token": {"type": "object", "additionalProperties": False, "title": "API token",
                  "properties": {"type": {"const": "token"}, "token": SECRET}, "required": ["type"]},
        "Basic": {"type": "object", "additionalProperties": False, "required": ["type"],
                  "properties": {"type": {"const": "user_name"}, "password": SECRET}},
    },
    "allOf": [
        {"anyOf": [{"required": ["url"]}, {"required": ["size"]}]},
        {"properties": {"open": {"if": {"type": "object"}, "then": {"oneOf": [{"required": ["a"]}]}}}},
    ],
}  # fmt: skip


def without_reserved(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in schema["properties"].items() if not k.startswith("ui:")}
    return {**schema, "properties": kept}


def test_so_is_every_field_of_a_schema_with_everything_in_it() -> None:
    assert_complete(without_reserved(EVERYTHING))
    ui = form_of(EVERYTHING)["uiSchema"]
    assert "ui:widget" not in ui
    assert "ui:widget" in ui["ui:order"]


def test_widgets_placeholders_titles_and_help() -> None:
    ui = form_of(EVERYTHING, title="Shop")["uiSchema"]
    assert ui["ui:title"] == "Shop"
    widgets = {name: ui[name].get("ui:widget") for name in EVERYTHING["properties"] if name in ui}
    assert widgets == {
        "kind": "hidden", "optional_kind": None, "url": "uri", "when": "text", "query": "textarea",
        "size": "updown", "flag": "checkbox", "choice": "select", "anything": None, "port": "updown",
        "items": None, "labels": None, "open": None, "nullable": None, "auth": None,
    }  # fmt: skip
    assert ui["optional_kind"]["ui:readonly"] is True
    assert (ui["url"]["ui:placeholder"], ui["size"]["ui:placeholder"]) == (
        "https://example.com",
        "5",
    )
    assert (ui["url"]["ui:title"], "ui:title" in ui["size"]) == ("Url", False)
    assert ui["url"]["ui:help"] == "Deprecated."
    assert ui["port"]["ui:help"].startswith("A port number, 1 to 65535. Names what is read")
    assert ui["anything"]["ui:options"] == {"display": "json"}


def test_a_union_is_offered_by_its_tag() -> None:
    auth = form_of(EVERYTHING)["uiSchema"]["auth"]
    assert auth["ui:options"] == {"display": "tabs", "tag": "type"}
    assert [branch.get("ui:title") for branch in auth["oneOf"]] == [None, "User name"]
    assert [branch["type"]["ui:widget"] for branch in auth["oneOf"]] == ["hidden", "hidden"]


def test_a_rule_is_no_choice_of_branches() -> None:
    ui = form_of(EVERYTHING)["uiSchema"]
    for place in (ui, ui["open"]):
        assert (place["ui:field"], place["ui:fieldReplacesAnyOrOneOf"]) == ("ObjectField", True)
    assert "ui:field" not in form_of(EVERYTHING | {"allOf": []})["uiSchema"]


def test_fields_stand_by_order_and_group() -> None:
    def field(**more: Any) -> dict[str, Any]:
        return {"type": "string", **{f"x-rivven-{key}": value for key, value in more.items()}}

    schema = {
        "properties": {
            "last": field(),
            "tls": field(group="Security", order=5),
            "host": field(group="Connection", order=2),
            "name": field(order=9),
            "ca": field(group="Security"),
            "port": {"$ref": "#/$defs/Port", "x-rivven-order": 1},
        },
        "$defs": {"Port": {"type": "integer", "x-rivven-group": "Connection", "x-rivven-order": 7}},
        "additionalProperties": False,
    }
    assert arrange(schema, schema) == [
        FieldGroup("", ("name", "last")),
        FieldGroup("Connection", ("port", "host")),
        FieldGroup("Security", ("tls", "ca")),
    ]
    ui = form_of(schema)["uiSchema"]
    assert ui["ui:order"] == ["name", "last", "port", "host", "tls", "ca"]
    assert ui["ui:groups"][1] == {"title": "Connection", "fields": ["port", "host"]}


def test_a_definition_inside_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    schema = {
        "type": "object",
        "properties": {"first": {"$ref": "#/$defs/Node"}},
        "$defs": {"Node": node},
    }
    first = form_of(schema)["uiSchema"]["first"]
    assert first["next"] == {"ui:title": "Next"}
