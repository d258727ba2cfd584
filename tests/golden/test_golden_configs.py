"""Each connector of the guide accepts and refuses what the guide says, through its generated class."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import golden_trees
import pytest

from rivven_connect import InputError

URL = "https://api.example.com"
SOURCE = {"endpoint": URL, "batch_size": 100}
VALIDATED = {"endpoint": URL, "concurrency": 10, "table_name": "orders"}
PARTS = {"host": "db.example.com", "database": "shop", "user": "u", "password": "not-a-real-one"}
HOOK = {"url": "https://hooks.example.com/in"}
TOKEN = {"type": "token", "token": "not-a-real-token"}
APP = {"type": "app", "app_id": 1, "private_key": "not-a-real-key"}
ISSUES = {"repositories": ["a/b"], "auth": TOKEN}


class Rule(NamedTuple):
    """One rule of one connector: a config that keeps it, one that breaks it, and where."""

    case: str
    kept: dict[str, Any]
    broken: dict[str, Any]
    at: str
    rule: str


RULES = [
    Rule("my-source", SOURCE, SOURCE | {"endpoint": "nope"}, "/endpoint", "format"),
    Rule("my-source", SOURCE, {"batch_size": 100}, "/endpoint", "required"),
    Rule("my-source", SOURCE | {"batch_size": 1}, SOURCE | {"batch_size": 0}, "/batch_size", "minimum"),
    Rule("my-source", SOURCE | {"batch_size": 1000}, SOURCE | {"batch_size": 1001}, "/batch_size", "maximum"),
    Rule("my-source", SOURCE | {"batch_size": 5.0}, SOURCE | {"batch_size": "5"}, "/batch_size", "type"),
    Rule("my-source", SOURCE | {"timeout_ms": 1}, SOURCE | {"timeout_ms": None}, "/timeout_ms", "type"),
    Rule("my-source", SOURCE, SOURCE | {"surplus": 1}, "/surplus", "additionalProperties"),
    Rule("my-sink", {"destination": "out"}, {}, "/destination", "required"),
    Rule("my-sink", {"destination": "o"}, {"destination": ""}, "/destination", "minLength"),
    Rule("my-sink", {"destination": "o", "compress": True}, {"destination": "o", "compress": 1}, "/compress", "type"),
    Rule("filter-transform", {"field": "a", "pattern": "b"}, {"field": "a"}, "/pattern", "required"),
    Rule("filter-transform", {"field": "a", "pattern": "b"}, {"field": "", "pattern": "b"}, "/field", "minLength"),
    Rule("filter-transform", {"field": "a", "pattern": "^b+$"}, {"field": "a", "pattern": "["}, "/pattern", "format"),
    Rule("validated-source", VALIDATED, VALIDATED | {"endpoint": "nope"}, "/endpoint", "format"),
    Rule("validated-source", VALIDATED | {"notification_email": "a@example.com"},
         VALIDATED | {"notification_email": "nope"}, "/notification_email", "format"),
    Rule("validated-source", VALIDATED | {"concurrency": 1}, VALIDATED | {"concurrency": 0}, "/concurrency", "minimum"),
    Rule("validated-source", VALIDATED | {"concurrency": 100}, VALIDATED | {"concurrency": 101}, "/concurrency", "maximum"),
    Rule("validated-source", VALIDATED | {"table_name": "t"}, VALIDATED | {"table_name": ""}, "/table_name", "minLength"),
    Rule("validated-source", VALIDATED | {"table_name": "t" * 256},
         VALIDATED | {"table_name": "t" * 257}, "/table_name", "maxLength"),
    Rule("validated-source", VALIDATED | {"schedule": "*/5 * * * *"},
         VALIDATED | {"schedule": "sometimes"}, "/schedule", "validator"),
    Rule("postgres-cdc", {"connection_string": "postgresql://u@db/shop"}, {}, "", "require_one"),
    Rule("postgres-cdc", PARTS, PARTS | {"connection_string": "postgresql://u@db/shop"}, "", "require_one"),
    Rule("postgres-cdc", PARTS, {"host": "db.example.com"}, "", "require_together"),
    Rule("postgres-cdc", PARTS | {"host": "192.0.2.1"}, PARTS | {"host": "a b"}, "/host", "validator"),
    Rule("postgres-cdc", PARTS | {"port": 65535}, PARTS | {"port": 65536}, "/port", "validator"),
    Rule("postgres-cdc", PARTS | {"slot_name": "a_1"}, PARTS | {"slot_name": "A-1"}, "/slot_name", "pattern"),
    Rule("s3", {"bucket": "lake"}, {}, "/bucket", "required"),
    Rule("s3", {"bucket": "b"}, {"bucket": ""}, "/bucket", "minLength"),
    Rule("s3", {"bucket": "b" * 255}, {"bucket": "b" * 256}, "/bucket", "maxLength"),
    Rule("http-webhook", HOOK, {"url": "nope"}, "/url", "format"),
    Rule("http-webhook", HOOK | {"headers": {"X-Team": "a"}}, HOOK | {"headers": {"X-Team": 1}}, "/headers/X-Team", "type"),
    Rule("http-webhook", HOOK | {"timeout_ms": 1}, HOOK | {"timeout_ms": 0}, "/timeout_ms", "minimum"),
    Rule("http-webhook", HOOK | {"retry_count": 0}, HOOK | {"retry_count": -1}, "/retry_count", "minimum"),
    Rule("http-webhook", HOOK | {"retry_count": 10}, HOOK | {"retry_count": 11}, "/retry_count", "maximum"),
    Rule("github-issues", ISSUES, ISSUES | {"repositories": []}, "/repositories", "minItems"),
    Rule("github-issues", ISSUES, ISSUES | {"repositories": ["nope"]}, "/repositories/0", "pattern"),
    Rule("github-issues", ISSUES | {"page_size": 100}, ISSUES | {"page_size": 101}, "/page_size", "maximum"),
    Rule("github-issues", ISSUES | {"auth": APP}, ISSUES | {"auth": APP | {"type": "token"}}, "/auth/app_id", "additionalProperties"),
    Rule("github-issues", ISSUES | {"auth": APP}, ISSUES | {"auth": {"type": "other"}}, "/auth", "oneOf"),
]  # fmt: skip
"""By case; the order is the manifest's."""


