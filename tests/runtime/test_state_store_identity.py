"""What a pipeline reads and writes is kept as fingerprints, and a change of it is refused."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from engine_kit import make_sink, make_source, plan_of, registries, rows

from rivven_connect._errors import InputError
from rivven_connect._registry import Registries
from rivven_connect.config import ConfigModel, Secret, SecretText, SourceConfig, Text
from rivven_connect.pipeline import PipelinePlan, StateStore
from rivven_connect.pipeline.fingerprint import check_identity, identity_fields

MARKED = {"type": "string", "x-rivven-identity": True}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "endpoint": MARKED,
        "table": {"$ref": "#/$defs/Table"},
        "shards": {"type": "array", "items": {"type": "object", "properties": {"host": MARKED}}},
        "page": {"type": "string"},
        "token": {"type": "string", "writeOnly": True, "x-rivven-identity": True},
    },
    "$defs": {
        "Table": {"oneOf": [{"properties": {"name": MARKED}}, {"properties": {"query": MARKED}}]}
    },
}


class Table(ConfigModel):
    name: Text | None = None
    query: Text | None = None


class Shard(ConfigModel):
    host: Text
    weight: Text = ""


class ShopConfig(SourceConfig):
    endpoint: Text = "https://example.com"
    table: Table | None = None
    shards: list[Shard] | None = None
    page: Text = ""
    token: Annotated[Secret | None, SecretText()] = None


def known(schema: dict[str, Any] = SCHEMA) -> Registries:
    shop, _ = make_source(rows([]), config_schema=schema)
    shop.config_type = ShopConfig
    other, _ = make_source(rows([]))
    file, _ = make_sink(config_schema={"type": "object", "properties": {"endpoint": MARKED}})
    file.config_type = ShopConfig
    other.spec = classmethod(  # type: ignore[method-assign,assignment]  # another connector type
        lambda cls: shop.spec().model_copy(update={"connector_type": "other"})
    )
    other.config_type = ShopConfig
    return registries({"shop": shop, "other": other}, {"file": file})


def plan(folder: Path, config: dict[str, Any], **more: Any) -> PipelinePlan:
    source = {"connector": more.get("connector", "shop"), "config": config}
    sink = {"connector": "file", "topics": ["a"], "config": more.get("sink", {})}
    sources = {"a": source, **more.get("sources", {})}
    document = {"version": "1.0", "sources": sources, "sinks": {"z": sink}}
    registries_ = known(more.get("schema", SCHEMA))
    return plan_of(folder, registries_, json.dumps(document, indent=1))


def start(
    folder: Path, config: dict[str, Any], *, accept: bool = False, **more: Any
) -> InputError | None:
    """Start and return what was refused."""
    made = plan(folder, config, **more)
    with contextlib.closing(StateStore.open(made.state_dir, made.name)) as store:
        try:
            check_identity(made, store, accept=accept)
        except InputError as error:
            return error
    return None


SHARDS = [{"host": "one"}, {"host": "two"}]


def test_the_marked_fields_of_a_schema_are_found_wherever_they_stand() -> None:
    assert identity_fields(SCHEMA) == [
        ("endpoint",),
        ("table", "name"),
        ("table", "query"),
        ("shards", "*", "host"),
    ]
    looped = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
    assert identity_fields(looped) == []


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ({}, {"endpoint": "https://other.example"}, "endpoint"),
        ({"table": {"name": "orders"}}, {"table": {"name": "items"}}, "table/name"),
        ({"table": {"name": "orders"}}, {}, "table/name"),
        ({}, {"table": {"query": "select"}}, "table/query"),
        ({"shards": SHARDS}, {"shards": SHARDS[:1]}, "shards/*/host"),
        ({"endpoint": "https://u:p@a.example"}, {"endpoint": "https://u:p@b.example"}, "endpoint"),
    ],
)
def test_f28_a_changed_identity_is_refused_with_its_place_and_without_its_value(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any], field: str
) -> None:
    assert start(tmp_path, before) is None
    assert start(tmp_path, before) is None
    refused = start(tmp_path, after)
    assert refused is not None
    assert refused.exit_code == 2
    (problem,) = refused.problems
    assert problem.code == "RVN730"
    assert problem.pointer == f"/sources/a/config/{field}"
    assert problem.line > 1
    assert "--accept-config-change" in problem.hint
    assert "`rivven state reset pipeline.yaml --source a`" in problem.hint
    assert "a' changed" in problem.message
    assert "example" not in problem.render()
    assert start(tmp_path, before) is None, "a refused start changes nothing"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"page": "1"}, {"page": "2"}),
        ({"token": "${env:OLD_TOKEN}"}, {"token": "${env:NEW_TOKEN}"}),
        ({"endpoint": "https://u:old@a.example/x"}, {"endpoint": "https://u:new@a.example/x"}),
        (
            {"shards": [{"host": "one", "weight": "1"}]},
            {"shards": [{"host": "one", "weight": "2"}]},
        ),
        ({}, {"endpoint": "https://example.com"}),
    ],
    ids=["other field", "secret", "password in an address", "beside it", "the default said"],
)
def test_other_changes_and_rotated_secrets_are_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: dict[str, Any], after: dict[str, Any]
) -> None:
    monkeypatch.setenv("OLD_TOKEN", "old-not-a-real-token")
    monkeypatch.setenv("NEW_TOKEN", "new-not-a-real-token")
    assert start(tmp_path, before) is None
    assert start(tmp_path, after) is None


def test_an_accepted_change_is_logged_and_becomes_the_truth(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(tmp_path, {})
    assert start(tmp_path, {"endpoint": "https://other.example"}, accept=True) is None
    assert "config /endpoint of source a changed; its state is kept" in caplog.text
    assert start(tmp_path, {"endpoint": "https://other.example"}) is None
    assert start(tmp_path, {}) is not None


def test_another_connector_under_the_same_name_is_refused(tmp_path: Path) -> None:
    start(tmp_path, {})
    refused = start(tmp_path, {"endpoint": "https://other.example"}, connector="other")
    assert refused is not None
    assert [one.pointer for one in refused.problems] == ["/sources/a/connector"]


def test_a_changed_sink_is_refused_too(tmp_path: Path) -> None:
    start(tmp_path, {})
    refused = start(tmp_path, {}, sink={"endpoint": "https://other.example"})
    assert refused is not None
    (problem,) = refused.problems
    assert problem.pointer == "/sinks/z/config/endpoint"
    assert "`rivven state reset pipeline.yaml`" in problem.hint


def test_new_connectors_are_kept_and_removed_ones_stay_known(tmp_path: Path) -> None:
    more = {"b": {"connector": "shop", "topic": "a", "config": {"endpoint": "https://b.example"}}}
    start(tmp_path, {})
    assert start(tmp_path, {}, sources=more) is None
    assert start(tmp_path, {}) is None
    more["b"]["config"] = {}
    refused = start(tmp_path, {}, sources=more)
    assert refused is not None
    assert [one.pointer for one in refused.problems] == ["/sources/b/config/endpoint"]


def test_a_field_that_a_new_version_marks_is_no_change(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"endpoint": MARKED}}
    start(tmp_path, {"table": {"name": "orders"}}, schema=schema)
    assert start(tmp_path, {"table": {"name": "orders"}}) is None
    assert start(tmp_path, {"table": {"name": "items"}}) is not None


def test_fingerprints_differ_from_state_to_state_and_hold_no_value(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        start(tmp_path / name, {"endpoint": "https://shop.example"})
        made = plan(tmp_path / name, {"endpoint": "https://shop.example"})
        with contextlib.closing(StateStore.open(made.state_dir, made.name)) as store:
            digests.append(store.identities()["source", "a", "/endpoint"])
        assert b"shop.example" not in (made.state_dir / "pipeline.db").read_bytes()
    assert digests[0] != digests[1]
