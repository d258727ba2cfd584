"""Marks the tests that start projects, wheels or whole mutation runs as `slow`.

`make unit` leaves them out; `make test` and CI run everything.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent
SLOW_FOLDERS = ("docs", "examples", "golden", "packaging")
SLOW_TESTS = (
    "test_no_edit_of_the_manifest_touches_what_the_author_wrote",
    "test_a_changed_constraint_makes_a_case_fail",
    "test_class_and_schema_agree_on_mutated_configs",
    "test_a_new_connector_is_green_without_an_edit",
    "test_the_same_bytes_from_any_hash_seed_in_any_folder",
    "test_killed_again_and_again_a_pipeline_loses_nothing",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        inside = item.path.relative_to(ROOT).parts[0] if item.path.is_relative_to(ROOT) else ""
        name = getattr(item, "originalname", None) or item.name
        if inside in SLOW_FOLDERS or name in SLOW_TESTS:
            item.add_marker(pytest.mark.slow)
