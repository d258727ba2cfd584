"""Marks the tests that start projects, wheels or whole mutation runs as `slow`.

`make unit` leaves them out; `make test` and CI run everything. What one test registers as a secret
is none for the next.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rivven_connect._redaction import _known, register_secret

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT.parent))
pytest_plugins = ("services.fixtures",)
SLOW_FOLDERS = ("corpus", "docs", "examples", "faults", "golden", "packaging", "simulation")
OF_SERVICES = (
    "http_source",
    "http_webhook_sink",
    "postgres_cdc_source",
    "postgres_sink",
    "postgres_source",
    "s3_sink",
    "s3_source",
    "tables",
)
"""Connectors whose tests start servers; of these, the quick run has the configs alone."""
SLOW_MODULES = (
    "test_arrow",
    "test_cli_test",
    "test_dlq_commands",
    "test_hostile_rows",
    "test_http_delivery",
    "test_http_hostile",
    "test_import_bounds",
    "test_import_hostile",
    "test_import_meaning",
    "test_limits",
    "test_monitoring",
    "test_monitoring_stall",
    "test_status",
)
SLOW_TESTS = (
    "test_a_dotted_package_is_green_as_well",
    "test_an_embedded_connector_lives_in_its_package_and_is_tested_elsewhere",
    "test_a_good_source_passes_everything",
    "test_a_limited_pipeline_delivers_everything_and_counts_the_wait",
    "test_killed_inside_transactions_nothing_is_lost_or_doubled",
    "test_many_costly_patterns_are_refused",
    "test_streams_that_do_not_fit_are_left_out",
    "test_a_given_manifest_is_copied_and_its_hooks_are_stubs",
    "test_a_table_has_a_bound_and_the_record_beyond_it_fails",
    "test_scaffolding_touches_no_network_and_starts_no_version_control",
    "test_the_next_commands_can_be_pasted",
    "test_what_was_imported_becomes_a_green_project",
    "test_f35_a_reader_that_is_held_up_is_not_dropped_by_the_server",
    "test_from_every_state_of_a_snapshot_reading_goes_on",
    "test_f12_a_restart_of_the_server_in_mid_read_loses_nothing",
    "test_f34_killed_among_ties_a_pipeline_loses_nothing",
    "test_f34_ties_survive_a_stop_anywhere",
    "test_hostile_names_of_tables",
    "test_memory_is_bounded_however_many_rows_there_are",
    "test_every_row_is_in_one_range",
    "test_a_crash_anywhere_repeats_no_range_that_was_finished",
    "test_a_transactional_sink_has_each_record_once",
    "test_a_hundred_streams_at_once",
    "test_a_crash_anywhere_reads_the_rest_of_the_ranges",
    "test_a_flush_that_is_tried_again_replaces_what_it_wrote",
    "test_a_large_object_is_whole_or_not_there",
    "test_more_objects_than_a_page_of_the_list",
    "test_a_bomb_stops_the_run",
    "test_what_is_written_is_read",
    "test_every_mask_of_outcomes_on_a_batch_of_six",
    "test_killed_in_the_middle_a_replay_is_finished_by_the_next_one",
    "test_f31_a_hang_ends_the_process_while_liveness_answers",
    "test_no_edit_of_the_manifest_touches_what_the_author_wrote",
    "test_a_changed_constraint_makes_a_case_fail",
    "test_class_and_schema_agree_on_mutated_configs",
    "test_a_new_connector_is_green_without_an_edit",
    "test_a_dictionary_does_not_count_for_every_row",
    "test_a_cursor_says_the_same_of_columns_and_of_rows",
    "test_the_same_bytes_from_any_hash_seed_in_any_folder",
    "test_killed_again_and_again_a_pipeline_loses_nothing",
    "test_a_further_attempt_is_signed_anew",
    "test_f8_every_mask_of_outcomes_of_a_whole_batch",
    "test_what_a_crashed_writer_has_begun_is_not_read",
    "test_what_python_writes_is_read_back",
    "test_wide_rows_come_few_at_a_time",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        inside = item.path.relative_to(ROOT).parts[0] if item.path.is_relative_to(ROOT) else ""
        name = getattr(item, "originalname", None) or item.name
        of_service = item.path.parent.name in OF_SERVICES and item.path.stem != "test_config"
        if (
            of_service
            or inside in SLOW_FOLDERS
            or item.path.stem in SLOW_MODULES
            or name in SLOW_TESTS
        ):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def secrets_of_this_test_alone() -> Iterator[None]:
    before = set(_known.values)
    yield
    logging.setLogRecordFactory(logging.LogRecord)
    logging.raiseExceptions = True
    if _known.has_warned or _known.values != before:
        _known.clear()
        for one in before:
            register_secret(one)
