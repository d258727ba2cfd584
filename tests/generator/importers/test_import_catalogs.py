"""Catalogs: which form they have, whose word counts, and what is broken in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rivven_connect.documents import InputError, parse_document
from rivven_generator.importers.catalogs import import_streams
from rivven_generator.importers.notes import Note
from rivven_generator.importers.yaml_text import manifest_yaml
from rivven_generator.load import check_manifest

JsonObject = dict[str, Any]
SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "at": {"type": "string"}}}


def imported(value: Any, **options: Any) -> tuple[list[JsonObject], list[Note]]:
    document = parse_document(json.dumps(value), path="catalog.json", foreign=True)
    streams, notes = import_streams(document, **options)
    head = {"manifest": "1", "kind": "source", "name": "imported", "config": {"type": "object"}}
    text = manifest_yaml({**head, "streams": streams})
    check_manifest(parse_document(text, path="connector.yaml"))
    return streams, notes


def airbyte(**keys: Any) -> JsonObject:
    return {"name": "orders", "json_schema": SCHEMA, **keys}


def singer(root: JsonObject | None = None, **keys: Any) -> JsonObject:
    metadata = [{"breadcrumb": [], "metadata": root or {}}]
    return {"stream": "orders", "tap_stream_id": "orders", "schema": SCHEMA, "metadata": metadata, **keys}  # fmt: skip


def configured(stream: JsonObject, **keys: Any) -> JsonObject:
    return {"stream": stream, "sync_mode": "incremental", **keys}


BOTH = {"supported_sync_modes": ["full_refresh", "incremental"]}


@pytest.mark.parametrize(
    ("entry", "keys"),
    [
        (airbyte(), {}),
        (airbyte(source_defined_primary_key=[["id"]]), {"primary_key": ["id"]}),
        (airbyte(default_cursor_field=["at"], **BOTH), {"cursor": "at"}),
        (
            airbyte(default_cursor_field=["at"], supported_sync_modes=["incremental"]),
            {"cursor": "at", "sync_modes": ["incremental"]},
        ),
        (airbyte(default_cursor_field=["at"], supported_sync_modes=["full_refresh"]), {}),
        (
            configured(airbyte(default_cursor_field=["at"], **BOTH), cursor_field=["id"]),
            {"cursor": "id"},
        ),
        (configured(airbyte(**BOTH), primary_key=[["id"], ["at"]]), {"primary_key": ["id", "at"]}),
        (airbyte(source_defined_primary_key=[["no"]]), {}),
        (airbyte(default_cursor_field=["a", "b"], **BOTH), {}),
        (singer(), {}),
        (singer(key_properties=["id"], replication_key="at"), {"primary_key": ["id"], "cursor": "at"}),
        (singer({"table-key-properties": ["id"]}, key_properties=["at"]), {"primary_key": ["id"]}),
        (singer({"valid-replication-keys": ["at"]}), {"cursor": "at"}),
        (singer({"valid-replication-keys": ["at", "id"]}), {}),
        (singer({"valid-replication-keys": ["at", "id"], "replication-key": "id"}), {"cursor": "id"}),
        (singer({"forced-replication-method": "FULL_TABLE"}, replication_key="at"), {}),
        (singer({"forced-replication-method": {"replication-method": "FULL_TABLE", "reason": "x"}}, replication_key="at"), {}),
        (singer({"schema-name": "shop"}), {"namespace": "shop"}),
    ],
)  # fmt: skip
def test_an_entry_becomes_a_stream(entry: JsonObject, keys: JsonObject) -> None:
    streams, _ = imported({"streams": [entry]})
    assert streams == [{"name": "orders", **keys, "schema": SCHEMA}]


def test_a_catalog_may_come_as_a_message() -> None:
    catalog = {"streams": [airbyte()]}
    assert imported({"type": "CATALOG", "catalog": catalog}) == imported(catalog)


@pytest.mark.parametrize("value", [{}, {"streams": {}}, {"type": "CATALOG", "catalog": {}}])
def test_what_is_no_catalog_is_refused(value: JsonObject) -> None:
    with pytest.raises(InputError) as caught:
        imported(value)
    assert [problem.code for problem in caught.value.problems] == ["RVN870"]


def test_streams_of_one_name_are_told_apart_by_their_ids() -> None:
    streams, notes = imported(
        {"streams": [singer(tap_stream_id="a-orders"), singer(tap_stream_id="b-orders")]}
    )
    assert [stream["name"] for stream in streams] == ["orders", "b-orders"]
    assert [note.code for note in notes] == ["RVN871"]


def test_a_stream_is_not_called_like_a_class_or_method_of_the_connector() -> None:
    entries = [airbyte(name=name) for name in ("partition", "shop base", "Orders", "orders")]
    streams, notes = imported({"streams": entries}, connector="shop")
    names = [stream["name"] for stream in streams]
    assert names == ["partition_records", "shop_base", "Orders", "orders_records"]
    assert {note.code for note in notes} == {"RVN871"}


def test_references_are_looked_up_in_the_schema_of_the_stream() -> None:
    schema = {
        "definitions": {"Id": {"type": "integer"}},
        "type": "object",
        "properties": {"id": {"$ref": "#/definitions/Id"}},
    }
    (stream,), _ = imported({"definitions": {"Id": {}}, "streams": [airbyte(json_schema=schema)]})
    assert stream["schema"]["$defs"] == {"Id": {"type": "integer"}}


WORDS = (
    "streams stream name json_schema schema metadata breadcrumb key_properties type properties $ref"
    " table-key-properties default_cursor_field source_defined_primary_key supported_sync_modes"
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.sampled_from(["object", "id", "#", "", "incremental"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ANYTHING | st.builds(lambda keys: airbyte(**keys), st.dictionaries(st.sampled_from(WORDS.split()[2:]), ANYTHING)), max_size=3))  # fmt: skip
def test_any_list_of_streams_is_imported(entries: list[Any]) -> None:
    streams, _ = imported({"streams": entries})
    assert len(streams) <= len(entries)
