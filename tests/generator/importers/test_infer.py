"""`rivven infer`: a schema that every record of the sample is valid under, and nothing of the values."""

from __future__ import annotations

import io
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rivven_connect.cli.edge import run_group
from rivven_connect.documents import InputError, parse_document
from rivven_generator.cli import GROUP
from rivven_generator.importers.samples import Inferred, infer_stream
from rivven_generator.importers.samples.findings import Findings
from rivven_generator.importers.samples.lines import records_of
from rivven_generator.importers.samples.schemas import schema_of
from rivven_generator.importers.samples.shapes import Shapes
from rivven_generator.importers.yaml_text import manifest_yaml
from rivven_generator.load import check_manifest

JsonObject = dict[str, Any]


def sample(folder: Path, *records: Any) -> Path:
    path = folder / "orders.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return path


def inferred(folder: Path, *records: Any, **options: Any) -> Inferred:
    return infer_stream(str(sample(folder, *records)), name="orders", **options)


def field(folder: Path, *values: Any) -> Any:
    found = inferred(folder, *({"x": value} for value in values))
    return found.stream["schema"]["properties"]["x"]


@pytest.mark.parametrize(
    ("values", "schema"),
    [
        ([1, 2], {"type": "integer"}),
        ([1, 2.5], {"type": "number"}),
        ([1, None], {"type": ["integer", "null"]}),
        ([1, "a"], {"type": ["string", "integer"]}),
        ([None, None], {}),
        ([True], {"type": "boolean"}),
        ([[], [1], ["a"]], {"type": "array", "items": {"type": ["string", "integer"]}}),
        ([[]], {"type": "array"}),
        ([{"a": 1}, {}], {"type": "object", "properties": {"a": {"type": "integer"}}}),
        ([{}], {"type": "object"}),
        (["2026-01-05"] * 3, {"type": "string", "format": "date"}),
        (["2026-01-05"] * 2, {"type": "string"}),
        (["2026-01-05", "2026-01-06", "soon", "2026-01-07"], {"type": "string"}),
        (["2026-01-05T10:00:00Z"] * 3 + [None], {"type": ["string", "null"], "format": "date-time"}),
        (["5e8f8c9a-0000-4000-8000-000000000000"] * 3, {"type": "string", "format": "uuid"}),
        (["ann@example.com"] * 3, {"type": "string", "format": "email"}),
        (["https://example.com/a"] * 3, {"type": "string", "format": "uri"}),
        (["note:one"] * 3, {"type": "string"}),
        (["192.0.2.1"] * 3, {"type": "string", "format": "ipv4"}),
        (["new", "new", "new", "paid"], {"type": "string"}),
    ],
)  # fmt: skip
def test_values_become_a_schema(values: list[Any], schema: JsonObject, tmp_path: Path) -> None:
    assert field(tmp_path, *values) == schema


def test_a_field_is_required_if_each_record_has_it(tmp_path: Path) -> None:
    schema = inferred(tmp_path, {"a": 1, "b": 1}, {"a": None}).stream["schema"]
    assert schema["required"] == ["a"]


def test_an_object_with_many_keys_like_ids_is_a_map(tmp_path: Path) -> None:
    prices = {f"sku-{number:05}": {"net": number} for number in range(60)}
    found = inferred(tmp_path, {"prices": prices}, {"prices": {"other": {"net": 0.5, "tax": 1}}})
    entry = {
        "type": "object",
        "required": ["net"],
        "properties": {"net": {"type": "number"}, "tax": {"type": "integer"}},
    }
    prices_schema = found.stream["schema"]["properties"]["prices"]
    assert prices_schema == {"type": "object", "additionalProperties": entry}
    assert {(note.code, note.pointer) for note in found.notes} == {("RVN867", "/prices")}


def test_a_field_that_is_not_described_stays_valid_in_a_map(tmp_path: Path) -> None:
    ids = {f"sku-{number:05}": number for number in range(60)}
    found = inferred(tmp_path, {"prices": {"\x1f": None}}, {"prices": ids})
    assert found.stream["schema"]["properties"]["prices"] == {"type": "object"}
    assert ("RVN868", "/prices") in {(note.code, note.pointer) for note in found.notes}


