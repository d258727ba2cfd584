"""The rules across a manifest: metadata, streams, checks, rules, example configs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rivven_connect.documents import InputError
from rivven_generator.load import load_manifest

CONFIG = """
config:
  type: object
  properties:
    host: {type: string}
    port: {type: integer}
    mode: {enum: [safe, fast], default: safe}
    size: {type: integer, minimum: 1, default: 10}
    tls: {type: object, properties: {cert: {type: string}, verify: {type: boolean}}}
"""
RECORD = "schema: {type: object, properties: {id: {type: integer}, at: {type: string}, sub: {type: object, properties: {k: {}}}}}"


def found(folder: Path, kind: str, text: str) -> list[tuple[str, str]]:
    path = folder / "connector.yaml"
    config = "" if "\nconfig:" in "\n" + text else CONFIG
    path.write_text(f'manifest: "1"\nkind: {kind}\nname: demo\n{text}\n{config}', encoding="utf-8")
    try:
        problems = load_manifest(path).warnings
    except InputError as error:
        problems = error.problems
    return [(problem.code, problem.pointer) for problem in problems]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("source", "incremental: true"),
        ("source", "license: MIT OR Apache-2.0"),
        ("source", 'dependencies: ["httpx>=0.28", "acme[x]~=1.0"]'),
        ("source", "package: acme.connectors.demo"),
        ("sink", "delivery: [transactional, upsert]\nbatch_size: 5"),
        ("sink", "batching: true\nbatch_size_from: size"),
        ("sink", "tests: {simulate: [{when: {status: 429, retry_after_s: 0.5}, expect: retried}]}"),
        ("source", f"streams: [{{name: a, {RECORD}, primary_key: [id, [sub, k]], cursor: at}}]"),
        ("source", "streams: [{name: a, schema: {type: object}, primary_key: [anything]}]"),
        ("source", 'streams: [{name: a, schema: {type: object, properties: {me: {$ref: "#"}}}}]'),
        ("source", "rules: [{require_any: [cert, verify], at: /tls}]"),
        ("source", "rules: [{when: {mode: fast}, require: [host]}]"),
        ("transform", "tests: {cases: [{name: a, input: {data: {}}, output: []}]}"),
    ],
)
def test_accepts(tmp_path: Path, kind: str, text: str) -> None:
    assert found(tmp_path, kind, text) == []


@pytest.mark.parametrize(
    ("kind", "text", "code", "at"),
    [
        ("transform", "streams: []", "RVN206", "/streams"),
        ("transform", "checks: []", "RVN206", "/checks"),
        ("sink", "incremental: true", "RVN206", "/incremental"),
        ("source", "package: pydantic", "RVN207", "/package"),
        ("source", "license: Apache", "RVN208", "/license"),
        ("source", "documentation_url: ftp://example.com", "RVN209", "/documentation_url"),
        ("source", "documentation_url: https://me:pw@example.com", "RVN209", "/documentation_url"),
        ("source", 'documentation_url: "https://x/\\n[a](b)"', "RVN209", "/documentation_url"),
        ("source", "documentation_url: 'http://[::'", "RVN209", "/documentation_url"),
        ("source", 'dependencies: ["-r x"]', "RVN210", "/dependencies/0"),
        ("source", 'dependencies: ["a; python_version > \'3\'"]', "RVN210", "/dependencies/0"),
        ("source", 'dependencies: ["a\\nb"]', "RVN210", "/dependencies/0"),
        ("source", "dependencies: [a, A>=1]", "RVN214", "/dependencies/1"),
        ("source", "aliases: [demo]", "RVN214", "/aliases/0"),
        ("source", "aliases: [old, old_name, OLD]", "RVN205", "/aliases/2"),
        ("sink", "batching: true\nbatch_size_from: sizes", "RVN213", "/batch_size_from"),
        ("sink", "batching: true\nbatch_size_from: port", "RVN213", "/batch_size_from"),
        ("sink", "batching: true\nbatch_size: 3\nbatch_size_from: size", "RVN217", "/batch_size_from"),
        ("sink", "batch_max_bytes: 3", "RVN217", "/batch_max_bytes"),
        ("source", 'title: "a\\u202eb"', "RVN216", "/title"),
        ("source", "streams: [{name: a, schema: {type: object, requird: [x]}}]", "RVN416", "/streams/0/schema/requird"),
        ("source", "streams: [{name: a, schema: {properties: {x: {allOf: [{mininum: 1}]}}}}]", "RVN416", "/streams/0/schema/properties/x/allOf/0/mininum"),
        ("source", "streams: [{name: a, schema: {properties: {name: {}}, required: [nam]}}]", "RVN416", "/streams/0/schema/required/0"),
        ("source", f"streams: [{{name: Orders, {RECORD}}}, {{name: orders, {RECORD}}}]", "RVN402", "/streams/1/name"),
        ("source", f"streams: [{{name: a_1, {RECORD}}}, {{name: a1, {RECORD}}}]", "RVN402", "/streams/1/name"),
        ("source", "streams: [{name: Partition, schema: {}}]", "RVN403", "/streams/0/name"),
        ("source", 'streams: [{name: a, schema: {$ref: "http://x/y"}}]', "RVN405", "/streams/0/schema/$ref"),
        ("source", 'streams: [{name: a, schema: {type: object, $defs: {a: {$ref: "#/$defs/a"}}}}]', "RVN405", "/streams/0/schema/$defs/a/$ref"),
        ("source", "streams: [{name: a, schema: {minimum: x}}]", "RVN405", "/streams/0/schema/minimum"),
        ("source", f"streams: [{{name: a, {RECORD}, primary_key: [idd]}}]", "RVN406", "/streams/0/primary_key/0"),
        ("source", f"streams: [{{name: a, {RECORD}, primary_key: [[sub, x]]}}]", "RVN406", "/streams/0/primary_key/0"),
        ("source", f"streams: [{{name: a, {RECORD}, cursor: att}}]", "RVN406", "/streams/0/cursor"),
        ("source", "streams: [{name: a, schema: {}, cursor_order: ascending}]", "RVN407", "/streams/0/cursor_order"),
        ("source", "checks: [{name: a, requires: a}]", "RVN410", "/checks/0/requires"),
        ("source", "rules: [{}]", "RVN411", "/rules/0"),
        ("source", "rules: [{when: {mode: safe}}]", "RVN411", "/rules/0"),
        ("source", "rules: [{require_any: [host, port], require_one: [host, port]}]", "RVN411", "/rules/0"),
        ("source", "rules: [{require_together: [host, host]}]", "RVN411", "/rules/0/require_together"),
        ("source", "rules: [{require_one: [host, prot]}]", "RVN412", "/rules/0/require_one/1"),
        ("source", "rules: [{when: {modus: safe}, require: [host]}]", "RVN412", "/rules/0/when/modus"),
        ("source", "rules: [{when: {mode: fast}, require: [size]}]", "RVN413", "/rules/0/require/0"),
        ("source", "rules: [{require_any: [a, b], at: /nothing}]", "RVN414", "/rules/0/at"),
        ("source", "rules: [{when: {port: true}, require: [host]}]", "RVN415", "/rules/0/when/port"),
        ("source", "config: {type: object, properties: {k: {type: string, secret: true}, h: {}}}\nrules: [{when: {k: x}, require: [h]}]", "RVN322", "/rules/0/when/k"),
        ("source", "tests: {valid: {a: {port: x}}}", "RVN420", "/tests/valid/a/port"),
        ("source", "rules: [{when: {mode: safe}, require: [host]}]\ntests: {valid: {a: {}}}", "RVN420", "/tests/valid/a/host"),
        ("source", "tests: {invalid: {a: {config: {}, at: /host, rule: required}}}", "RVN421", "/tests/invalid/a/config"),
        ("source", "tests: {invalid: {a: {config: {port: x}, at: /host, rule: type}}}", "RVN422", "/tests/invalid/a"),
        ("source", "config: {type: object, required: [a], properties: {a: {type: string, validator: mine}}}", "RVN423", "/config/properties/a"),
        ("source", "config: {type: object, required: [a, b], properties: {a: {}, b: {type: object, required: [c], properties: {c: {type: string, validator: mine}}}}}", "RVN423", "/config/properties/b/properties/c"),
        ("source", "tests: {cases: [{name: a, input: {}, output: []}]}", "RVN424", "/tests/cases"),
        ("transform", "tests: {simulate: {pages: 1}}", "RVN424", "/tests/simulate"),
        (
            "sink",
            "tests: {simulate: [{when: {status: 204}, expect: retried}]}",
            "RVN424",
            "/tests/simulate/0/when/status",
        ),
    ],
)  # fmt: skip
def test_refuses(tmp_path: Path, kind: str, text: str, code: str, at: str) -> None:
    assert set(found(tmp_path, kind, text)) == {(code, at)}


@pytest.mark.parametrize(
    ("rule", "config", "at", "name"),
    [
        ("{require_any: [host, port]}", "{}", "", "require_any"),
        ("{require_one: [host, port]}", "{host: a, port: 1}", "", "require_one"),
        ("{require_together: [host, port]}", "{host: a}", "/port", "require_together"),
        ("{require_together: [host, port]}", "{host: a}", "", "require_together"),
        ("{when: {mode: safe}, require: [host]}", "{}", "/host", "when"),
        ("{require_any: [cert, verify], at: /tls}", "{tls: {}}", "/tls", "require_any"),
    ],
)
def test_rules_are_named_in_invalid_cases(
    tmp_path: Path, rule: str, config: str, at: str, name: str
) -> None:
    text = f"rules: [{rule}]\ntests:\n  valid: {{ok: {{host: a, port: 1}}}}\n"
    if "one" in name:
        text = text.replace(", port: 1}}", "}}")
    text += f'  invalid: {{bad: {{config: {config}, at: "{at}", rule: {name}}}}}\n'
    assert found(tmp_path, "source", text) == []


def test_a_validator_case_is_left_to_the_validator(tmp_path: Path) -> None:
    text = "tests: {invalid: {a: {config: {host: a}, at: /host, rule: validator}}}"
    assert found(tmp_path, "source", text) == []


def test_words_of_others_in_a_record_schema_are_no_slips(tmp_path: Path) -> None:
    own = {"precision": 3, "db_type": "int", "x-order": 1, "example": 1, "id": "a", "scale": 2}
    names = {"requird": own, "titel": {"const": {"tittle": 1}}, "typ": {"enum": [{"requird": 1}]}}
    schema = {"type": "object", "properties": names, "required": ["typ", "elsewhere"]}
    parts = {"manifest": "1", "kind": "source", "name": "demo", "config": {}}
    path = tmp_path / "connector.yaml"
    path.write_text(json.dumps({**parts, "streams": [{"name": "a", "schema": schema}]}))
    assert not load_manifest(path).warnings


def test_a_stream_that_stands_twice_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "connector.yaml"
    streams = f"streams: [{{name: orders, {RECORD}}}, {{name: orders, {RECORD}}}]"
    path.write_text(f'manifest: "1"\nkind: source\nname: demo\nconfig: {{}}\n{streams}\n', "utf-8")
    with pytest.raises(InputError) as refused:
        load_manifest(path)
    [message] = [p.message for p in refused.value.problems if p.code == "RVN402"]
    assert "is called the same" in message


def test_a_property_of_an_object_that_declares_none_is_a_case(tmp_path: Path) -> None:
    config = "config: {type: object, properties: {nothing: {type: object}}}"
    case = "{config: {nothing: {x: 1}}, at: /nothing/x, rule: additionalProperties}"
    assert found(tmp_path, "source", f"{config}\ntests: {{invalid: {{a: {case}}}}}") == []
