"""The option table and the environment file: what they say, and that they follow the manifest."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from rivven_connect import ExitCode
from rivven_connect.cli.edge import run_group
from rivven_connect.documents import yaml_text
from rivven_generator.cli import GROUP
from rivven_generator.load import load_manifest
from rivven_generator.plan import plan_generated, standalone_layout
from rivven_generator.scaffold import Request, new_project

HERE = Path(__file__).parent
EVERYTHING = HERE / "sample_manifests" / "everything.yaml"
TEXT = {"type": "string"}


def manifest_with(folder: Path, **properties: Any) -> Path:
    path = folder / "connector.yaml"
    config = {"type": "object", "properties": properties}
    parts = {"manifest": "1", "kind": "sink", "name": "demo", "config": config}
    path.write_text(yaml_text(parts), encoding="utf-8")
    return path


def planned(path: Path) -> dict[str, str]:
    loaded = load_manifest(path)
    return plan_generated(loaded, standalone_layout(loaded.manifest))


def rows_of(page: str) -> list[list[str]]:
    """Return the cells of every table row, heads left out, as they look when rendered."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    rows: list[list[str]] = []
    for token, inline in itertools.pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type == "td_open":
            rows[-1].append("".join(part.content for part in inline.children or ()))
    return [row for row in rows if row]


def test_options_stand_in_their_groups_and_in_order() -> None:
    page = planned(EVERYTHING)["docs/options.md"]
    assert re.findall(r"^## .*$", page, flags=re.MULTILINE) == ["## Connection", "## Rules"]
    rows = [row[0] for row in rows_of(page)]
    assert rows[:3] == ["mode", "mode[poll]", "mode[poll].interval_ms"]
    assert rows.index("*") == len(rows) - 3
    assert rows[-2:] == ["account", "region"]
    assert '- With `region` "eu", also `schedule`.\n' in page


def test_a_row_says_what_somebody_in_a_hurry_wants() -> None:
    found = {row[0]: row[1:] for row in rows_of(planned(EVERYTHING)["docs/options.md"])}
    assert found["account"] == ["string", "yes", "", 'Account Example: "acme"']
    assert found["old_name"] == ["string", "no", "", "Deprecated. Use account."]
    assert found["mode"][0] == 'object, by kind: "poll" or "push"'
    assert found["mode[push]"] == ['object with kind "push"', "", "", "They send it."]
    assert found["mode[push].auth[basic].password"] == ["secret", "yes", "", ""]
    assert found['"odd.name"'] == [
        "secret",
        "no",
        "",
        "A token with a dot. (at least 3 characters)",
    ]
    assert found["limits.rows"] == ["integer", "no", "5", "(at least 1; at most 10)"]
    assert found["limits.pause_ms"] == ["integer or null", "no", "null", ""]
    assert found["tables"][0] == "map of object"
    assert found["tables.*.key"] == ["list of string", "yes", "", "(at least 1 item)"]
    assert found["passwords[]"] == ["secret", "no", "", "(pattern ^[a-z]{3,}$)"]
    assert found["pairs"][3] == "(at least 2 items; no item twice)"
    assert found["*"] == ["integer", "no", "", "(at least 1)"]


def test_a_connector_without_options_says_so(tmp_path: Path) -> None:
    files = planned(manifest_with(tmp_path))
    assert files["docs/options.md"].endswith("\n\nThis connector takes no options.\n")
    assert files["docs/config.example.yaml"].endswith("\n\n{}\n")
    assert files[".env.example"].endswith("\n# There are none.\n")


