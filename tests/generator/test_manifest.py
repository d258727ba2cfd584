"""Reading a manifest: defaults, structure, files, order of problems."""

from __future__ import annotations

from pathlib import Path

import pytest

from rivven_connect.documents import InputError, Problem
from rivven_generator.fixes import FIXES
from rivven_generator.load import LoadedManifest, load_manifest
from rivven_generator.manifest import Manifest

SOURCE = 'manifest: "1"\nkind: source\nname: demo\n'
SINK = SOURCE.replace("source", "sink")
EMPTY = "config: {}\n"


def load(folder: Path, text: str) -> LoadedManifest:
    (folder / "connector.yaml").write_text(text, encoding="utf-8")
    return load_manifest(folder)


def problems(folder: Path, text: str) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        load(folder, text)
    return list(caught.value.problems)


def test_defaults(tmp_path: Path) -> None:
    manifest = load(tmp_path, SOURCE + EMPTY).manifest
    assert (manifest.package, manifest.version, manifest.incremental) == ("demo", "0.0.1", False)
    assert (manifest.position, manifest.replayable, manifest.partitioned) == (
        "unstable",
        True,
        False,
    )
    assert manifest.config == {"type": "object"}
    sink = load(tmp_path, SINK + EMPTY).manifest
    assert (sink.batch_size, sink.batch_max_bytes, sink.batch_max_wait_ms) == (
        10_000,
        10 << 20,
        5_000,
    )
    assert (sink.batching, sink.delivery, sink.order_safe) == (False, ["at_least_once"], False)


def test_defaults_that_follow_from_streams(tmp_path: Path) -> None:
    text = SOURCE + EMPTY + (
        "streams:\n"
        "  - {name: a, schema: {type: object}, cursor: at, primary_key: [id, [b, c]]}\n"
        "  - {name: b, schema: {type: object}, primary_key: [id]}\n"
    )  # fmt: skip
    manifest = load(tmp_path, text).manifest
    first, second = manifest.streams
    assert (manifest.incremental, manifest.position) == (True, "stable")
    assert first.sync_modes == ["full_refresh", "incremental"]
    assert second.sync_modes == ["full_refresh"]
    assert first.primary_key == [["id"], ["b", "c"]]
    assert (first.cursor_order, first.python_name, first.hook) == ("unordered", "a", "read_a")


def test_a_single_delivery_is_a_list_of_one(tmp_path: Path) -> None:
    assert load(tmp_path, SINK + EMPTY + "delivery: upsert\n").manifest.delivery == ["upsert"]


def test_a_whole_float_is_an_integer_as_in_json(tmp_path: Path) -> None:
    text = SINK + EMPTY + "batching: true\nbatch_size: 5.0\n"
    assert load(tmp_path, text).manifest.batch_size == 5


def test_the_example_of_the_format_is_valid(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "issue.json").write_text('{"type": "object"}')
    text = (
        SOURCE
        + """
config:
  type: object
  required: [repositories, auth]
  properties:
    base_url: {type: string, format: uri, default: "https://api.github.com", identity: true}
    repositories: {type: array, minItems: 1, items: {type: string, pattern: "^[^/]+/[^/]+$"}}
    schedule: {type: string, validator: cron}
    page_size: {type: integer, minimum: 1, maximum: 100, default: 100}
    auth:
      oneOf: [{$ref: "#/$defs/TokenAuth"}, {$ref: "#/$defs/AppAuth"}]
      discriminator: {propertyName: type}
  $defs:
    TokenAuth:
      type: object
      required: [type, token]
      properties: {type: {const: token}, token: {type: string, secret: true, minLength: 1}}
    AppAuth:
      type: object
      required: [type, app_id, private_key]
      properties:
        type: {const: app}
        app_id: {type: integer, minimum: 1}
        private_key: {type: string, secret: true}
streams:
  - {name: issues, primary_key: [id], cursor: updated_at, schema: schemas/issue.json}
checks:
  - name: endpoint_reachable
  - {name: auth_valid, requires: endpoint_reachable}
tests:
  valid:
    minimal: {repositories: [a/b], auth: {type: token, token: not-a-real-token}}
  invalid:
    bad: {config: {repositories: [nope], auth: {type: token, token: x}}, at: /repositories/0, rule: pattern}
    no_key: {config: {repositories: [a/b], auth: {type: app, app_id: 1}}, at: /auth/private_key, rule: required}
    extra: {config: {repositories: [a/b], auth: {type: token, token: x}, z: 1}, at: /z, rule: additionalProperties}
    tag: {config: {repositories: [a/b], auth: {type: none}}, at: /auth/type, rule: discriminator}
"""
    )
    loaded = load(tmp_path, text)
    assert loaded.warnings == []
    assert set(loaded.record_schemas) == {"issues"}
    assert loaded.manifest.streams[0].schema_ == {"type": "object"}


