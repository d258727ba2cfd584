"""Manifests from a seed: a good one or one of a corpus, broken by value, by text or by bytes."""

from __future__ import annotations

import copy
import functools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rivven_connect.documents import InputError, parse_document
from rivven_generator.schema.vocabulary import FORMATS, KEYWORDS

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent

NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, -(2**63), 5e-324, 1e308, "", " ", "\n", "x" * 300, "\u202e",
    "é", "\U0001f600", "class", "__class__", "None", "../x", "${env:X}", "{{ 7*7 }}", '"""', "\\N{DASH}",
    "^(a+)+$", "(", "(?=a)", "[z-a]", "a{1000}{1000}", "2021-01-25", "12:30", "no", "#/$defs/A", "#",
    "http://x/y", "file:///etc/passwd", [], {}, [[]], [None], [{}], {"": None}, {"$ref": "#/$defs/A"},
    {"type": "object"}, {"type": ["string", "null"]}, {"const": 1}, {"enum": [1, 1.0]}, {"oneOf": []},
    {"oneOf": [{}], "discriminator": {"propertyName": "a"}}, {"type": "array", "minItems": 10**9},
    {"type": "string", "minLength": 10**9}, {"type": "number", "multipleOf": 1e-9, "maximum": 1e9},
    {"properties": {"a": {}}, "type": "object", "additionalProperties": {}}, {"format": "date"},
)  # fmt: skip
WORDS = (
    *KEYWORDS, *FORMATS, "string", "integer", "number", "boolean", "array", "object", "null", "source",
    "sink", "transform", "require_any", "when", "require", "at", "name", "valid", "invalid", "rule",
    "streams", "checks", "rules", "tests", "config", "schema", "primary_key", "cursor", "position",
)  # fmt: skip
SNIPPETS = (
    b"\t", b"  ", b"\n", b"\r", b"\x00", b"\xff", b"\xe2\x80\xae", b"&a ", b"*a ", b"!!str ", b"<<: ", b"- ",
    b": ", b"{", b"}", b"[", b"]", b'"', b"'", b"|\n", b">\n", b"---\n", b"...\n", b"# ", b"%", b"@", b"`", b"? ",
    b"\xef\xbb\xbf", b"\xc2\x85", b"\xf0\x9f\x98\x80", b"0x1F", b".inf", b"1e400", b"9" * 5000, b"[" * 200,
)  # fmt: skip


@functools.cache
def corpus() -> tuple[bytes, ...]:
    """Return the seeds: every manifest of this repository, good or bad."""
    folders = ("runtime/src/rivven_connect/connectors", "tests/golden", "tests/golden_errors",
               "tests/generator/case_manifests", "examples")  # fmt: skip
    paths = sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.yaml")
        if "tree" not in path.parts and "pipeline" not in path.name and path.stat().st_size < 8_000
    )
    return tuple(path.read_bytes() for path in paths)


@functools.cache
def good() -> tuple[Any, ...]:
    """Return the values of the seeds that can be read."""
    values = []
    for content in corpus():
        try:
            values.append(parse_document(content).value)
        except InputError:
            continue
    return tuple(values)


def manifest(seed: int) -> bytes:
    """Return the manifest of a seed."""
    rng = random.Random(seed)
    how = rng.randrange(10)
    if how < 3:
        return as_bytes(broken(rng, rng.choice(good())))
    if how < 6:
        return as_bytes(grown(rng))
    if how < 8:
        return as_bytes(broken(rng, grown(rng)))
    return torn(rng, rng.choice([*corpus(), as_bytes(grown(rng))]))


def as_bytes(value: Any) -> bytes:
    return (
        json.dumps(value, ensure_ascii=True, indent=1)
        .replace("\\ud83d\\ude00", "\\U0001f600")
        .encode()
    )


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value inside a value."""
    yield at
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*at, key))


def broken(rng: random.Random, value: Any) -> Any:
    """Return the value with one to three places changed."""
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, 3)):
        paths = [one for one in places(value) if one]
        if not paths:
            break
        *path, key = rng.choice(paths)
        parent = value
        for step in path:
            parent = parent[step]
        match rng.randrange(6):
            case 0:
                del parent[key]
            case 1 if isinstance(parent, dict):
                parent[rng.choice([*WORDS, f"{key}_", str(key).upper()])] = parent.pop(key)
            case 2:
                parent[key] = copy.deepcopy(
                    rng.choice(good()) if rng.random() < 0.1 else schema(rng, 2)
                )
            case 3 if isinstance(parent, dict):
                parent[rng.choice(WORDS)] = copy.deepcopy(rng.choice(NASTY))
            case _:
                parent[key] = copy.deepcopy(rng.choice(NASTY))
    return value


def torn(rng: random.Random, content: bytes) -> bytes:
    """Return the bytes with one to six places changed."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                data[at:at] = rng.choice(SNIPPETS)
            case 1:
                del data[at : at + rng.randint(1, 40)]
            case 2:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 3:
                start = rng.randrange(len(data) + 1)
                data[at:at] = data[start : start + rng.randint(1, 200)]
            case 4:
                lines = bytes(data).split(b"\n")
                rng.shuffle(lines[: rng.randint(2, 8)])
                one = rng.randrange(len(lines))
                lines[one] = b" " * rng.randint(0, 4) + lines[one].lstrip()
                data = bytearray(b"\n".join(lines))
            case _:
                data[at:at] = rng.choice(WORDS).encode()
    return bytes(data)


