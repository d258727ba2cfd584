"""The table of docs/reliability.md comes from what the experiments found, and from nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from figures import BEGIN, END, PAGE, Figures, write


def test_figures_are_added_up_and_the_most_is_kept(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    figures = Figures()
    figures.add("M11", {"signals": 1})
    figures.add("M2", {"kills": 600, "most_growth_MiB": 3})
    figures.add("M2", {"kills": 700, "most_growth_MiB": 2})
    write(figures, page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n| id | experiment | figures |\n|---|---|---|\n| M2 |")
    assert text.endswith(f"| signals 1 |\n{END}\nafter\n")
    assert "| kills 1,300, most growth MiB 3 |" in text
    assert text.index("| M2 |") < text.index("| M11 |")
    write(figures, page)
    assert page.read_text(encoding="utf-8") == text


def test_what_was_not_done_again_keeps_its_figures(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    for experiment, kills in (("M2", 7), ("M1", 3), ("M2", 9)):
        figures = Figures()
        figures.add(experiment, {"kills": kills})
        write(figures, page)
    told = [line.rpartition("| kills ")[2] for line in page.read_text().splitlines()[3:-1]]
    assert told == ["3 |", "9 |"]


def test_an_experiment_without_a_description_is_an_error() -> None:
    with pytest.raises(ValueError, match="M99"):
        Figures().add("M99", {})


def test_a_page_without_a_place_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no place"):
        write(Figures(), page)
    assert page.read_text(encoding="utf-8") == "nothing\n"


def test_the_page_of_the_documentation_has_a_place() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert 0 < text.index(BEGIN) < text.index(END)
