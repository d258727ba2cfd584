"""Codes of the project on disk and their pages agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rivven_generator import project_errors
from rivven_generator.errors import CODES
from rivven_generator.project_errors import PROJECT_CODES

PAGES = Path(__file__).parents[2] / "docs" / "errors"
SOURCES = Path(project_errors.__file__).parent


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in PAGES.glob("RVN5*.md")} == set(PROJECT_CODES)
    assert not set(CODES) & set(PROJECT_CODES)


@pytest.mark.parametrize("code", sorted(PROJECT_CODES))
def test_a_page_has_title_example_and_fix_and_is_listed(code: str) -> None:
    page = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {code}: {PROJECT_CODES[code]}\n")
    assert re.search(rf"^```text\n.*{code} .*^```$", page, re.MULTILINE | re.DOTALL)
    assert "\n## Fix\n" in page
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert f"| [{code}]({code}.md) | {PROJECT_CODES[code]} |" in index


def test_every_code_is_used_and_no_other_one() -> None:
    used = {
        code
        for path in SOURCES.rglob("*.py")
        if path.name != "project_errors.py"
        for code in re.findall(r'"(RVN5\d\d)"', path.read_text(encoding="utf-8"))
    } | {"RVN507"}
    assert used == set(PROJECT_CODES)