def test_all_problems_come_at_once_in_the_order_of_their_places(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        SOURCE.replace("demo", "Demo") + "tittle: x\nbatching: true\nconfig: {type: object, propertis: {}}\n",
    )  # fmt: skip
    assert [(p.line, p.code) for p in found] == [
        (3, "RVN205"),
        (4, "RVN201"),
        (5, "RVN206"),
        (6, "RVN301"),
    ]
    assert all(p.column and p.pointer for p in found)


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [
        ("version: 1.10\n", "RVN203", 'quote it: "1.10"'),
        ("title: 2021\n", "RVN203", 'quote it: "2021"'),
        ("title: true\n", "RVN203", 'quote it: "true"'),
        ("tags: [1.10]\n", "RVN203", 'quote it: "1.10"'),
        ("titel: x\n", "RVN201", "did you mean `title`?"),
        ("runtime: {retry: {max_retrys: 1}}\n", "RVN201", "did you mean `max_retries`?"),
        ("runtime: {concurrency: 0}\n", "RVN205", ""),
        ("checks: [{name: A-b}]\n", "RVN205", "use lower-case letters, digits and `_`, starting with a letter"),
        ("streams: [{name: x}]\n", "RVN202", ""),
        ("tests: {simulate: {pages: -1}}\n", "RVN205", ""),
        ("tests: {invalid: {a: {config: {}, at: x, rule: type}}}\n", "RVN205", "use a JSON pointer, such as `/auth/token`"),
        ("tests: {valid: {a-b: {}}}\n", "RVN205", "use lower-case letters, digits and `_`, starting with a letter"),
    ],
)  # fmt: skip
def test_structure(tmp_path: Path, line: str, code: str, hint: str) -> None:
    (found,) = problems(tmp_path, SOURCE + EMPTY + line)
    assert (found.code, found.hint, found.line) == (code, hint or FIXES[code], 5)


def test_the_version_of_the_format_is_text(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, SOURCE.replace('"1"', "1") + EMPTY)
    assert (found.code, found.hint) == ("RVN203", 'quote it: "1"')


def test_schema_files_stay_below_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "outside.json").write_text('{"type": "object"}')
    (folder / "link.json").symlink_to(tmp_path / "outside.json")
    (folder / "sub" / "in.json").write_text('{"type": "object"}')
    for name in ("../outside.json", str(tmp_path / "outside.json"), "link.json", "sub", "file:///etc/passwd",
                 "http://example.com/x.json", "\\\\\\\\host\\\\x", "%2e%2e/outside.json", "sub/../../outside.json"):  # fmt: skip
        text = SOURCE + EMPTY + f'streams: [{{name: a, schema: "{name}"}}]\n'
        (found,) = problems(folder, text)
        assert (found.code, found.line) == ("RVN404", 5), name
    inside = load(folder, SOURCE + EMPTY + "streams: [{name: a, schema: sub/in.json}]\n")
    assert set(inside.record_schemas) == {"a"}


def test_problems_in_a_schema_file_are_located_there(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"type": "object",\n "properties": {"a": {"type": "strin"}}}')
    (found,) = problems(tmp_path, SOURCE + EMPTY + "streams: [{name: a, schema: a.json}]\n")
    assert (found.code, Path(found.path).name, found.line) == ("RVN405", "a.json", 2)


def test_a_manifest_can_be_made_without_a_file() -> None:
    manifest = Manifest.model_validate(
        {"manifest": "1", "kind": "sink", "name": "csv", "config": {}}
    )
    assert manifest.package == "csv_sink"
    assert manifest.class_names.connector == "CsvSink"
