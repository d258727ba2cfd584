from __future__ import annotations

import copy
import datetime
import math
import zoneinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rivven_connect import Json, RecordError, SourceEvent
from rivven_connect.connectors.timestamp_transform import TimestampTransform
from rivven_connect.connectors.timestamp_transform._generated import TimestampTransformConfig
from rivven_connect.connectors.timestamp_transform.instants import (
    from_micros,
    load_zone,
    to_micros,
)

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
FIRST, LAST = -62135596800_000000, 253402300799_999999


async def convert(data: Json, **values: Any) -> Json:
    """Return what becomes of a record; the given one must stay as it was."""
    before = copy.deepcopy(data)
    config = TimestampTransformConfig.parse(values)
    transform = TimestampTransform()
    await transform.open(config)
    try:
        out = transform.transform(config, SourceEvent.record("s", data))
    finally:
        assert data == before
    assert isinstance(out, SourceEvent)
    return out.data


@given(st.integers(FIRST, LAST))
def test_micros_survive_every_exact_form(micros: int) -> None:
    assert (
        to_micros(from_micros(micros, "epoch_micros", datetime.UTC), "epoch_micros", None) == micros
    )
    for zone in (datetime.UTC, BERLIN):
        try:
            text = from_micros(micros, "iso8601", zone)
        except ValueError:
            assert micros > LAST - 86_400_000_000
            continue
        assert to_micros(text, "iso8601", None) == micros


@given(st.integers(FIRST, LAST))
def test_counts_are_cut_towards_the_past(micros: int) -> None:
    seconds, millis = (from_micros(micros, f"epoch_{unit}", BERLIN) for unit in ("secs", "millis"))
    assert isinstance(seconds, int)
    assert isinstance(millis, int)
    assert 0 <= micros - seconds * 1_000_000 < 1_000_000
    assert 0 <= micros - millis * 1_000 < 1_000


@pytest.mark.parametrize(
    ("value", "form", "micros"),
    [
        (0, "auto", 0),
        (10**11 - 1, "auto", (10**11 - 1) * 1_000_000),
        (10**11, "auto", 10**14),
        (-(10**10), "auto", -(10**16)),
        (10**14, "auto", 10**14),
        (1714521600.1, "auto", 1714521600_100000),
        (1714521600.123456, "epoch_secs", 1714521600_123456),
        (0.0000019, "epoch_secs", 1),
        (-0.0000001, "epoch_secs", -1),
        (10, "epoch_millis", 10_000),
        ("1714521600.1234569", "epoch_secs", 1714521600_123456),
        ("-1", "epoch_micros", -1),
        ("1970-01-01T00:00:00Z", "auto", 0),
        ("1970-01-01t00:00:01z", "iso8601", 1_000_000),
        ("1970-01-01 00:00:00+00", "auto", 0),
        ("1970-01-01T00:00+0100", "auto", -3_600_000_000),
        ("1970-01-01T00:00:00-01:00", "auto", 3_600_000_000),
        ("1970-01-01T00:00:00,5Z", "auto", 500_000),
        ("1970-01-01T00:00:00.1234569Z", "auto", 123_456),
        ("0001-01-01T00:00:00Z", "auto", FIRST),
    ],
)
def test_what_a_value_says(value: Json, form: str, micros: int) -> None:
    assert to_micros(value, form, None) == micros


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (True, "auto"),
        (10**17, "auto"),
        (math.nan, "auto"),
        (math.inf, "epoch_secs"),
        ([], "auto"),
        ({}, "iso8601"),
        (5, "iso8601"),
        (5, "date"),
        (True, "epoch_secs"),
        ("1714521600", "auto"),
        ("1e3", "epoch_secs"),
        ("", "epoch_secs"),
        ("soon", "auto"),
        ("1970-01-01", "iso8601"),
        ("1970-01-01", "auto"),
        ("1970-01-01T00:00:00", "auto"),
        ("1970-02-30T00:00:00Z", "auto"),
        ("1970-01-01T24:00:00Z", "auto"),
        ("1970-01-01T00:00:60Z", "auto"),
        ("1970-01-01T00:00:00+00:60", "auto"),
        ("1970-01-01T00:00:00Z\n", "auto"),
        ("١٩٧٠-01-01T00:00:00Z", "auto"),
        ("0000-01-01T00:00:00Z", "auto"),
        ("0001-01-01T00:00:00+01:00", "auto"),
        ("9" * 30, "epoch_secs"),
        (10**300, "epoch_secs"),
    ],
)
def test_what_says_no_time_is_refused(value: Json, form: str) -> None:
    with pytest.raises(ValueError, match=r"^(it|its|the|hour|second|day|year) "):
        to_micros(value, form, None)


def test_a_zone_is_assumed_where_none_is_named() -> None:
    winter, summer = "2024-01-01T12:00:00", "2024-07-01T12:00:00"
    assert to_micros(winter, "auto", BERLIN) == to_micros(winter + "+01:00", "auto", BERLIN)
    assert to_micros(summer, "auto", BERLIN) == to_micros(summer + "+02:00", "auto", BERLIN)
    assert to_micros("2024-07-01", "date", BERLIN) == to_micros(
        "2024-06-30T22:00:00Z", "auto", None
    )


def test_clock_changes() -> None:
    twice = "2024-10-27T02:30:00"
    assert to_micros(twice, "auto", BERLIN) == to_micros(twice + "+02:00", "auto", None)
    with pytest.raises(ValueError, match="clock change"):
        to_micros("2024-03-31T02:30:00", "auto", BERLIN)


def test_results_in_a_zone() -> None:
    micros = to_micros("2024-07-01T22:30:00.5Z", "auto", None)
    assert from_micros(micros, "iso8601", BERLIN) == "2024-07-02T00:30:00.500000+02:00"
    assert from_micros(micros, "date", BERLIN) == "2024-07-02"
    assert from_micros(micros, "time", BERLIN) == "00:30:00.500000"
    with pytest.raises(ValueError, match="years"):
        from_micros(LAST, "date", BERLIN)


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "../etc/passwd", "/etc/localtime", "Europe", "a\0b"]
)
def test_there_is_no_such_zone(name: str) -> None:
    with pytest.raises(ValueError, match="no such time zone"):
        load_zone(name)


async def test_a_failure_names_the_field_and_not_the_value() -> None:
    with pytest.raises(RecordError, match=r"'a\.b' cannot become date") as caught:
        await convert({"a": {"b": "secret-value"}}, fields=["a.b"], to="date")
    assert "secret-value" not in str(caught.value)


async def test_on_invalid_decides_per_value() -> None:
    record = {"a": [{"b": 0}, {"b": "x"}, {"b": None}, {}]}
    found = await convert(record, fields=["a.b"], to="date", on_invalid="keep")
    assert found == {"a": [{"b": "1970-01-01"}, {"b": "x"}, {"b": None}, {}]}