class Generated:
    """The generated packages of the committed trees, imported when asked for."""

    def of(self, case: str) -> Any:
        """Return the generated package of a case."""
        source = golden_trees.tree_of(case) / "src"
        sys.path.insert(0, str(source))
        try:
            package = next(path.name for path in source.iterdir() if path.is_dir())
            return importlib.import_module(f"{package}._generated")
        finally:
            sys.path.remove(str(source))

    def config(self, case: str) -> Any:
        """Return the generated config class of a case."""
        module = self.of(case)
        (name,) = (name for name in module.__all__ if name.endswith("Config"))
        return getattr(module, name)


@pytest.fixture
def generated() -> Iterator[Generated]:
    before = set(sys.modules)
    yield Generated()
    for name in set(sys.modules) - before:
        if not name.startswith("rivven_"):
            del sys.modules[name]


@pytest.mark.parametrize(
    "rule", RULES, ids=[f"{rule.case} {rule.at or '/'} {rule.rule}" for rule in RULES]
)
def test_a_rule_is_kept_at_its_edge_and_broken_beyond_it(rule: Rule, generated: Generated) -> None:
    config_class = generated.config(rule.case)
    config_class.parse(rule.kept)
    with pytest.raises(InputError) as refused:
        config_class.parse(rule.broken)
    assert (rule.at, rule.rule) in {(one.pointer, one.rule) for one in refused.value.problems}


def test_every_case_has_a_rule() -> None:
    assert {rule.case for rule in RULES} == set(golden_trees.CASES)


def test_defaults_are_the_guide_s(generated: Generated) -> None:
    assert generated.config("my-source").parse(SOURCE).timeout_ms == 30_000
    assert generated.config("my-sink").parse({"destination": "o"}).compress is False
    webhook = generated.config("http-webhook").parse(HOOK)
    assert (webhook.headers, webhook.timeout_ms, webhook.retry_count) == ({}, 10_000, 0)
    validated = generated.config("validated-source").parse(VALIDATED)
    assert (validated.notification_email, validated.schedule) == (None, None)


@pytest.mark.parametrize(("case", "size"), [("my-sink", 1000), ("s3", 1000), ("http-webhook", 100)])
def test_a_batching_sink_s_spec_knows_its_batches(
    case: str, size: int, generated: Generated
) -> None:
    module = generated.of(case)
    (name,) = (name for name in module.__all__ if name.endswith("ConfigSpec"))
    assert getattr(module, name).batch_config().max_records == size


def test_the_spec_carries_the_guide_s_attributes(generated: Generated) -> None:
    spec = generated.of("postgres-cdc").connector_spec()
    assert (spec.connector_type, spec.version, spec.author) == (
        *("postgres-cdc", "1.0.0", "Rivven Team"),
    )
    assert spec.license == "Apache-2.0"
    assert spec.documentation_url == "https://rivven.dev/docs/connectors/postgres-cdc"
    assert spec.supports_incremental is True
    mine = generated.of("my-source")
    assert (mine.MySourceConfigSpec.name(), mine.MySourceConfigSpec.version()) == (
        *("my-source", "1.0.0"),
    )
    assert mine.MySourceConfigSpec.spec().config_schema["required"] == ["endpoint", "batch_size"]
