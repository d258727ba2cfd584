"""Every built-in has a page, on which one finds the same things in the same order as on the others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from doc_blocks import DOCS, ROOT, blocks_of

CONNECTORS = ROOT / "runtime" / "src" / "rivven_connect" / "connectors"
FOLDERS = sorted(path.parent for path in CONNECTORS.glob("*/connector.yaml"))
HEADINGS = ["A pipeline", "Options", "Guarantees", "Limits"]


def page_of(folder: Path) -> Path:
    return DOCS / "connectors" / f"{folder.name.replace('_', '-')}.md"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_built_in_has_a_page_with_what_one_looks_for(folder: Path) -> None:
    page = page_of(folder)
    assert page.is_file(), f"write {page.relative_to(ROOT)}"
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^## (.*)$", prose, re.MULTILINE)
    assert [one for one in headings if one in HEADINGS] == HEADINGS, "these, in this order"
    assert "pip install" in text
    _, kind = _name_and_kind(folder)
    assert re.match(rf"# .+ {kind}\n", text), f"the title ends with {kind!r}"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_its_pipeline_uses_it_and_is_run(folder: Path) -> None:
    """The page's own test, in test_snippets, runs the blocks."""
    name, kind = _name_and_kind(folder)
    blocks = blocks_of(page_of(folder))
    files = {
        block.options["file"]: yaml.safe_load(block.text)
        for block in blocks
        if block.language == "yaml" and "file" in block.options and not block.words
    }
    using = {path for path, pipeline in files.items() if name in _used(pipeline, kind)}
    assert using, f"no pipeline on the page has the {kind} {name}"
    scripts = [block.text for block in blocks if block.language in {"sh", "console"}]
    run = {path for path in using for text in scripts if f"rivven run {path}" in text}
    assert run, f"nothing runs {sorted(using)}"


def test_an_index_names_every_page() -> None:
    readme, reference = DOCS / "README.md", DOCS / "reference" / "connectors.md"
    index = readme.read_text(encoding="utf-8") + reference.read_text(encoding="utf-8")
    names = [page_of(folder).name for folder in FOLDERS]
    assert [name for name in names if f"connectors/{name})" not in index] == []


def _name_and_kind(folder: Path) -> tuple[str, str]:
    manifest = yaml.safe_load((folder / "connector.yaml").read_text(encoding="utf-8"))
    return manifest["name"], manifest["kind"]


def _used(pipeline: dict[str, dict[str, dict[str, object]]], kind: str) -> set[object]:
    """Return the names of the connectors of a kind that a pipeline has."""
    blocks = [*pipeline["sources"].values(), *pipeline["sinks"].values()]
    if kind == "transform":
        return {
            one["transform"]
            for block in blocks
            for one in block.get("transforms", [])  # type: ignore[attr-defined]  # it is a list
        }
    return {block["connector"] for block in pipeline[f"{kind}s"].values()}
