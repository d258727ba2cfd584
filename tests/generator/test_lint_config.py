"""The rules that the `config` schema is held to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rivven_connect.documents import InputError, Problem
from rivven_generator.load import load_manifest

HEAD = 'manifest: "1"\nkind: source\nname: demo\n'


def found(folder: Path, config: str) -> list[Problem]:
    path = folder / "connector.yaml"
    path.write_text(HEAD + config + "tests: {}\n", encoding="utf-8")
    try:
        return [p for p in load_manifest(path).warnings if p.code != "RVN423"]
    except InputError as error:
        return [p for p in error.problems if p.code != "RVN423"]


def of_property(folder: Path, schema: str) -> list[tuple[str, str]]:
    config = f"config: {{type: object, properties: {{p: {schema}}}}}\n"
    return [(p.code, p.pointer.removeprefix("/config/properties/p")) for p in found(folder, config)]


@pytest.mark.parametrize(
    "schema",
    [
        "{}",
        '{type: [string, "null"], default: null}',
        "{type: object}",
        "{type: object, additionalProperties: {type: string, secret: true}}",
        "{type: array, items: {type: string, secret: true}}",
        "{enum: [1, 2.5, null]}",
        "{const: x}",
        "{type: number, multipleOf: 0.1, minimum: 0.1, maximum: 0.3, default: 0.2}",
        "{type: integer, minimum: 1, default: 1.0}",
        "{type: object, properties: {a: {type: integer, default: 3}}, default: {}}",
        "{type: string, secret: false, default: none-at-all}",
        "{type: integer, validator: port}",
        '{type: string, pattern: "^\\\\p{L}{1,200}$"}',
        '{type: string, description: "{{ x }} ${y} \\"\\"\\" \\\\"}',
    ],
)
def test_accepts(tmp_path: Path, schema: str) -> None:
    assert of_property(tmp_path, schema) == []


@pytest.mark.parametrize(
    ("schema", "code", "at"),
    [
        ("true", "RVN302", ""),
        ("{tittle: x}", "RVN301", "/tittle"),
        ("{anyOf: []}", "RVN301", "/anyOf"),
        ("{type: strin}", "RVN303", "/type"),
        ("{type: [string, integer]}", "RVN303", "/type"),
        ('{type: "null"}', "RVN303", "/type"),
        ("{type: string, description: 1.10}", "RVN302", "/description"),
        ("{type: object, required: []}", "RVN302", "/required"),
        ("{type: string, minLength: -1}", "RVN302", "/minLength"),
        ("{type: integer, pattern: x}", "RVN304", "/pattern"),
        ("{minimum: 3}", "RVN304", "/minimum"),
        ("{properties: {a: {}}}", "RVN304", "/properties"),
        ("{type: object, $defs: {a: {}}}", "RVN304", "/$defs"),
        ("{type: integer, minimum: 1, default: 0}", "RVN305", "/default"),
        ("{type: integer, default: true}", "RVN305", "/default"),
        ("{type: string, default: null}", "RVN305", "/default"),
        ("{type: string, format: date, default: today}", "RVN305", "/default"),
        ("{type: array, items: {type: integer}, default: [1, x]}", "RVN305", "/default/1"),
        ("{type: object, required: [a], properties: {a: {}}, default: {}}", "RVN305", "/default/a"),
        ("{type: object, required: [a], properties: {a: {default: 1}}}", "RVN306", "/properties/a/default"),
        ("{type: object, required: [b], properties: {a: {}}}", "RVN307", "/required/0"),
        ("{type: integer, minimum: 1, exclusiveMaximum: 2, multipleOf: 3}", "RVN308", "/minimum"),
        ("{type: integer, minimum: 0.2, maximum: 0.8}", "RVN308", "/minimum"),
        ("{type: number, exclusiveMinimum: 1, maximum: 1}", "RVN308", "/exclusiveMinimum"),
        ("{type: string, minLength: 3, maxLength: 2}", "RVN308", "/minLength"),
        ("{type: array, minItems: 3, maxItems: 2}", "RVN308", "/minItems"),
        ("{type: object, properties: {a: {}}, minProperties: 2}", "RVN308", "/minProperties"),
        ("{enum: []}", "RVN309", "/enum"),
        ("{enum: [1, 1.0]}", "RVN309", "/enum/1"),
        ("{type: string, const: 1}", "RVN310", "/const"),
        ("{type: integer, enum: [true]}", "RVN310", "/enum/0"),
        ('{$ref: "#/definitions/A"}', "RVN311", "/$ref"),
        ('{$ref: "file:///etc/passwd"}', "RVN311", "/$ref"),
        ('{$ref: "../x.json#/$defs/A"}', "RVN311", "/$ref"),
        ('{$ref: "#/$defs/%41"}', "RVN311", "/$ref"),
        ('{$ref: "#/$defs/~2"}', "RVN311", "/$ref"),
        ('{$ref: "#/$defs/a b"}', "RVN311", "/$ref"),
        ('{$ref: "#/$defs/Nothing"}', "RVN312", "/$ref"),
        ("{oneOf: [{type: object}]}", "RVN315", "/oneOf"),
        ("{discriminator: {propertyName: t}}", "RVN315", "/discriminator"),
        ("{oneOf: [{type: string}], discriminator: {propertyName: t}}", "RVN315", "/oneOf/0"),
        ("{oneOf: [{type: object, properties: {t: {const: 1}}}], discriminator: {propertyName: t}}", "RVN315", "/oneOf/0"),
        ('{type: string, pattern: "^(a$"}', "RVN317", "/pattern"),
        ('{type: string, pattern: "^(?=a)$"}', "RVN317", "/pattern"),
        ('{type: string, pattern: "^[[:alpha:]]$"}', "RVN317", "/pattern"),
        ('{type: string, pattern: "^(a)\\\\1$"}', "RVN317", "/pattern"),
        ('{type: string, pattern: "^(((a{1000}){1000}){1000})$"}', "RVN318", "/pattern"),
        ("{type: string, format: url}", "RVN319", "/format"),
        ('{type: string, validator: "a.b;import os"}', "RVN320", "/validator"),
        ("{type: string, validator: class}", "RVN320", "/validator"),
        ("{type: boolean, validator: cron}", "RVN320", "/validator"),
        ("{type: boolean, secret: true}", "RVN321", "/secret"),
        ("{type: string, secret: true, examples: [x]}", "RVN322", "/examples"),
        ("{type: string, secret: true, enum: [x]}", "RVN322", "/enum"),
        ("{type: object, properties: {t: {type: string, secret: true}}, default: {t: x}}", "RVN322", "/default"),
        ('{type: string, default: "postgres://me:hunter2@host/db"}', "RVN323", "/default"),
        ("{type: string, enum: [ghp_0123456789abcdefghijABCDEFGHIJ012345]}", "RVN323", "/enum"),
        ("{type: object, properties: {Orders: {}, orders: {}}}", "RVN324", "/properties/orders"),
        ("{type: object, properties: {class: {}, class_: {}}}", "RVN324", "/properties/class_"),
        ("{type: object, properties: {ﬁeld: {}, field: {}}}", "RVN324", "/properties/field"),
        ('{type: object, properties: {"": {}}}', "RVN325", "/properties/"),
        ('{type: object, properties: {"a\\u202eb": {}}}', "RVN325", "/properties/a\u202eb"),
        ("{type: integer, examples: [x]}", "RVN326", "/examples/0"),
        ("{type: object, properties: {accessToken: {type: string}}}", "RVN330", "/properties/accessToken"),
        ('{type: string, pattern: "a$"}', "RVN331", "/pattern"),
        ("{enum: [null, 1, 1.5, high]}", "RVN332", "/enum/3"),
        ("{enum: [true, 1]}", "RVN332", "/enum/1"),
        ("{type: object, properties: {-path: {type: string}}}", "RVN333", "/properties/-path"),
        ('{type: string, default: "${env:HOME}/x"}', "RVN334", "/default"),
        ('{type: array, items: {type: string}, default: [a, "${HOME}"]}', "RVN334", "/default/1"),
        ('{type: string, pattern: "^a\\\\$"}', "RVN331", "/pattern"),
    ],
)  # fmt: skip
def test_refuses(tmp_path: Path, schema: str, code: str, at: str) -> None:
    assert (code, at) in of_property(tmp_path, schema)


@pytest.mark.parametrize(
    "name", ["token_url", "token_type", "secret_name", "password_file", "keys"]
)
def test_names_that_only_sound_secret(tmp_path: Path, name: str) -> None:
    schema = f"{{type: object, properties: {{{name}: {{type: string}}}}}}"
    assert of_property(tmp_path, schema) == []


def test_a_secret_literal_is_never_shown(tmp_path: Path) -> None:
    literal = "hunter2-hunter2-hunter2"
    for schema in (
        f"{{type: string, secret: true, default: {literal}}}",
        f"{{type: object, properties: {{password: {{type: string, default: {literal}}}}}}}",
        f"{{type: integer, default: {literal}}}",
        f"{{type: string, maxLength: 3, enum: [{literal}]}}",
    ):
        problems = found(tmp_path, f"config: {{type: object, properties: {{p: {schema}}}}}\n")
        assert problems
        assert literal not in json.dumps([problem.to_dict() for problem in problems])


def test_both_places_of_a_collision_are_named(tmp_path: Path) -> None:
    config = "config:\n  type: object\n  properties:\n    a-b: {}\n    a_b: {}\n"
    (problem,) = found(tmp_path, config)
    assert (problem.line, problem.column) == (8, 5)
    assert "line 7, column 5" in problem.message


def of_definitions(folder: Path, definitions: dict[str, Any], use: str) -> list[str]:
    config = {
        "type": "object",
        "properties": {"p": {"$ref": f"#/$defs/{use}"}},
        "$defs": definitions,
    }
    return [p.code for p in found(folder, f"config: {json.dumps(config)}\n")]


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def test_recursion_is_refused_however_long_the_way(tmp_path: Path) -> None:
    itself = {"A": {"type": "array", "items": reference("A")}}
    mutual = {"A": reference("B"), "B": {"type": "object", "properties": {"x": reference("A")}}}
    long = {f"d{n}": reference(f"d{(n + 1) % 3000}") for n in range(3000)}
    assert of_definitions(tmp_path, itself, "A") == ["RVN313"]
    assert of_definitions(tmp_path, mutual, "A") == ["RVN313"]
    assert of_definitions(tmp_path, long, "d0") == ["RVN313"]


def test_long_chains_and_explosive_definitions_are_too_large(tmp_path: Path) -> None:
    chain = {f"d{n}": reference(f"d{n + 1}") for n in range(4000)} | {"d4000": {"type": "string"}}
    twice = {
        f"d{n}": {"type": "object", "properties": {"x": reference(f"d{n + 1}"), "z": reference(f"d{n + 1}")}}
        for n in range(40)
    }  # fmt: skip
    assert of_definitions(tmp_path, chain, "d0") == ["RVN327"]
    assert of_definitions(tmp_path, twice | {"d40": {"type": "string"}}, "d0") == ["RVN327"]


def test_a_definition_used_twice_is_fine(tmp_path: Path) -> None:
    shared = {"A": {"type": "object", "properties": {"x": reference("B"), "z": reference("B")}}}
    assert of_definitions(tmp_path, shared | {"B": {"type": "integer", "default": 3}}, "A") == []


def test_many_costly_patterns_are_refused(tmp_path: Path) -> None:
    properties = {
        f"p{n}": {"type": "string", "pattern": f"^x{n}(a{{1000}}){{100}}$"} for n in range(500)
    }
    config = {"type": "object", "properties": properties}
    (problem,) = found(tmp_path, f"config: {json.dumps(config)}\n")
    assert problem.code == "RVN318"


def test_a_dash_after_a_class_gets_its_own_reason(tmp_path: Path) -> None:
    config = "config: {type: object, properties: {p: {type: string, pattern: '^[\\w-.]+$'}}}\n"
    [problem] = found(tmp_path, config)
    assert problem.code == "RVN317"
    assert r"write \- for it" in problem.message
