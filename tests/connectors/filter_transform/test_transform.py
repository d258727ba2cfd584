from __future__ import annotations

from typing import Any

import pytest

from rivven_connect import InputError, Json, SourceEvent
from rivven_connect.connectors.filter_transform import FilterTransform
from rivven_connect.connectors.filter_transform._generated import FilterTransformConfig


async def passes(event: SourceEvent | Json, **values: Any) -> bool:
    """Whether an event, or a record, comes through, and unchanged."""
    if not isinstance(event, SourceEvent):
        event = SourceEvent.record("s", event)
    config = FilterTransformConfig.parse(values)
    transform = FilterTransform()
    await transform.open(config)
    out = transform.transform(config, event)
    assert out is None or out is event
    return out is event


VALUES: list[Json] = [None, False, True, 0, 1, 1.5, "", "1", "true", [], [1], {}, {"a": None}]


@pytest.mark.parametrize("wanted", VALUES, ids=repr)
async def test_operators_agree_with_one_another(wanted: Json) -> None:
    for value in VALUES:
        record = {"f": value}
        equal = await passes(record, field="f", equals=wanted)
        assert equal is (repr(value) == repr(wanted))
        assert equal is await passes(record, field="f", operator="equals", value=wanted)
        assert equal is await passes(record, field="f", operator="==", value=wanted)
        assert equal is not await passes(record, field="f", operator="!=", value=wanted)
        assert equal is await passes(record, field="f", operator="in", values=[wanted])
        assert equal is not await passes(record, field="f", operator="not_equals", value=wanted)
        assert equal is not await passes(record, field="f", equals=wanted, drop=True)


@pytest.mark.parametrize("record", [{}, {"a": 1}, {"a": []}, {"a": {"c": 1}}, [], "a.b", None, 5])
async def test_a_missing_field_only_differs(record: Json) -> None:
    conditions: dict[str, dict[str, Json]] = {
        "equals": {"value": None},
        "not_equals": {"value": None},
        "in": {"values": [None, 1]},
        "matches": {"pattern": ".*"},
        "is_null": {},
        "is_not_null": {},
        "exists": {},
    }
    found = {
        operator: await passes(record, field="a.b", operator=operator, **values)
        for operator, values in conditions.items()
    }
    assert [operator for operator, passed in found.items() if passed] == ["not_equals"]


async def test_a_field_with_dots_in_its_name_goes_first() -> None:
    assert await passes({"a.b": 1, "a": {"b": 2}}, field="a.b", equals=1)
    assert await passes({"a": {"b": {"c": 2}}}, field="a.b.c", equals=2)
    assert not await passes({"a": [{"b": 2}]}, field="a.0.b", operator="exists")


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^a+$", "aaa", True),
        ("^a+$", "baa", False),
        ("b", "abc", True),
        (r"\d{3}", "x123", True),
        ("(?i)ANN", "joanna", True),
        ("é", "café", True),
    ],
)
async def test_patterns_match_anywhere(pattern: str, text: str, found: bool) -> None:
    assert await passes({"f": text}, field="f", operator="matches", pattern=pattern) is found


async def test_no_pattern_is_catastrophic() -> None:
    """A matcher that tries one way after the other would not end."""
    assert not await passes({"f": "a" * 50_000}, field="f", operator="matches", pattern="^(a+)+$b")
    assert not await passes(
        {"f": "a" * 50_000 + "!"}, field="f", operator="matches", pattern="^(a|a?)+$"
    )


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "a{999999}{999999}"])
async def test_patterns_that_cannot_run_in_linear_time_are_refused(pattern: str) -> None:
    with pytest.raises(InputError, match="pattern"):
        await passes({}, field="f", operator="matches", pattern=pattern)


@pytest.mark.parametrize(
    ("before", "after", "kept", "left_by_drop"),
    [(1, 1, True, False), (1, 2, True, True), (2, 1, True, True), (2, 2, False, True)],
)
async def test_an_update_passes_if_either_side_does(
    before: int, after: int, kept: bool, left_by_drop: bool
) -> None:
    update = SourceEvent.update("s", {"f": before}, {"f": after})
    assert await passes(update, field="f", equals=1) is kept
    assert await passes(update, field="f", equals=1, drop=True) is left_by_drop


async def test_an_update_without_its_past_is_judged_by_its_present() -> None:
    assert await passes(SourceEvent.update("s", None, {"f": 1}), field="f", equals=1)
    assert not await passes(SourceEvent.update("s", None, {"f": 2}), field="f", equals=1)


async def test_control_events_pass() -> None:
    assert await passes(SourceEvent.log("info", "half way"), field="f", equals=1)
