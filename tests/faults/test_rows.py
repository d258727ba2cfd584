"""Every row of the failure table and of hostile input, and every rule, has a test that says so.

F1 to F37 are failures at run time, H1 to H40 hostile input of the generator, G-0 to G-8 its rules. A test
is found by its name: `test_f12_...`, or `test_f1_f2_f3_...` for several rows.
"""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
ROWS: Mapping[str, range] = {"f": range(1, 38), "h": range(1, 41), "g": range(9)}
_ROWS_IN_NAME = re.compile(r"test((?:_[fgh][0-9]+)+)_")
ALL_ROWS = [(table, number) for table, numbers in ROWS.items() for number in numbers]


@functools.cache
def all_tests() -> frozenset[str]:
    """Return `folder/file.py::name` of every test function, without importing any."""
    return frozenset(
        f"{path.relative_to(TESTS)}::{node.name}"
        for path in TESTS.rglob("test_*.py")
        if "tree" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    )


@functools.cache
def by_row() -> dict[tuple[str, int], set[str]]:
    """Return row -> the tests that are named after it."""
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for test in all_tests():
        if match := _ROWS_IN_NAME.match(test.rpartition("::")[2]):
            for table, number in re.findall("([fgh])([0-9]+)", match[1]):
                found[table, int(number)].add(test)
    return found


@pytest.mark.parametrize("row", ALL_ROWS)
def test_the_row_has_a_test(row: tuple[str, int]) -> None:
    assert by_row()[row]


def test_there_are_no_other_rows() -> None:
    assert set(by_row()) <= set(ALL_ROWS)
