"""`rivven import` as a person and as a program uses it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

SPEC = """\
connectionSpecification:
  type: object
  required: [token]
  properties:
    token: {type: string, airbyte_secret: true}
    size: {type: integer, mininum: 1, default: 5}
"""
LOSSY = SPEC + "    odd: {type: [string, integer]}\n"


def rivven(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from rivven_generator.cli import main; main()", *args],
        cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "lossy.yaml").write_text(LOSSY, encoding="utf-8")
    return tmp_path


def test_the_manifest_goes_to_stdout_and_the_notes_to_stderr(folder: Path) -> None:
    done = rivven(folder, "import", "airbyte-spec", "spec.yaml", "--name", "demo")
    assert done.returncode == 0
    (folder / "connector.yaml").write_text(done.stdout, encoding="utf-8")
    assert "spec.yaml:6:27: repaired RVN810 `mininum` was read as `minimum`\n" in done.stderr
    assert rivven(folder, "validate").returncode == 0


def test_what_was_imported_becomes_a_green_project(folder: Path) -> None:
    made = rivven(folder, "import", "airbyte-spec", "spec.yaml", "--name", "demo", "--output", "m.yaml")  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "rivven new source demo --manifest m.yaml" in made.stdout
    assert rivven(folder, "new", "source", "demo", "--manifest", "m.yaml").returncode == 0
    assert rivven(folder, "generate", "demo", "--check").returncode == 0


def test_the_next_commands_can_be_pasted(folder: Path) -> None:
    given = ("airbyte-spec", "spec.yaml", "--name", "demo", "--output", "my manifest.yaml")
    made = rivven(folder, "import", *given)
    command = made.stdout.rpartition("next:\n  rivven ")[2]
    done = rivven(folder, *shlex.split(command), "--directory", "my project")
    assert done.returncode == 0, done.stderr
    assert "rivven test 'my project'" in done.stdout


def test_a_file_that_exists_is_never_replaced(folder: Path) -> None:
    (folder / "mine.yaml").write_text("my work", encoding="utf-8")
    done = rivven(folder, "import", "airbyte-spec", "spec.yaml", "--output", "mine.yaml")
    assert done.returncode == 2
    assert "mine.yaml" in done.stderr
    assert (folder / "mine.yaml").read_text(encoding="utf-8") == "my work"


@pytest.mark.parametrize("file", ["spec.yaml", "lossy.yaml"])
def test_strict_writes_nothing_where_anything_is_dropped(folder: Path, file: str) -> None:
    done = rivven(folder, "import", "airbyte-spec", file, "--strict", "--output", "m.yaml")
    lossy = file == "lossy.yaml"
    assert done.returncode == (2 if lossy else 0), done.stderr
    assert (folder / "m.yaml").exists() is not lossy
    assert ("RVN832" in done.stderr) is lossy


def test_json_has_manifest_and_all_notes(folder: Path) -> None:
    done = rivven(folder, "import", "airbyte-spec", "lossy.yaml", "--name", "demo", "--json")
    found = json.loads(done.stdout)
    assert found["manifest"]["name"] == "demo"
    outcomes = {note["code"]: note["outcome"] for note in found["notes"]}
    assert outcomes == {"RVN805": "lossless", "RVN810": "repaired", "RVN832": "dropped"}
    assert all(note["line"] >= 1 and note["pointer"] for note in found["notes"])


def test_closed_objects_refuse_what_they_do_not_declare(folder: Path) -> None:
    open_, closed = (
        rivven(folder, "import", "airbyte-spec", "spec.yaml", "--name", "demo", *more).stdout
        for more in ([], ["--closed"])
    )
    assert "additionalProperties: true" in open_
    assert "additionalProperties" not in closed


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["airbyte-spec", "nothing.yaml"], "there is no such file"),
        (["conduit", "spec.yaml"], "there are no parameters"),
        (["airbyte", "spec.yaml"], "airbyte-spec"),
        (["airbyte-spec", "spec.yaml", "--name", "No Name"], "lower-case letters"),
        (["airbyte-spec", "spec.yaml", "--output", "no/such/folder/m.yaml"], "cannot be written"),
    ],
)
def test_a_mistake_gets_a_reason_and_no_traceback(
    folder: Path, args: list[str], reason: str
) -> None:
    done = rivven(folder, "import", *args)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