@pytest.mark.parametrize(
    "text",
    ["a|b", "a`b", "`a|b`", "|`|", "``", "<b>x</b>", "<script>", "a\nb", "a\r\n\nb", "# x", "---", "[x](y)",
     "![x](y)", "&lt;", "a\\|b", "\u2028x", "**x**", "~~~"],
)  # fmt: skip
def test_hostile_text_is_inert_in_the_table(text: str, tmp_path: Path) -> None:
    prose = {"title": text, "description": text}
    path = manifest_with(
        tmp_path,
        plain=TEXT | {"default": text, "examples": [text], "group": text, **prose},
        choice={"enum": [text, "other"], "deprecated": True, **prose},
        shaped=TEXT | {"pattern": "^(a|b|`|<)*$", **prose},
    )
    page = planned(path)["docs/options.md"]
    rows = rows_of(page)
    assert [row[0] for row in rows] == ["choice", "shaped", "plain"]
    assert {len(row) for row in rows} == {5}
    assert "pattern ^(a|b|`|<)*$" in rows[1][4]
    assert r"pattern ``^(a\|b\|`\|<)*$``" in page
    kinds = {
        part.type
        for token in MarkdownIt("commonmark").enable("table").parse(page)
        for part in [token, *(token.children or ())]
    }
    assert not kinds & {
        "html_inline",
        "link_open",
        "image",
        "em_open",
        "hr",
        "fence",
        "bullet_list_open",
    }


@pytest.mark.parametrize(
    "text", ["a\nEVIL=1", "a\rEVIL=1", "a\x85EVIL=1", "a\u2028EVIL=1", "\u202ea", "$(id)", "'"]
)
def test_hostile_text_is_inert_in_the_environment_file(text: str, tmp_path: Path) -> None:
    secret = {"type": "string", "secret": True, "description": text}
    files = planned(manifest_with(tmp_path, token=secret, other=secret | {"description": "Plain."}))
    lines = files[".env.example"].split("\n")
    assert [line for line in lines if line and not line.startswith("# ")] == [
        "DEMO_TOKEN=",
        "DEMO_OTHER=",
    ]
    assert "# other: Plain." in lines
    assert all(line.isprintable() for line in lines)


DOCUMENTS = (
    *("docs/options.md", "docs/config.example.yaml", ".env.example"),
    *("src/demo/_generated/config.schema.json", "src/demo/_generated/spec.json"),
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "given").mkdir()
    token = {"type": "string", "secret": True, "description": "What lets us in."}
    manifest = manifest_with(tmp_path / "given", token=token)
    folder = tmp_path / "demo"
    new_project(Request(kind="sink", name="demo", folder=str(folder), manifest=str(manifest)))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", [*DOCUMENTS, ".rivven/manifest.schema.json"])
def test_a_document_edited_by_hand_is_drift(
    name: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / name
    before = path.read_text()
    path.write_text(f"{before}\n")
    assert run_group(GROUP, ["generate", "--check"]) == ExitCode.DRIFT
    assert run_group(GROUP, ["generate"]) == ExitCode.DRIFT
    assert f"{name}:" in capsys.readouterr().err
    assert path.read_text() == f"{before}\n"
    assert run_group(GROUP, ["generate", "--force"]) == 0
    assert path.read_text() == before


def test_a_change_of_the_manifest_reaches_every_document(project: Path) -> None:
    before = {name: (project / name).read_text() for name in DOCUMENTS}
    secret = {"type": "string", "secret": True}
    manifest_with(project, token=secret | {"description": "Who we are."}, api_key=secret)
    assert run_group(GROUP, ["generate", "--check"]) == ExitCode.DRIFT
    assert run_group(GROUP, ["generate"]) == 0
    for name, text in before.items():
        after = (project / name).read_text()
        assert ("Who we are." in after, "What lets us in." in after) == (True, False), name
        assert ("api_key" in after, "api_key" in text) == (True, False), name


def test_an_embedded_connector_has_its_documents_beside_its_code(tmp_path: Path) -> None:
    manifest = manifest_with(tmp_path, token={"type": "string", "secret": True})
    package = tmp_path / "src" / "kit" / "demo"
    package.parent.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'kit'\n")
    new_project(
        Request(
            kind="sink",
            name="demo",
            folder=str(package),
            manifest=str(manifest),
            tests=str(tmp_path / "tests"),
        )
    )
    sample = (package / "_generated" / "config.example.yaml").read_text()
    assert "rivven check sink:demo --config FILE" in sample
    assert "token: ${env:DEMO_TOKEN}" in sample
    assert "`token`" in (package / "_generated" / "options.md").read_text()
