"""`rivven import` with an OpenAPI document, and with a catalog beside a spec."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from import_cases import CASES, CATALOGS

from rivven_connect.cli.edge import run_group
from rivven_generator.cli import GROUP
from rivven_generator.load import load_manifest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(CASES / "openapi" / "shop.yaml", "api.yaml")
    shutil.copy(CATALOGS / "singer.json", "catalog.json")
    Path("spec.json").write_text(
        json.dumps({"type": "object", "title": "Shop", "properties": {"host": {"type": "string"}}}),
        encoding="utf-8",
    )
    return tmp_path


def run(*args: str) -> int:
    return run_group(GROUP, ["import", *args], prog_name="rivven")


def test_an_api_becomes_a_manifest_file(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("openapi", "api.yaml", "--output", "connector.yaml") == 0
    shown = capfd.readouterr()
    wanted = (CASES / "openapi" / "shop.want.yaml").read_text(encoding="utf-8")
    assert (folder / "connector.yaml").read_text(encoding="utf-8") == wanted
    assert "api.yaml:53:5: dropped RVN854 the operation returns no list of objects" in shown.err


def test_a_catalog_gives_its_streams_and_its_notes(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("json-schema", "spec.json", "--catalog", "catalog.json") == 0
    shown = capfd.readouterr()
    (folder / "connector.yaml").write_text(shown.out, encoding="utf-8")
    streams = load_manifest(folder).manifest.streams
    assert [stream.name for stream in streams] == ["orders", "archive-orders", "rates", "regions"]
    assert "catalog.json:30:25: dropped RVN873 " in shown.err


def test_json_says_which_file_a_note_is_about(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("json-schema", "spec.json", "--catalog", "catalog.json", "--json") == 0
    shown = json.loads(capfd.readouterr().out)
    assert {note["path"] for note in shown["notes"]} == {"spec.json", "catalog.json"}
    assert len(shown["manifest"]["streams"]) == 4


def test_strict_counts_what_the_catalog_lost(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("json-schema", "spec.json", "--catalog", "catalog.json", "--strict") == 2
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "catalog.json:30:25: dropped RVN873 " in shown.err


@pytest.mark.parametrize(
    "args",
    [
        ("openapi", "api.yaml", "--catalog", "catalog.json"),
        ("json-schema", "spec.json", "--kind", "sink", "--catalog", "catalog.json"),
        ("json-schema", "spec.json", "--catalog", "spec.json"),
        ("openapi", "spec.json"),
    ],
)
def test_what_does_not_go_together_is_refused(
    args: tuple[str, ...], folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(*args) == 2
    shown = capfd.readouterr()
    assert shown.out == ""
    assert yaml.safe_load((folder / "catalog.json").read_text(encoding="utf-8"))
    assert "Traceback" not in shown.err
