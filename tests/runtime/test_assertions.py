"""The assertions, about events and about config classes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field

from rivven_connect._events import SourceEvent
from rivven_connect._secret import Secret
from rivven_connect.config import ConfigModel, Integer, Text
from rivven_connect.testing import (
    all_have_field,
    all_records,
    assert_all_have_field,
    assert_all_records,
    assert_config_accepts,
    assert_config_rejects,
    assert_matches_schema,
    assert_no_leak,
    assert_ordered_by,
    assert_same_records,
    events,
    ordered_by,
)


def rows(*values: Any) -> list[SourceEvent]:
    return [SourceEvent.record("s", value) for value in values]


def test_all_records() -> None:
    assert all_records(events.records("s", 2))
    assert not all_records(events.cdc_inserts("s", 1))
    assert_all_records(events.records("s", 2))
    with pytest.raises(AssertionError, match="event 1 is insert"):
        assert_all_records([*events.records("s", 1), *events.cdc_inserts("s", 1)])


def test_all_have_field() -> None:
    found = rows({"a": None}, {"b": 1}, 3)
    assert all_have_field(found[:1], "a")
    assert not all_have_field(found, "a")
    with pytest.raises(AssertionError, match=r"'a' \(2\): event 1, event 2"):
        assert_all_have_field(found, "a")
    assert_all_have_field([SourceEvent.update("s", None, {"a": 1})], "a")


@pytest.mark.parametrize(
    ("values", "ordered"),
    [
        ([], True),
        ([1], True),
        ([1, 1, 2], True),
        ([2, 1], False),
        (["a", "b"], True),
        ([1, "b"], False),
    ],
)
def test_ordered_by(values: list[Any], ordered: bool) -> None:
    found = rows(*({"n": value} for value in values))
    assert ordered_by(found, "n") is ordered
    if ordered:
        assert_ordered_by(found, "n")
    else:
        with pytest.raises(AssertionError, match="event 1 has"):
            assert_ordered_by(found, "n")


def test_same_records_compares_sets_whatever_the_order() -> None:
    assert_same_records(rows({"a": 1, "b": 2}, {"a": 2}), [{"a": 2}, {"b": 2, "a": 1}])
    assert_same_records(rows({"id": 1, "x": 1}), [{"id": 1, "x": 2}], key="id")
    assert_same_records(rows({"id": 1, "x": 1}), [{"id": 1, "x": 1, "y": 2}], key=["id", "x"])


@pytest.mark.parametrize(
    ("actual", "expected", "says"),
    [
        ([{"id": 1}], [{"id": 1}, {"id": 2}], "missing (1): 2"),
        ([{"id": 1}, {"id": 3}], [{"id": 1}], "unexpected (1): 3"),
        ([{"id": 1}, {"id": 1}], [{"id": 1}], "repeated (1): 1"),
        ([{"id": 1}], [{"id": 1}, {"id": 1}], "too few (1): 1"),
        ([{"id": True}], [{"id": 1}], "unexpected (1): true"),
        ([5], [{"id": 1}], "not an object: 5"),
    ],
)
def test_same_records_says_what_differs(actual: list[Any], expected: list[Any], says: str) -> None:
    """Equal counts with other keys are different: sets are compared, never counts."""
    with pytest.raises(AssertionError) as caught:
        assert_same_records(actual, expected, key="id")
    assert says in str(caught.value)


def test_repeats_may_be_allowed_and_losses_never() -> None:
    assert_same_records([1, 1], [1], allow_repeats=True)
    with pytest.raises(AssertionError, match="missing"):
        assert_same_records([1, 1], [1, 2], allow_repeats=True)


def test_long_differences_are_cut() -> None:
    with pytest.raises(AssertionError, match="and 90 more"):
        assert_same_records([], range(100))


def test_matches_schema_names_record_and_place() -> None:
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
    assert_matches_schema([{"id": 1}, {}], schema)
    with pytest.raises(AssertionError, match="record 1 at /id"):
        assert_matches_schema([{"id": 1}, {"id": "x"}], schema)


CANARY = "canary-0123456789"


class Login(ConfigModel):
    token: Secret
    retries: Annotated[Integer, Field(ge=0, le=10)] = 3
    region: Text | None = None


class Leaky(Login):
    """Holds a secret as a plain text."""

    password: Text


class Careless(Login):
    def __repr__(self) -> str:
        return f"Careless({self.token.reveal()})"


def test_config_accepts_returns_the_config() -> None:
    config = assert_config_accepts(Login, {"token": CANARY, "retries": 10})
    assert (config.retries, config.token.reveal()) == (10, CANARY)
    with pytest.raises(AssertionError, match="refuses a valid config") as caught:
        assert_config_accepts(Login, {"token": CANARY, "retries": 11})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "at", "rule"),
    [
        ({"token": CANARY, "retries": 11}, "/retries", "maximum"),
        ({"token": CANARY, "retries": "5"}, "/retries", "type"),
        ({}, "/token", "required"),
        ({"token": CANARY, "x": 1}, "/x", "additionalProperties"),
        ([], "", "type"),
    ],
)
def test_config_rejects(values: Any, at: str, rule: str) -> None:
    assert_config_rejects(Login, values, at=at, rule=rule)


def test_config_rejects_is_red_for_the_wrong_place_the_wrong_rule_and_no_problem() -> None:
    bad = {"token": CANARY, "retries": 11}
    for at, rule in (("/token", "maximum"), ("/retries", "minimum")):
        with pytest.raises(AssertionError, match=r"found \[\('/retries', 'maximum'\)\]"):
            assert_config_rejects(Login, bad, at=at, rule=rule)
    with pytest.raises(AssertionError, match="accepts a config"):
        assert_config_rejects(Login, {"token": CANARY}, at="/retries", rule="maximum")


def test_class_and_schema_must_agree(tmp_path: Path) -> None:
    path = tmp_path / "config.schema.json"
    path.write_text('{"type": "object", "properties": {"retries": {"maximum": 5}}}')

    class Drifted(Login):
        _schema_file: ClassVar[Path | None] = path

    with pytest.raises(AssertionError, match=r"config\.schema\.json refuses"):
        assert_config_accepts(Drifted, {"token": CANARY, "retries": 7})
    with pytest.raises(AssertionError, match=r"config\.schema\.json accepts"):
        assert_config_rejects(
            Drifted, {"token": CANARY, "retries": -1}, at="/retries", rule="minimum"
        )


def test_a_secret_that_never_shows_passes() -> None:
    assert_no_leak(Login, {"token": CANARY}, CANARY)


@pytest.mark.parametrize(
    ("config_class", "values", "says"),
    [
        (Leaky, {"token": "other", "password": CANARY}, "dump"),
        (Careless, {"token": CANARY}, "repr"),
    ],
)
def test_a_leak_is_found(config_class: type[ConfigModel], values: Any, says: str) -> None:
    with pytest.raises(AssertionError, match=says) as caught:
        assert_no_leak(config_class, values, CANARY)
    assert CANARY not in str(caught.value)


def test_a_canary_that_is_not_in_the_config_tests_nothing() -> None:
    with pytest.raises(AssertionError, match="nothing was tested"):
        assert_no_leak(Login, {"token": "other-token"}, CANARY)
