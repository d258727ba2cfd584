"""How much a manifest may hold, and that the work for it grows as it does and no faster.

Nothing here looks at a clock: calls are counted.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from call_count import calls, grows_like_its_input
from large_manifests import GROWING, INTEGER, Manifest, Schema, fields, manifest, streams, union

from rivven_connect.documents import InputError
from rivven_generator.load import load_manifest
from rivven_generator.plan import plan_generated, standalone_layout

MEBIBYTE = 1024 * 1024


def write(folder: Path, value: Manifest) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "connector.yaml"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def generate(path: Path) -> dict[str, str]:
    loaded = load_manifest(path)
    return plan_generated(loaded, standalone_layout(loaded.manifest))


@pytest.mark.slow
@pytest.mark.parametrize("kind", GROWING)
def test_twice_as_much_is_twice_the_work(tmp_path: Path, kind: str) -> None:
    paths = [write(tmp_path / str(count), GROWING[kind](count)) for count in (2, 8, 16, 32)]
    generate(paths[0])  # what is done once is done
    counts = [calls(functools.partial(generate, path)) for path in paths[1:]]
    assert grows_like_its_input(counts), counts


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["integers", "texts", "objects", "streams", "record fields"])
def test_so_it_is_to_read_and_judge_a_large_one(tmp_path: Path, kind: str) -> None:
    """Reading costs little for each field, so that a little for each pair of them would show."""
    paths = [write(tmp_path / str(count), GROWING[kind](count)) for count in (2, 100, 200, 400)]
    load_manifest(paths[0])
    counts = [calls(functools.partial(load_manifest, path)) for path in paths[1:]]
    assert grows_like_its_input(counts), counts


def test_the_count_notices_quadratic_work() -> None:
    def quadratic(size: int) -> int:
        return calls(lambda: [abs(1) for _ in range(size * size)])

    counts = [quadratic(size) for size in (12, 24, 48)]
    assert counts[2] - counts[1] > 2.6 * (counts[1] - counts[0])


def nested(depth: int) -> Schema:
    schema: Schema = INTEGER
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


RULE = {"require_any": ["f0", "f1"]}
TWO = fields(lambda _: INTEGER, 2)
ANY = fields(lambda _: {}, 1)
TOO_MUCH: dict[str, tuple[str, Manifest]] = {
    "streams": ("RVN408", streams(1_001)),
    "ten thousand streams": ("RVN102", streams(10_000)),
    "fields": ("RVN102", manifest(config=fields(lambda _: {}, 5_001))),
    "as many fields as a mebibyte has room for": (
        "RVN102",
        manifest(config=fields(lambda _: {}, 60_000)),
    ),
    "fields in fields": (
        "RVN327",
        manifest(config=fields(lambda _: fields(lambda _: {}, 100), 50)),
    ),
    "a long text": ("RVN218", manifest(description="x" * 65_537)),
    "a text of a mebibyte": ("RVN102", manifest(description="x" * MEBIBYTE)),
    "choices": ("RVN102", manifest(config=fields(lambda _: {"enum": list(range(5_001))}, 1))),
    "branches": ("RVN327", manifest(config=fields(lambda _: union(201), 1))),
    "rules": ("RVN218", manifest(config=TWO, rules=[RULE] * 101)),
    "names in a rule": ("RVN218", manifest(config=TWO, rules=[{"require_any": ["f0"] * 21}])),
    "checks": ("RVN218", manifest(checks=[{"name": f"c{i}"} for i in range(101)])),
    "tags": ("RVN218", manifest(tags=[f"t{i}" for i in range(101)])),
    "aliases": ("RVN218", manifest(aliases=[f"a{i}" for i in range(101)])),
    "dependencies": ("RVN218", manifest(dependencies=[f"a{i}" for i in range(101)])),
    "valid configs": ("RVN218", manifest(tests={"valid": {f"v{i}": {} for i in range(101)}})),
    "an example": (
        "RVN102",
        manifest(config=ANY, tests={"valid": {"v": {"f0": list(range(60_000))}}}),
    ),
    "objects in records": (
        "RVN218",
        streams(101, fields(lambda _: {"properties": {}}, 50)),
    ),
    "depth": ("RVN106", manifest(config=nested(40))),
    "repeats": (
        "RVN318",
        manifest(config=fields(lambda _: {"type": "string", "pattern": "^a{1,1000}$"}, 200)),
    ),
    "references that double": (
        "RVN327",
        manifest(
            config={
                **fields(lambda _: {"$ref": "#/$defs/D0"}, 1),
                "$defs": {
                    **{
                        f"D{i}": fields(lambda _, i=i: {"$ref": f"#/$defs/D{i + 1}"}, 2)  # type: ignore[misc]  # binds the loop's value
                        for i in range(40)
                    },
                    "D40": {"type": "integer"},
                },
            }
        ),
    ),
}


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_too_much_is_refused_before_it_costs_anything(tmp_path: Path, kind: str) -> None:
    """A call takes a fraction of a microsecond: three million of them are less than a second."""
    code, value = TOO_MUCH[kind]
    path = write(tmp_path, value)
    found: list[Any] = []

    def load() -> None:
        with pytest.raises(InputError) as caught:
            load_manifest(path)
        found.extend(caught.value.problems)

    calls(load, most=3_000_000)
    assert {problem.code for problem in found} == {code}
    assert all(problem.line or "mebibyte" in kind for problem in found)
    assert all(problem.hint for problem in found)


ENOUGH: dict[str, Manifest] = {
    "branches": manifest(config=fields(lambda _: union(200), 1)),
    "rules": manifest(config=TWO, rules=[RULE] * 100),
    "a text": manifest(description="x" * 65_536),
    "a list that must be longer than memory": manifest(
        config=fields(lambda _: {"type": "array", "items": {}, "minItems": 10**9}, 1)
    ),
    "texts that must be long": manifest(
        config=fields(lambda _: {"type": "string", "minLength": 90_000}, 100)
    ),
    "patterns of long texts": manifest(
        config=fields(lambda _: {"type": "string", "minLength": 90_000, "pattern": "^a+$"}, 20)
    ),
    "a record of unions": streams(
        1, fields(lambda _: {"anyOf": [{"const": i} for i in range(500)]}, 1)
    ),
}


@pytest.mark.parametrize("kind", ENOUGH)
def test_what_is_just_not_too_much_is_generated_and_stays_small(tmp_path: Path, kind: str) -> None:
    files = generate(write(tmp_path, ENOUGH[kind]))
    assert sum(map(len, files.values())) < 2 * MEBIBYTE


def test_a_long_key_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, manifest())
    path.write_text(f'{path.read_text()[:-1]}, ? "{"x" * 65_537}" : 1}}', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_manifest(path)
    assert {problem.code for problem in caught.value.problems} == {"RVN218"}


def test_schema_files_are_bounded_together(tmp_path: Path) -> None:
    filler = json.dumps({"type": "object", "examples": ["x" * 60_000] * 10})
    value = streams(8)
    for stream in value["streams"]:
        stream["schema"] = f"{stream['name']}.json"
        (tmp_path / stream["schema"]).write_text(filler, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_manifest(write(tmp_path, value))
    assert [(p.code, p.pointer) for p in caught.value.problems] == [("RVN218", "/streams/6/schema")]


def test_a_schema_file_has_the_limits_of_a_manifest(tmp_path: Path) -> None:
    value = manifest("source", streams=[{"name": "a", "schema": "a.json"}])
    schemas: list[Schema] = [
        {"description": "x" * 65_537},
        {"enum": list(range(5_001))},
        {"x": [[0] * 4_000] * 15},
    ]
    for schema, code in zip(schemas, ("RVN218", "RVN102", "RVN102"), strict=True):
        (tmp_path / "a.json").write_text(json.dumps(schema), encoding="utf-8")
        with pytest.raises(InputError) as caught:
            load_manifest(write(tmp_path, value))
        (problem,) = caught.value.problems
        assert (problem.code, Path(problem.path).name) == (code, "a.json")
