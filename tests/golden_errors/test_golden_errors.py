"""Every refusal of a manifest, word for word: place, code, reason and fix."""

from __future__ import annotations

import re

import golden_messages
import pytest

_PROBLEM = re.compile(r"(?P<file>[\w./-]+):(?P<line>\d+):(?P<column>\d+): (?P<code>RVN\d{3}) \S")


@pytest.mark.parametrize("case", golden_messages.CASES)
def test_the_message_is_the_committed_one(case: str) -> None:
    committed = golden_messages.expected(case).read_text(encoding="utf-8")
    assert golden_messages.printed(case) == committed, "run tests/golden/update.py and review"


@pytest.mark.parametrize("case", golden_messages.CASES)
def test_every_problem_has_a_place_a_code_and_a_fix(case: str) -> None:
    lines = golden_messages.expected(case).read_text(encoding="utf-8").splitlines()
    problems = [index for index, line in enumerate(lines) if _PROBLEM.match(line)]
    assert problems
    for index in problems:
        assert lines[index + 1].startswith("  fix: "), lines[index]
    assert lines[-1] == "exit 2"
