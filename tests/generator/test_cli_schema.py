"""`rivven schema`: files and connectors, as JSON, as YAML, and as a form."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from rivven_connect.cli import GROUP as RUNTIME_GROUP
from rivven_connect.cli.edge import run_group
from rivven_generator.cli import GROUP

PROJECT = Path(__file__).parents[1] / "golden" / "github-issues" / "tree"
SUBJECTS = ("manifest", "pipeline", "source:jsonl", "sink:jsonl", "http-webhook", str(PROJECT))
CONNECTORS = SUBJECTS[2:]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run_group(GROUP, ["schema", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("subject", SUBJECTS)
def test_yaml_says_what_json_says(subject: str, capsys: pytest.CaptureFixture[str]) -> None:
    schema: dict[str, Any] = json.loads(printed(capsys, subject))
    assert json.loads(printed(capsys, subject, "--format", "json")) == schema
    assert yaml.safe_load(printed(capsys, subject, "--format", "yaml")) == schema
    jsonschema_rs.meta.validate(schema)
    assert schema["properties"]


@pytest.mark.parametrize("subject", CONNECTORS)
def test_a_form_is_the_schema_and_how_to_show_it(
    subject: str, capsys: pytest.CaptureFixture[str]
) -> None:
    form = json.loads(printed(capsys, subject, "--format", "form"))
    assert form["schema"] == json.loads(printed(capsys, subject))
    assert set(form["uiSchema"]["ui:order"]) == set(form["schema"]["properties"])


def test_a_name_that_two_kinds_share_needs_its_kind(capsys: pytest.CaptureFixture[str]) -> None:
    forms = {
        kind: printed(capsys, f"{kind}:jsonl", "--format", "form") for kind in ("source", "sink")
    }
    assert forms["source"] != forms["sink"]
    assert run_group(GROUP, ["schema", "jsonl", "--format", "form"]) == 2
    assert "source:jsonl" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("manifest", "--format", "form"),
        ("pipeline", "--format", "form"),
        ("source:jsonl", "--format", "toml"),
        ("source:jsonl", "--format", "yaml", "--json"),
        ("no-such-connector", "--format", "form"),
        ("./no-such-folder",),
    ],
)
def test_what_cannot_be_printed_is_a_usage_error(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_group(GROUP, ["schema", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, "Traceback" in err) == ("", False)


def test_the_runtime_alone_knows_no_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_group(RUNTIME_GROUP, ["schema", "manifest"]) == 2
    assert run_group(RUNTIME_GROUP, ["schema", "--help"]) == 0
    assert "manifest" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("form", "loaded"), [("json", set()), ("form", set()), ("yaml", {"yaml"})]
)  # fmt: skip
def test_a_generated_spec_is_enough_and_nothing_heavy_is_loaded(
    form: str, loaded: set[str]
) -> None:
    script = (
        "import sys, json\n"
        "from rivven_connect.cli.edge import run_group\n"
        "from rivven_generator.cli import GROUP\n"
        f"run_group(GROUP, ['schema', {str(PROJECT)!r}, '--format', {form!r}])\n"
        "heavy = {'pydantic', 'yaml', 'msgspec', 'rich', 'asyncio', 'importlib.metadata',\n"
        "         'rivven_generator.manifest', 'rivven_connect._registry', 'github_issues'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert set(json.loads(done.stderr)) == loaded
