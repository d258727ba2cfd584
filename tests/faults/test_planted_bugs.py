"""M16: the table of planted bugs fits the code, and a few of them are planted; `make planted` does all."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from figures import Record
from planted_bugs import BEGIN, END, PAGE, Outcome, plant, rows, write
from planted_table import PLANTED, ROOT, Planted
from sizes import FULL

QUICK = ("R2", "R10", "partial commit", "count-only oracle")


@pytest.mark.parametrize("planted", PLANTED, ids=lambda one: one.name)
def test_a_bug_has_its_place_and_its_tests(planted: Planted) -> None:
    text = (ROOT / planted.file).read_text(encoding="utf-8")
    mutated = planted.mutated(text)
    assert mutated != text
    ast.parse(mutated)
    for test in planted.tests:
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert not name or name in {
            one.name for one in ast.walk(tree) if isinstance(one, functions)
        }


def test_a_place_that_is_gone_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 places"):
        PLANTED[0].mutated("")


@pytest.mark.parametrize("name", [one.name for one in PLANTED] if FULL else QUICK)
def test_a_planted_bug_is_noticed(name: str, figures: Record) -> None:
    (planted,) = (one for one in PLANTED if one.name == name)
    assert plant(planted).killed
    figures("M16", planted=1, noticed=1)


def test_names_are_unique() -> None:
    assert len({one.name for one in PLANTED}) == len(PLANTED)


def test_the_page_shows_each_bug() -> None:
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    table, end, _ = rest.partition(END)
    assert end
    shown = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert shown[1:] == [one.name for one in PLANTED]


def test_a_survivor_is_shown(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before {BEGIN}old{END} after", encoding="utf-8")
    outcomes = [Outcome(PLANTED[0], killed=True, by="test_a"), Outcome(PLANTED[1], False, "")]
    write(outcomes, page)
    text = page.read_text(encoding="utf-8")
    assert "1 of 2 were noticed" in text
    assert rows(outcomes)[-1] in text
    assert "**no**" in rows(outcomes)[-1]
    assert text.startswith("before ")
    assert text.endswith(" after")
