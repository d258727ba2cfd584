"""`rivven explain`: the page of each code, without the network and without the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from rivven_generator.cli.explain import explain, pages

PAGES = Path(__file__).parents[2] / "docs" / "errors"


def test_every_page_is_packaged_whole() -> None:
    known = {path.stem: path.read_text(encoding="utf-8") for path in PAGES.glob("RVN*.md")}
    assert {code: page.strip() for code, page in pages().items()} == {
        code: page.strip() for code, page in known.items()
    }


@pytest.mark.parametrize("word", ["RVN305", "rvn305", "305"])
def test_the_page_is_printed_for_a_terminal(word: str) -> None:
    done = CliRunner().invoke(explain, [word])
    assert done.exit_code == 0
    assert done.stdout.startswith("RVN305: default is rejected by its own schema\n")
    assert "\n    kind: source\n" in done.stdout
    assert not re.search(r"```|^#|\]\(", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("word", ["RVN999", "RVN30", "nonsense", "../RVN305"])
def test_another_word_is_refused(word: str) -> None:
    done = CliRunner().invoke(explain, [word])
    assert done.exit_code == 2
    assert "RVN305" in done.stderr
