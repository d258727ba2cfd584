"""Codes and pages agree, and each page's examples do what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rivven_connect.documents import DOCUMENT_CODES, InputError, Problem
from rivven_generator.errors import CODES, WARNINGS
from rivven_generator.fixes import FIXES
from rivven_generator.load import load_manifest

PAGES = Path(__file__).parents[2] / "docs" / "errors"
WITHOUT_EXAMPLE = {"RVN100", "RVN101", "RVN102", "RVN103", "RVN218", "RVN327", "RVN408"}


def page(code: str) -> str:
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def example(code: str, kind: str) -> str:
    found = re.findall(rf"^```yaml {kind}\n(.*?)^```$", page(code), re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{code} has {len(found)} `yaml {kind}` blocks"
    return str(found[0])


def problems_of(text: str, folder: Path) -> list[Problem]:
    path = folder / "connector.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        return list(load_manifest(path).warnings)
    except InputError as error:
        return list(error.problems)


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    pages = {path.stem for path in PAGES.glob("RVN[1-4]*.md")}
    assert pages == set(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_page_has_the_title_of_its_code(code: str) -> None:
    assert page(code).startswith(f"# {code}: {CODES[code]}\n")
    assert "\n## Fix\n" in page(code)


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_index_lists_the_code_with_its_title(code: str) -> None:
    mark = " (warning)" if code in WARNINGS else ""
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert f"| [{code}]({code}.md) | {CODES[code]}{mark} |" in index


@pytest.mark.parametrize("code", sorted(set(CODES) - WITHOUT_EXAMPLE))
def test_the_bad_example_has_just_this_problem(code: str, tmp_path: Path) -> None:
    problems = problems_of(example(code, "bad"), tmp_path)
    assert {problem.code for problem in problems} == {code}, [p.render() for p in problems]
    for problem in problems:
        assert problem.line >= 1 or code == "RVN105"
        assert problem.severity == ("warning" if code in WARNINGS else "error")


@pytest.mark.parametrize("code", sorted(set(CODES) - WITHOUT_EXAMPLE))
def test_the_good_example_has_no_problem(code: str, tmp_path: Path) -> None:
    assert [p.render() for p in problems_of(example(code, "good"), tmp_path)] == []


@pytest.mark.parametrize("code", sorted(WITHOUT_EXAMPLE))
def test_what_yaml_cannot_show_is_shown_as_text(code: str) -> None:
    assert re.search(rf"^```text\n.*{code} .*^```$", page(code), re.MULTILINE | re.DOTALL)


def test_every_code_of_a_manifest_has_a_fix() -> None:
    assert set(FIXES) == set(CODES) - set(DOCUMENT_CODES)