def test_an_object_with_many_words_as_keys_is_no_map(tmp_path: Path) -> None:
    letters = "abcdefghij"
    wide = {f"{one}{two}_amount": 1 for one in letters for two in letters}
    schema = inferred(tmp_path, wide).stream["schema"]
    assert set(schema["properties"]) == set(wide)


def test_keys_are_suggested_and_only_written_when_asked(tmp_path: Path) -> None:
    records = [{"id": n, "updated_at": f"2026-01-0{n}T00:00:00Z", "at": n} for n in (1, 2, 3)]
    found = inferred(tmp_path, *records)
    assert set(found.stream) == {"name", "schema"}
    suggested = {(note.code, note.pointer) for note in found.notes}
    assert suggested == {("RVN865", "/id"), ("RVN865", "/updated_at")}
    asked = inferred(tmp_path, *records, primary_key=["id"], cursor="at")
    assert (asked.stream["primary_key"], asked.stream["cursor"]) == (["id"], "at")
    assert asked.notes == []
    repeated = inferred(tmp_path, {"id": 1}, {"id": 1})
    assert repeated.notes == []


@pytest.mark.parametrize(
    ("options", "records"),
    [
        ({"primary_key": ["no"]}, [{"id": 1}]),
        ({"primary_key": ["id"]}, [{"id": 1}, {}]),
        ({"cursor": "id"}, [{"id": 1}, {"id": None}]),
        ({"cursor": "id"}, [{"id": [1]}]),
    ],
)
def test_a_key_that_is_not_in_every_record_is_refused(
    options: JsonObject, records: list[Any], tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        inferred(tmp_path, *records, **options)
    assert [problem.code for problem in caught.value.problems] == ["RVN864"]


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=5),
        st.sampled_from(["2026-01-05", "2026-01-05T10:00:00Z", "ann@example.com", "http://a/b"]),
    ),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["a", "b", "type", "$ref"]) | st.text(max_size=3), inner, max_size=4),
    max_leaves=5,
)  # fmt: skip
RECORDS = st.lists(st.dictionaries(st.sampled_from("abc") | st.text(max_size=3), JSON, max_size=4), min_size=1, max_size=4)  # fmt: skip


def schema_from(records: list[JsonObject]) -> JsonObject:
    lines = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    shapes = Shapes()
    for record in records_of(io.BytesIO(lines), "sample", None):
        shapes.take(record)
    return schema_of(shapes.root, Findings())


@settings(max_examples=40, deadline=None)
@given(RECORDS, st.integers(40, 60))
def test_every_record_of_the_sample_is_valid(records: list[JsonObject], ids: int) -> None:
    records.append({"a": {f"k{number:04}": number for number in range(ids)}})
    judge = jsonschema_rs.Draft202012Validator(schema_from(records), validate_formats=True)
    assert all(judge.is_valid(json.loads(json.dumps(record))) for record in records)


@settings(max_examples=15, deadline=None)
@given(RECORDS)
def test_a_manifest_takes_the_schema_of_any_records(records: list[JsonObject]) -> None:
    stream = {"name": "orders", "schema": schema_from(records)}
    manifest = {"manifest": "1", "kind": "source", "name": "demo", "config": {"type": "object"}}
    text = manifest_yaml({**manifest, "streams": [stream]})
    check_manifest(parse_document(text, path="connector.yaml"))