def grown(rng: random.Random) -> dict[str, Any]:
    """Return a manifest after the grammar, right more often than not."""
    kind = rng.choice(["source", "sink", "transform"])
    value: dict[str, Any] = {
        "manifest": "1", "kind": kind, "name": rng.choice(["demo", "a-b", "x1", "json", "class"]),
        "config": _object(rng, 3),
    }  # fmt: skip
    if rng.random() < 0.3:
        value["description"] = rng.choice([one for one in NASTY if isinstance(one, str) and one])
    if kind == "source" and rng.random() < 0.7:
        value["streams"] = [
            {"name": name, "schema": _object(rng, 2), **rng.choice([{}, {"cursor": "a"}])}
            for name in rng.sample(["items", "rows", "class", "A-b"], rng.randint(1, 2))
        ]
    if kind != "transform" and rng.random() < 0.4:
        value["checks"] = [{"name": name} for name in rng.sample(["ok", "class", "x"], 2)]
    names = list(value["config"]["properties"])
    if len(names) > 1 and rng.random() < 0.3:
        form = rng.choice(["require_any", "require_one", "require_together"])
        value["rules"] = [{form: rng.sample(names, 2)}]
    if rng.random() < 0.3:
        value["tests"] = {"valid": {"one": {}}}
    return value


SCALARS: tuple[dict[str, Any], ...] = (
    {},
    {"type": "integer", "minimum": -3, "maximum": 9},
    {"type": "integer", "exclusiveMinimum": 0},
    {"type": "number"},
    {"type": "number", "multipleOf": 0.5},
    {"type": "string"},
    {"type": "string", "minLength": 2},
    {"type": "string", "pattern": "^[a-z]+$"},
    {"type": "string", "format": "date-time"},
    {"type": "string", "format": "uri"},
    {"type": "string", "secret": True},
    {"type": "string", "enum": ["a", "b"]},
    {"type": "string", "validator": "mine"},
    {"type": "boolean", "default": True},
    {"enum": ["a", 1, None, True, 2.5, "no"]},
    {"const": [1]},
    {"const": "a"},
)


def schema(rng: random.Random, depth: int) -> dict[str, Any]:
    """Return a config schema after the grammar."""
    match rng.randrange(7) if depth else 6:
        case 0:
            found = {
                "type": "array",
                "items": schema(rng, depth - 1),
                "maxItems": rng.randint(0, 3),
            }
        case 1:
            found = _object(rng, depth - 1)
        case 2:
            found = _union(rng, depth - 1)
        case _:
            found = copy.deepcopy(rng.choice(SCALARS))
    if isinstance(found.get("type"), str) and rng.random() < 0.2:
        found["type"] = [found["type"], "null"]
    if rng.random() < 0.03:
        found["default"] = copy.deepcopy(rng.choice(NASTY))
    if rng.random() < 0.2:
        found["description"] = rng.choice([one for one in NASTY if isinstance(one, str) and one])
    return found


def _union(rng: random.Random, depth: int) -> dict[str, Any]:
    branches = [{**_object(rng, depth), "required": ["t"]} for _ in range(rng.randint(1, 3))]
    for number, branch in enumerate(branches):
        branch["properties"]["t"] = {"const": f"b{number}"}
    return {"oneOf": branches, "discriminator": {"propertyName": "t"}}


def _object(rng: random.Random, depth: int) -> dict[str, Any]:
    pool = [
        "a",
        "b",
        "class",
        "model_config",
        "a b",
        "A-b",
        "é",
        "from",
        "1st",
        "copy",
        "__x",
        "$ref",
        "*",
    ]
    names = rng.sample(pool, rng.randint(1, 4))
    found: dict[str, Any] = {
        "type": "object",
        "properties": {name: schema(rng, depth) for name in names},
    }
    if rng.random() < 0.3:
        found["required"] = rng.sample(names, 1)
    if rng.random() < 0.2:
        found["additionalProperties"] = rng.choice([True, False, {"type": "string"}])
    return found
