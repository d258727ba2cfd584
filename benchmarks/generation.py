"""B-G: what it costs to scaffold, generate and check."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cases import FLOOR, Case, Limit
from measure import Command, tool
from startup import click_help


def manifest(default: int = 1, fields: int = 20) -> str:
    """Return a manifest of so many properties and 2 streams; JSON is YAML."""
    properties: dict[str, Any] = {
        "endpoint": {"type": "string", "format": "uri", "description": "Where it is."},
        "token": {"type": "string", "secret": True, "minLength": 1, "description": "Its key."},
        "mode": {"type": "string", "enum": ["fast", "safe"], "default": "safe"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}, "default": {}},
        "regions": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    }
    for number in range(len(properties), fields):
        properties[f"limit_{number}"] = {
            "type": "integer",
            "minimum": 0,
            "maximum": 10_000 + number,
            "default": default,
            "description": f"Limit number {number}.",
        }
    columns = {f"field_{number}": {"type": ["string", "null"]} for number in range(8)}
    record = {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "integer"}} | columns,
    }
    value = {
        "manifest": "1",
        "kind": "source",
        "name": "bench-generate",
        "license": "Apache-2.0",
        "description": f"{fields} properties and two streams.",
        "config": {
            "type": "object",
            "properties": properties,
            "required": ["endpoint", "token", "regions"],
        },
        "streams": [
            {"name": name, "primary_key": ["id"], "schema": record} for name in ("orders", "items")
        ],
    }
    return json.dumps(value, indent=1) + "\n"


def scaffold(folder: Path, fields: int = 20) -> Path:
    """Make the project of the manifest in `folder` and return it."""
    source = folder / "bench-generate.yaml"
    source.write_text(manifest(fields=fields), encoding="utf-8")
    project = folder / f"bench-generate-{fields}"
    argv = [tool("rivven"), "new", "source", "bench-generate", "--no-input"]
    argv += ["--manifest", str(source), "--directory", str(project)]
    subprocess.run(argv, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return project


def generating(
    folder: Path, fields: int = 20, *, units: float = 1.0, repeat: int = 1
) -> tuple[Command, Command]:
    """Return the floor and `rivven generate` of so many properties; a default changes each time."""
    project = scaffold(folder, fields)
    schema = project / "src/bench_generate/_generated/config.schema.json"
    copied = shutil.copy(schema, folder / f"{fields}.json")
    defaults = itertools.count(2)

    def edit() -> None:
        text = manifest(next(defaults) % 900, fields)
        (project / "connector.yaml").write_text(text, encoding="utf-8")

    def accept(printed: str) -> None:
        if "wrote src/bench_generate/_generated/config.py" not in printed:
            raise AssertionError(f"nothing was generated:\n{printed}")

    floor = [tool("datamodel-codegen"), "--formatters", "builtin", "--input", str(copied)]
    floor += ["--input-file-type", "jsonschema", "--output", "models.py"]
    floor += ["--output-model-type", "pydantic_v2.BaseModel"]
    ours = Command([tool("rivven"), "generate"], project, edit, accept, repeat=repeat, units=units)
    return Command(floor, folder, repeat=repeat, units=units), ours


def _generate(folder: Path) -> Mapping[str, Command]:
    floor, ours = generating(folder)
    return {FLOOR: floor, "rivven generate": ours}


def _check(folder: Path) -> Mapping[str, Command]:
    argv = [tool("rivven"), "generate", "--check"]
    ours = Command(argv, scaffold(folder), repeat=3)
    return {FLOOR: click_help(folder), "rivven generate --check": ours}


def _new(folder: Path) -> Mapping[str, Command]:
    (folder / "empty").mkdir()
    test = folder / "empty" / "test_empty.py"
    test.write_text("def test_nothing() -> None:\n    pass\n", encoding="utf-8")

    def clear() -> None:
        shutil.rmtree(folder / "demo", ignore_errors=True)

    rivven = tool("rivven")
    script = f'"{rivven}" new source demo --no-input && exec "{rivven}" test demo'
    whole = Command(["/bin/sh", "-c", script], folder, prepare=clear, accept=_passed)
    tests = Command([tool("rivven"), "test", "demo"], folder, accept=_passed)
    floor = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(test)]
    return {
        FLOOR: Command(floor, folder / "empty", accept=_passed),
        "rivven new, rivven test": whole,
        "rivven test": tests,
    }


def _passed(printed: str) -> None:
    if " passed" not in printed or " failed" in printed:
        raise AssertionError(f"the tests did not pass:\n{printed}")


CASES = (
    Case("G1", "`rivven generate`, 20 properties, 2 streams, cold process",
         "`datamodel-codegen --formatters builtin` on the same schema", _generate, 1.5),
    Case("G2", "`rivven generate --check`, nothing changed", "a bare click program's `--help`", _check, 2.0),
    Case("G3", "`rivven new` to green tests, offline, unedited", "pytest on an empty test", _new,
         limits=(Limit("rivven new, rivven test", "wall", 10.0), Limit("rivven test", "wall", 2.0))),
)  # fmt: skip
