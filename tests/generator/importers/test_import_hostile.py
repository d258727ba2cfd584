"""Hostile and broken foreign files: a manifest or a located reason, never a traceback or an echo."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from import_cases import cases

from rivven_connect.documents import InputError
from rivven_generator.importers.formats import FORMATS, import_file
from rivven_generator.importers.yaml_text import manifest_yaml
from rivven_generator.plan import plan_generated, standalone_layout

POISON: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, "", "x", "type", [], [None], {}, {"a": {}}, [{}], {"$ref": "#"},
    {"$ref": "http://example.com/x"}, {"type": 1}, {"oneOf": [{"$ref": "#"}]}, "\u202e", "a\x00b",
    {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}, {"properties": []}, {"enum": {}}, "__class__",
    {"anyOf": [{"anyOf": [{"type": "null"}]}]}, {"type": ["null"]}, {"const": {}}, "(((", 10**18,
)  # fmt: skip
TRIES = 60


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # fmt: skip
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


def poisoned(value: Any, source: random.Random) -> Any:
    value = json.loads(json.dumps(value))
    for _ in range(source.randint(1, 3)):
        path = source.choice(places(value)[1:])
        holder = value
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = json.loads(json.dumps(source.choice(POISON)))
    return value


@pytest.mark.parametrize("path", list(cases()), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_any_value_in_any_place_is_imported_or_refused(path: Path, tmp_path: Path) -> None:
    from rivven_generator.importers.formats import load_foreign

    good = load_foreign(path).value
    source = random.Random(path.name)
    file = tmp_path / "spec.json"
    accepted = 0
    unplaced: list[str] = []
    for _ in range(TRIES):
        file.write_text(json.dumps(poisoned(good, source)), encoding="utf-8")
        try:
            found = import_file(path.parent.name, file)
        except InputError as error:
            unplaced += [problem.code for problem in error.problems if problem.line < 1]
            continue
        accepted += 1
        assert manifest_yaml(found.manifest)
    assert accepted > 0
    assert unplaced == []


HOSTILE = {
    "aliases": "a: &x {b: 1}\nc: *x\n",
    "merge keys": "a: &x {b: 1}\nc: {<<: *x}\n",
    "python tag": "a: !!python/object/apply:os.system [id]\n",
    "duplicate keys": "type: object\ntype: array\n",
    "two documents": "type: object\n---\ntype: object\n",
    "deep nesting": "a: " + "[" * 5_000,
    "deep blocks": "".join(f"{' ' * n}a:\n" for n in range(300)),
    "not a mapping": "- 1\n",
    "empty": "",
    "huge number": "type: object\nproperties: {a: {type: integer, maximum: 1"
    + "0" * 6_000
    + "}}\n",
    "control character": "type: object\ntitle: a\x07b\n",
}


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_where_it_is_hostile(
    name: str, format_name: str, tmp_path: Path
) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(HOSTILE[name], encoding="utf-8")
    with pytest.raises(InputError) as raised:
        import_file(format_name, file)
    assert all(problem.code.startswith("RVN") for problem in raised.value.problems)


def test_references_lead_nowhere_but_into_the_file(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"type": "string"}', encoding="utf-8")
    targets = [
        "other.json",
        "file:///etc/passwd",
        "http://example.com/x",
        "//host/x",
        "#/../x",
        "%23/a",
    ]
    schema = {"type": "object", "properties": {f"p{n}": {"$ref": t} for n, t in enumerate(targets)}}
    (tmp_path / "spec.json").write_text(json.dumps(schema), encoding="utf-8")
    found = import_file("json-schema", tmp_path / "spec.json")
    assert found.manifest["config"]["properties"] == {f"p{n}": {} for n in range(len(targets))}
    assert [note.code for note in found.notes if note.outcome == "dropped"] == ["RVN838"] * len(
        targets
    )


def defined(count: int, schema: Any, last: Any) -> dict[str, Any]:
    """Return a config whose one property is the first of so many definitions, each made of the next."""
    names = {f"d{n}": schema({"$ref": f"#/$defs/d{n + 1}"}) for n in range(count)}
    return {
        "type": "object",
        "properties": {"p": {"$ref": "#/$defs/d0"}},
        "$defs": {**names, f"d{count}": last},
    }


OBJECT = {"type": "object", "properties": {"x": {"type": "string"}}}
WITHOUT_END = {
    "parts that double": defined(40, lambda r: {"allOf": [r, r]}, OBJECT),
    "a long way": defined(5_000, lambda r: r, {"type": "string"}),
    "a long way through parts": defined(3_000, lambda r: {"allOf": [r]}, OBJECT),
    "a long way down": defined(
        1_000,
        lambda r: {"type": "object", "properties": {"a": {"anyOf": [r, {"type": "null"}]}}},
        OBJECT,
    ),
    "a long way down by parts": defined(
        1_000, lambda r: {"type": "object", "properties": {"a": {"allOf": [r]}}}, OBJECT
    ),
}


@pytest.mark.parametrize("format_name", ["json-schema", "airbyte-spec"])
@pytest.mark.parametrize("kind", WITHOUT_END)
def test_what_references_make_without_end_is_refused(
    kind: str, format_name: str, tmp_path: Path
) -> None:
    schema: Any = WITHOUT_END[kind]
    file = tmp_path / "spec.json"
    value = {"connectionSpecification": schema} if format_name == "airbyte-spec" else schema
    file.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(InputError) as raised:
        import_file(format_name, file)
    assert {problem.code for problem in raised.value.problems} <= {"RVN891", "RVN327"}
    assert all(problem.line for problem in raised.value.problems)


def test_a_setting_with_very_many_dots_is_left_out(tmp_path: Path) -> None:
    name = ".".join(["a"] * 20_000)
    file = tmp_path / "meltano.json"
    file.write_text(json.dumps({"name": "tap-x", "settings": [{"name": name}]}), encoding="utf-8")
    found = import_file("singer-settings", file)
    assert "properties" not in found.manifest["config"]
    assert [note.code for note in found.notes if note.outcome == "dropped"] == ["RVN837"]


def test_references_that_multiply_are_refused_soon(tmp_path: Path) -> None:
    definitions: dict[str, Any] = {
        "d0": {"type": "object", "properties": {"x": {"type": "string"}}}
    }
    for number in range(1, 60):
        twice = [{"$ref": f"#/$defs/d{number - 1}"}] * 2
        definitions[f"d{number}"] = {"type": "object", "properties": {"a": {"anyOf": twice}, "b": {"anyOf": twice}}}  # fmt: skip
    schema = {"type": "object", "properties": {"a": {"anyOf": [{"$ref": "#/$defs/d59"}, {"type": "null"}]}}, "$defs": definitions}  # fmt: skip
    (tmp_path / "spec.json").write_text(json.dumps(schema), encoding="utf-8")
    with pytest.raises(InputError) as raised:
        import_file("json-schema", tmp_path / "spec.json")
    assert {problem.code for problem in raised.value.problems} <= {"RVN891", "RVN327"}


def test_hostile_texts_of_a_spec_are_data_in_what_is_generated(tmp_path: Path) -> None:
    hostile = '"""\nimport os  # \r {{ 7*7 }} ${X} `id` \\'
    schema = {"type": "object", "title": hostile, "description": hostile,
              "properties": {"a": {"type": "string", "description": hostile, "default": hostile},
                             '"; import os #': {"type": "string", "enum": [hostile, "b"]}}}  # fmt: skip
    (tmp_path / "spec.json").write_text(json.dumps(schema), encoding="utf-8")
    found = import_file("json-schema", tmp_path / "spec.json", name="demo")
    (tmp_path / "connector.yaml").write_text(manifest_yaml(found.manifest), encoding="utf-8")
    from rivven_generator.load import load_manifest

    loaded = load_manifest(tmp_path)
    files = plan_generated(loaded, standalone_layout(loaded.manifest))
    assert "\nimport os" not in files["src/demo/_generated/config.py"]
