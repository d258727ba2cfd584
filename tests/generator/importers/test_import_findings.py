"""What people who tried the importers stumbled over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rivven_connect.documents import InputError
from rivven_generator.importers.formats import import_file
from rivven_generator.importers.notes import Imported
from rivven_generator.manifest import Kind

MELTANO = """\
plugins:
  extractors:
  - {name: tap-a, settings: [{name: x}]}
  - {name: tap-b, settings: [{name: y}]}
  loaders:
  - {name: target-c, settings: [{name: z, required: true}, {name: pin, kind: pasword}]}
"""


def schema_import(folder: Path, property_schema: Any, **more: Any) -> Imported:
    schema = {"type": "object", "properties": {"p": property_schema}, **more}
    (folder / "spec.json").write_text(json.dumps(schema), encoding="utf-8")
    return import_file("json-schema", folder / "spec.json", name="demo")


def meltano(folder: Path, kind: Kind | None = None, name: str | None = None) -> Imported:
    (folder / "meltano.yml").write_text(MELTANO, encoding="utf-8")
    return import_file("singer-settings", folder / "meltano.yml", kind=kind, name=name)


@pytest.mark.parametrize(
    ("format_name", "pattern"),
    [("email", r"@acme\.com$"), ("uri", "^ftp"), ("uri", "example"), ("date-time", "T")],
)
def test_a_format_stays_beside_a_pattern_for_a_part(
    tmp_path: Path, format_name: str, pattern: str
) -> None:
    declared = {"type": "string", "format": format_name, "pattern": pattern}
    found = schema_import(tmp_path, declared, required=["p"])
    assert found.manifest["config"]["properties"]["p"] == declared
    assert "p" in found.manifest["tests"]["valid"]["minimal"]


def test_a_union_of_scalars_stays_any_value_with_its_default(tmp_path: Path) -> None:
    union = {"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 3}
    assert schema_import(tmp_path, union).manifest["config"]["properties"]["p"] == {"default": 3}


def test_what_no_example_can_be_made_of_is_named(tmp_path: Path) -> None:
    found = schema_import(
        tmp_path, {"type": "string", "pattern": "^[[a-z]&&[^a]]$"}, required=["p"]
    )
    [note] = [note for note in found.notes if note.outcome == "dropped"]
    assert (note.code, note.pointer) == ("RVN835", "/properties/p/pattern")


@pytest.mark.parametrize(
    ("kind", "name", "wanted", "property_name"),
    [(None, None, "a", "x"), ("source", "tap-b", "tap-b", "y"), ("sink", None, "c", "z")],
)
def test_of_several_plugins_the_one_that_is_asked_for_is_taken(
    tmp_path: Path, kind: Kind | None, name: str | None, wanted: str, property_name: str
) -> None:
    found = meltano(tmp_path, kind, name)
    assert found.manifest["name"] == wanted
    assert found.manifest["kind"] == (kind or "source")
    assert property_name in found.manifest["config"]["properties"]
    assert sum("was left out" in note.message for note in found.notes) == 2, "the others are named"


def test_a_setting_may_say_itself_that_it_is_required(tmp_path: Path) -> None:
    found = meltano(tmp_path, "sink")
    assert found.manifest["config"]["required"] == ["z"]
    assert any("did you mean `password`?" in note.message for note in found.notes)


def test_a_file_of_another_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").write_text(MELTANO, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        import_file("conduit", tmp_path / "meltano.yml")
    assert "singer-settings" in raised.value.problems[0].hint


@pytest.mark.parametrize("word", ["default", "examples"])
def test_no_secret_value_comes_along_where_a_union_becomes_any_value(
    tmp_path: Path, word: str
) -> None:
    holder = {"type": "object", "properties": {"k": {"type": "string", "writeOnly": True}}}
    value: Any = {"k": "hunter2"}
    union = {"oneOf": [holder, {"type": "string"}], word: value if word == "default" else [value]}
    found = schema_import(tmp_path, union)
    assert "hunter2" not in json.dumps(found.manifest)
    assert "RVN834" in {note.code for note in found.notes}


def test_a_value_that_breaks_two_keywords_goes_alone(tmp_path: Path) -> None:
    declared = {"type": "string", "minLength": 4, "pattern": "^v", "enum": ["a", "value", "b"]}
    found = schema_import(tmp_path, declared)
    assert found.manifest["config"]["properties"]["p"]["enum"] == ["value"]


@pytest.mark.parametrize("values", [{"examples": ["soon", "later"]}, {"default": "soon"}])
def test_values_that_break_a_format_stay_without_it(tmp_path: Path, values: Any) -> None:
    found = schema_import(tmp_path, {"type": "string", "format": "date", **values})
    assert found.manifest["config"]["properties"]["p"] == {"type": "string", **values}
    assert [note.code for note in found.notes if note.outcome == "repaired"] == ["RVN821"]


@pytest.mark.parametrize(
    ("format_name", "word"),
    [("openapi", "paths"), ("json-schema", "properties"), ("conduit", "part")],
)
def test_a_file_that_is_too_large_is_told_how_to_become_smaller(
    tmp_path: Path, format_name: str, word: str
) -> None:
    (tmp_path / "large.json").write_bytes(b" " * (8 * 1024 * 1024 + 1))
    with pytest.raises(InputError) as refused:
        import_file(format_name, tmp_path / "large.json")
    [problem] = refused.value.problems
    assert problem.code == "RVN102"
    assert word in problem.hint


def test_a_schema_of_another_type_is_told_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"type": "string"}', encoding="utf-8")
    with pytest.raises(InputError) as refused:
        import_file("json-schema", tmp_path / "spec.json")
    assert "type: object" in refused.value.problems[0].hint


def singer_import(folder: Path, settings: list[Any], groups: Any = None, **more: Any) -> Imported:
    plugin = {"name": "tap-x", "settings": settings, "settings_group_validation": groups}
    (folder / "plugin.json").write_text(json.dumps(plugin), encoding="utf-8")
    return import_file("singer-settings", folder / "plugin.json", **more)


def test_a_default_that_is_left_out_is_not_present_for_a_group(tmp_path: Path) -> None:
    settings = [{"name": "a", "kind": "integer", "value": "many"}, {"name": "b"}]
    found = singer_import(tmp_path, settings, [["a"], ["b"]])
    assert "RVN833" in {note.code for note in found.notes}
    assert found.manifest["rules"] == [{"require_any": ["a", "b"]}]
    assert found.manifest["tests"]["valid"]["minimal"].keys() & {"a", "b"}


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        (("a..b", "c..d"), {"require_any": ["a..b", "c..d"]}),
        (("a/b.c", "a/b.d"), {"require_any": ["c", "d"], "at": "/a~1b"}),
        (("a~b.c", "a~b.d"), {"require_any": ["c", "d"], "at": "/a~0b"}),
        (("x.y.c", "x.y.d"), {"require_any": ["c", "d"], "at": "/x/y"}),
    ],
)
def test_a_group_inside_of_an_object_becomes_a_rule_there(
    tmp_path: Path, names: tuple[str, str], rule: Any
) -> None:
    found = singer_import(tmp_path, [{"name": name} for name in names], [[names[0]], [names[1]]])
    assert found.manifest["rules"] == [rule]
    assert [note.code for note in found.notes if note.outcome == "dropped"] == []


def test_a_group_inside_of_a_map_is_dropped_by_name(tmp_path: Path) -> None:
    settings = [{"name": "a.*.b"}, {"name": "a.*.c"}]
    for groups in ([["a.*.b"], ["a.*.c"]], [["a.*.b"]]):
        found = singer_import(tmp_path, settings, groups)
        assert "rules" not in found.manifest
        [note] = [note for note in found.notes if note.outcome == "dropped"]
        assert (note.code, note.message) == ("RVN830", "a group inside of a map has no counterpart")


def test_a_list_of_settings_stays_open_unless_asked(tmp_path: Path) -> None:
    settings = [{"name": "a"}, {"name": "b.c"}, {"name": "m.*", "kind": "integer"}]
    config = singer_import(tmp_path, settings).manifest["config"]
    assert config["additionalProperties"] is True
    assert config["properties"]["b"]["additionalProperties"] is True
    assert config["properties"]["m"]["additionalProperties"] == {"type": "integer"}
    closed = singer_import(tmp_path, settings, closed=True)
    assert "additionalProperties" not in closed.manifest["config"]
    assert "RVN819" in {note.code for note in closed.notes}


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("string", "maxLength"),
        ("array", "maxItems"),
        ("object", "maxProperties"),
        ("integer", "maximum"),
    ],
)
def test_a_bound_means_that_of_its_type(tmp_path: Path, kind: str, word: str) -> None:
    declared = schema_import(tmp_path, {"type": kind, "max": 3}).manifest["config"]["properties"]
    assert declared["p"][word] == 3
