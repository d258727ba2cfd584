from __future__ import annotations

import contextlib
import copy
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rivven_connect import Json, RecordError, SourceEvent
from rivven_connect.connectors.cast_transform import CastTransform
from rivven_connect.connectors.cast_transform._generated import CastTransformConfig
from rivven_connect.connectors.cast_transform.casting import CASTS

REFUSED = object()


def cast(data: Json, fields: dict[str, str], **more: Json) -> Json:
    """Return what becomes of a record; the given one must stay as it was."""
    before = copy.deepcopy(data)
    config = CastTransformConfig.parse({"fields": fields, **more})
    try:
        out = CastTransform().transform(config, SourceEvent.record("s", data))
    finally:
        assert data == before
    assert isinstance(out, SourceEvent)
    return out.data


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", "a", "a"),
        ("string", 1, "1"),
        ("string", 10**25, "1" + "0" * 25),
        ("string", 1.5, "1.5"),
        ("string", True, "true"),
        ("string", {"a": [1, None]}, '{"a":[1,null]}'),
        ("string", math.nan, REFUSED),
        ("string", -math.inf, REFUSED),
        ("string", object(), REFUSED),
        ("integer", "12", 12),
        ("integer", "-007", -7),
        ("integer", "+5", 5),
        ("integer", "9" * 40, int("9" * 40)),
        ("integer", "9" * 5000, REFUSED),
        ("integer", 3.0, 3),
        ("integer", -(2.0**53), -(2**53)),
        ("integer", 2.0**53 + 2, REFUSED),
        ("integer", 1.5, REFUSED),
        ("integer", math.nan, REFUSED),
        ("integer", math.inf, REFUSED),
        ("integer", "1.5", REFUSED),
        ("integer", "1.0", REFUSED),
        ("integer", "1e3", REFUSED),
        ("integer", "1_000", REFUSED),
        ("integer", " 1", REFUSED),
        ("integer", "1\n", REFUSED),
        ("integer", "٣", REFUSED),
        ("integer", "", REFUSED),
        ("integer", True, REFUSED),
        ("integer", [1], REFUSED),
        ("float", "1.50", 1.5),
        ("float", ".5", 0.5),
        ("float", "1e3", 1000.0),
        ("float", "0e999", 0.0),
        ("float", 2, 2.0),
        ("float", 2**53 + 1, REFUSED),
        ("float", str(2**53 + 1), REFUSED),
        ("float", 10**400, REFUSED),
        ("float", "1e999", REFUSED),
        ("float", "1e-999", REFUSED),
        ("float", "nan", REFUSED),
        ("float", "inf", REFUSED),
        ("float", math.nan, REFUSED),
        ("float", "1_0.0", REFUSED),
        ("float", False, REFUSED),
        ("float", {}, REFUSED),
        ("boolean", True, True),
        ("boolean", 0, False),
        ("boolean", 1, True),
        ("boolean", 2, REFUSED),
        ("boolean", 1.0, REFUSED),
        ("boolean", "", REFUSED),
        ("boolean", "maybe", REFUSED),
        ("boolean", " true", REFUSED),
        ("boolean", [], REFUSED),
        ("json", '{"a":[1]}', {"a": [1]}),
        ("json", "null", None),
        ("json", "12345678901234567890123", 12345678901234567890123),
        ("json", {"a": 1}, {"a": 1}),
        ("json", "{a}", REFUSED),
        ("json", "NaN", REFUSED),
        ("json", "", REFUSED),
        ("json", "[" * 5000, REFUSED),
    ],
)
def test_a_value_is_cast_exactly_or_refused(kind: str, value: Json, expected: Json) -> None:
    if expected is REFUSED:
        with pytest.raises(ValueError, match=r"^(it|the|no) "):
            CASTS[kind](value)
        return
    found = CASTS[kind](value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("word", ["true", "T", "Yes", "y", "ON", "1"])
@pytest.mark.parametrize("opposite", [False, True])
def test_boolean_words(word: str, opposite: bool) -> None:
    words = {"true": "false", "T": "F", "Yes": "No", "y": "n", "ON": "OFF", "1": "0"}
    assert CASTS["boolean"](words[word] if opposite else word) is not opposite


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_numbers_survive_a_trip_through_text(value: Any) -> None:
    kinds = {bool: "boolean", int: "integer", float: "float"}
    found = CASTS[kinds[type(value)]](CASTS["string"](value))
    assert (found, type(found)) == (value, type(value))


@given(st.from_type(object) | st.text() | st.floats() | st.integers())
def test_only_value_errors_come_out(value: Any) -> None:
    for cast_value in CASTS.values():
        with contextlib.suppress(ValueError):
            cast_value(value)


def test_a_failure_names_the_field_and_not_the_value() -> None:
    with pytest.raises(RecordError, match=r"'a\.b' cannot become integer") as caught:
        cast({"a": {"b": "secret-value"}}, {"a.b": "integer"})
    assert "secret-value" not in str(caught.value)


def test_on_invalid_decides_per_value() -> None:
    record = {"a": [{"b": "1"}, {"b": "x"}, {"b": None}, {}]}
    assert cast(record, {"a.b": "integer"}, on_invalid="null") == {
        "a": [{"b": 1}, {"b": None}, {"b": None}, {}]
    }
    assert cast(record, {"a.b": "integer"}, on_invalid="keep") == {
        "a": [{"b": 1}, {"b": "x"}, {"b": None}, {}]
    }


def test_a_null_that_json_says_is_one() -> None:
    assert cast({"a": "null"}, {"a": "json"}) == {"a": None}


@pytest.mark.parametrize("data", [None, [], "a", 1, [{"a": "1"}]])
def test_what_is_no_object_stays(data: Json) -> None:
    assert cast(data, {"a": "integer"}) == data
