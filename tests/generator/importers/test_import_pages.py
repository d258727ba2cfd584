"""Codes of imports and their pages agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from rivven_generator.importers.codes import IMPORT_CODES

PAGES = Path(__file__).parents[3] / "docs" / "errors"
CODES = set(IMPORT_CODES)


def page(code: str) -> str:
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in PAGES.glob("RVN8*.md")} == CODES


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_page_says_what_the_code_means_for_the_import(code: str) -> None:
    known = IMPORT_CODES[code]
    assert page(code).startswith(f"# {code}: {known.title}\n")
    refused = known.outcome == "refused"
    assert ("An error:" if refused else f"A note, not an error. It is *{known.outcome}*") in page(
        code
    )
    assert ("\n## Fix\n" if refused else "\n## What to do\n") in page(code)


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_index_lists_the_code_with_its_outcome(code: str) -> None:
    known = IMPORT_CODES[code]
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert f"| [{code}]({code}.md) | {known.title} | {known.outcome} |" in index
