"""Every row of the failure table, F1 to F37, has a test that says so.

A test is found by its name: `test_f12_...`, or `test_f1_f2_f3_...` for several rows.
"""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
ROWS = range(1, 38)
OTHER_ISSUES = {35: "PostgreSQL comes with its connector"}
ELSEWHERE = {
    6: ("runtime/test_engine_reading.py::test_poison_becomes_a_dead_letter_and_its_neighbours_proceed",),
    7: ("runtime/test_engine_reading.py::test_failing_transforms_on_both_sides_spare_the_neighbours",),
    8: ("runtime/test_engine_delivery.py::test_every_mask_of_outcomes_on_a_batch_of_four",),
    10: ("faults/test_dead_letter_faults.py::test_a_full_disk_under_the_dead_letters_holds_the_checkpoint_back",),
    17: ("runtime/test_http_retry_after.py::test_the_error_carries_the_wait",),
    28: ("runtime/test_state_store_identity.py::test_a_changed_identity_is_refused_with_its_place_and_without_its_value",),
    31: ("runtime/test_monitoring_stall.py::test_a_hang_ends_the_process_while_liveness_answers",),
    32: ("runtime/test_monitoring.py::test_health_answers_while_a_transform_blocks_the_loop",),
    37: (
        "runtime/test_monitoring.py::test_200_slow_clients_stop_nobody",
        "runtime/test_monitoring.py::test_a_busy_port_is_an_error_at_its_place",
    ),
    11: ("runtime/test_engine_delivery.py::test_a_flood_of_dead_letters_stops_the_pipeline",),
    19: ("runtime/test_state_store.py::test_flipped_bits_and_cut_files_never_open",),
    20: ("runtime/test_state_store.py::test_emptied_and_deleted_states_are_refused",),
    21: ("runtime/test_state_store.py::test_foreign_newer_and_damaged_states_are_refused",),
    22: ("runtime/test_state_store.py::test_a_failed_read_is_never_no_state",),
    26: ("runtime/test_state_store.py::test_a_stale_owner_commits_nothing",),
}  # fmt: skip
"""Tests of a row that are named after something else."""

_ROWS_IN_NAME = re.compile(r"test((?:_f[0-9]+)+)_")


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
def by_row() -> dict[int, set[str]]:
    """Return row -> the tests that are named after it."""
    found: dict[int, set[str]] = defaultdict(set)
    for test in all_tests():
        if match := _ROWS_IN_NAME.match(test.rpartition("::")[2]):
            for number in re.findall("[0-9]+", match[1]):
                found[int(number)].add(test)
    return found


@pytest.mark.parametrize("row", [row for row in ROWS if row not in OTHER_ISSUES])
def test_the_row_has_a_test(row: int) -> None:
    assert by_row()[row] | {test for test in ELSEWHERE.get(row, ()) if test in all_tests()}


def test_what_is_listed_exists_and_is_needed() -> None:
    listed = {test for tests in ELSEWHERE.values() for test in tests}
    assert listed <= all_tests()
    assert set(by_row()) <= set(ROWS)
    done = OTHER_ISSUES.keys() & by_row().keys()
    assert not done, f"these have tests now: {sorted(done)}"
