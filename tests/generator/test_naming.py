"""Derived names: legal, stable, out of everybody's way."""

from __future__ import annotations

import keyword
import re
import sys

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rivven_generator import naming, reserved


@pytest.mark.parametrize(
    ("wire", "python"),
    [
        ("page_size", "page_size"),
        ("pageSize", "page_size"),
        ("AWSKey", "aws_key"),
        ("page-size", "page_size"),
        ("a.b c", "a_b_c"),
        ("class", "class_"),
        ("from", "from_"),
        ("None", "none_"),
        ("schema", "schema_"),
        ("copy", "copy_"),
        ("model_config", "model_config_"),
        ("dump", "dump_"),
        ("rules", "rules_"),
        ("config_schema", "config_schema_"),
        ("str", "str_"),
        ("type", "type"),
        ("match", "match"),
        ("l", "l_"),
        ("L", "l_"),
        ("_x", "x"),
        ("__class__", "class_"),
        ("3d", "n3d"),
        ("ﬁeld", "field"),
        ("日本", "field"),
        ("", "field"),
    ],
)
def test_field_names(wire: str, python: str) -> None:
    assert naming.field_name(wire) == python


@given(st.text(max_size=100))
def test_any_wire_name_becomes_a_legal_identifier(wire: str) -> None:
    name = naming.field_name(wire)
    assert re.fullmatch("[a-z][a-z0-9_]{0,62}", name)
    assert not keyword.iskeyword(name)
    assert not hasattr(pydantic.BaseModel, name)
    assert naming.field_name(wire) == name


def test_long_names_stay_apart() -> None:
    first, second = naming.field_name("x" * 300), naming.field_name("x" * 301)
    assert first != second
    assert max(len(first), len(second)) <= 63


@pytest.mark.parametrize(
    ("name", "kind", "package"),
    [
        ("github-issues", "source", "github_issues"),
        ("http", "source", "http_source"),
        ("csv", "sink", "csv_sink"),
        ("json", "transform", "json_transform"),
        ("class", "source", "class_source"),
        ("rivven", "source", "rivven_source"),
        ("tests", "sink", "tests_sink"),
        ("source", "source", "source_source"),
        ("page", "source", "page_source"),
        ("con", "sink", "con_sink"),
        ("none", "source", "none_source"),
        ("filter", "transform", "filter"),
    ],
)
def test_default_packages(name: str, kind: str, package: str) -> None:
    assert naming.default_package(name, kind) == package
    assert naming.package_conflict(package) is None


@pytest.mark.parametrize(
    "package", ["json", "pydantic", "rivven", "json.orders", "a.class", "source", "acme.none"]
)
def test_packages_that_hide_something(package: str) -> None:
    assert naming.package_conflict(package)


def test_our_own_connectors_live_in_our_own_package() -> None:
    package = "rivven_connect.connectors.jsonl_source"
    assert naming.package_conflict(package) is None
    assert naming.class_names(package).connector == "JsonlSource"


def test_class_names() -> None:
    names = naming.class_names("github_issues")
    assert names == naming.ClassNames(
        connector="GithubIssues",
        base="GithubIssuesBase",
        config="GithubIssuesConfig",
        spec="GithubIssuesConfigSpec",
        streams="GithubIssuesStreams",
    )


def test_stream_names() -> None:
    assert naming.stream_attribute("pull-requests") == "pull_requests"
    assert naming.stream_attribute("import") == "import_"
    assert naming.stream_attribute("l") == "l_"
    assert naming.read_hook("import") == "read_import"
    assert naming.record_class("pull-requests") == "PullRequestsRecord"
    assert naming.is_contract_hook(naming.read_hook("partition"))
    assert naming.check_hook("auth_valid") == "check_auth_valid"


def test_distribution_and_entry_points() -> None:
    assert naming.distribution_name("source", "github-issues") == "rivven-source-github-issues"
    assert naming.entry_point_group("transform") == "rivven.transforms"


def test_frozen_lists_cover_what_is_installed() -> None:
    public = {name for name in sys.stdlib_module_names if name.islower() and name[0] != "_"}
    assert public <= reserved.STANDARD_LIBRARY
    for name in dir(pydantic.BaseModel):
        assert name.startswith(("_", "model_")) or name in reserved.MODEL_ATTRIBUTES