SECRET = "hunter2-canary"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"a": "%s"' % SECRET.encode(), "RVN860"),
        (b"%s" % SECRET.encode(), "RVN860"),
        (b'{"a": "\xff%s"}' % SECRET.encode(), "RVN860"),
        (b'\xff\xfe{\x00"\x00', "RVN860"),
        (b'{"a": "x\ty%s"}' % SECRET.encode(), "RVN860"),
        (b'["%s"]' % SECRET.encode(), "RVN861"),
        (b'"%s"' % SECRET.encode(), "RVN861"),
        (b'{"a": 1, "a": "%s"}' % SECRET.encode(), "RVN862"),
        (b'{"a": NaN}', "RVN862"),
        (b'{"a": -Infinity}', "RVN862"),
        (b'{"a": 1e400}', "RVN862"),
        (b'{"a": %s}' % (b"9" * 5000), "RVN862"),
        (b'{"a": 18446744073709551616}', "RVN862"),
        (b'{"a": %s%s}' % (b"[" * 60, b"]" * 60), "RVN862"),
        (b"[" * 200_000, "RVN862"),
        (b'{"a": "%s"}' % (b"x" * 9_000_000), "RVN862"),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else value,
)
def test_a_bad_line_is_refused_with_its_place_and_without_its_values(
    line: bytes, code: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_bytes(b'{"a": 1}\n\n' + line + b"\n")
    status = run_group(GROUP, ["infer", str(path)], prog_name="rivven")
    shown = capfd.readouterr()
    assert status == 2
    assert shown.err.startswith(f"{path}:3:")
    assert f" {code} " in shown.err
    assert shown.out == ""
    assert SECRET not in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("name", ["missing.jsonl", ".", "nul\x00byte"])
def test_what_is_no_file_is_refused(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_group(GROUP, ["infer", f"{tmp_path}/{name}"], prog_name="rivven") == 2
    assert "RVN10" in capfd.readouterr().err


def test_many_different_fields_stay_within_bounds() -> None:
    shapes = Shapes()
    words = ["".join(chr(97 + (number // 26**place) % 26) for place in range(4)) for number in range(30_000)]  # fmt: skip
    for start in range(0, len(words), 100):
        shapes.take(dict.fromkeys(words[start : start + 100], 1))
    assert len(shapes.root.fields) == 10_000
    assert shapes.root.is_open


def test_the_command_prints_what_belongs_into_a_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sample(tmp_path, {"id": 1, "a": SECRET}, {"id": 2, "a": 2})
    assert (
        run_group(GROUP, shlex.split("infer orders.jsonl --primary-key id"), prog_name="rivven")
        == 0
    )
    shown = capfd.readouterr()
    both = {"type": ["string", "integer"]}
    schema = {
        "type": "object",
        "required": ["id", "a"],
        "properties": {"id": {"type": "integer"}, "a": both},
    }
    assert yaml.safe_load(shown.out) == {
        "streams": [{"name": "orders", "primary_key": ["id"], "schema": schema}]
    }
    assert (
        shown.err
        == "orders.jsonl: note RVN866 values of several types: string, integer (at /a)\n2 records read\n"
    )
    assert SECRET not in shown.out + shown.err


def test_the_command_reads_standard_input_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = io.TextIOWrapper(io.BytesIO(b'\xef\xbb\xbf{"a": 1}\n{"a": 2}\nnot read\n'))
    monkeypatch.setattr(sys, "stdin", lines)
    assert (
        run_group(GROUP, shlex.split("infer - --limit 2 --json --name clicks"), prog_name="rivven")
        == 0
    )
    shown = json.loads(capfd.readouterr().out)
    assert (shown["records"], shown["streams"][0]["name"], shown["notes"]) == (2, "clicks", [])


def test_a_name_that_no_stream_may_have_is_refused(tmp_path: Path) -> None:
    path = sample(tmp_path, {"a": 1})
    assert run_group(GROUP, ["infer", str(path), "--name", "1st"], prog_name="rivven") == 2


@pytest.mark.parametrize(
    ("records", "options", "reason"),
    [
        ([{"id": 1}, {"id": 1}], {"primary_key": ["id"]}, "two records have the same"),
        ([{"n": 1}, {"n": "a"}], {"cursor": "n"}, "a text in some records"),
        ([{"p": True}, {"p": False}], {"primary_key": ["p"]}, "true or false"),
    ],
)
def test_a_key_that_the_sample_disproves_is_refused(
    tmp_path: Path, records: list[Any], options: Any, reason: str
) -> None:
    with pytest.raises(InputError) as raised:
        inferred(tmp_path, *records, **options)
    [problem] = raised.value.problems
    assert problem.code == "RVN864"
    assert reason in problem.message
