from __future__ import annotations

import datetime
import decimal
import enum
import math
import subprocess
import sys
import uuid
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rivven_connect._arrow import Misfits, arrow_schema, fit, is_json_text, to_arrow, to_rows

ORDER = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "amount": {"type": ["number", "null"]},
        "paid": {"type": "boolean"},
        "note": {"type": "string"},
        "due": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "address": {"type": "object", "properties": {"zip": {"type": "string"}}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "any": {},
        "mixed": {"type": ["string", "integer"]},
    },
}


def types(schema: dict[str, Any]) -> dict[str, str]:
    return {
        field.name: "json" if is_json_text(field) else str(field.type)
        for field in arrow_schema(schema)
    }


def one(schema: Any, **definitions: Any) -> str:
    return types({"properties": {"x": schema}, "$defs": definitions})["x"]


def without_nulls(value: Any) -> Any:
    """A missing field and null are the same; so are 1 and 1.0, for Python as well."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(v) for v in value]
    return value


def test_declared_fields_get_their_types() -> None:
    assert types(ORDER) == {
        "id": "int64",
        "amount": "double",
        "paid": "bool",
        "note": "string",
        "due": "date32[day]",
        "at": "string",
        "address": "struct<zip: string>",
        "tags": "list<element: string>",
        "labels": "json",
        "any": "json",
        "mixed": "json",
    }
    assert all(field.nullable for field in arrow_schema(ORDER))


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        (True, "json"),
        ({"type": "object"}, "json"),
        ({"type": "object", "properties": {}}, "json"),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, "json"),
        ({"type": "object", "properties": {"a": {}}, "patternProperties": {}}, "json"),
        ({"type": "array"}, "json"),
        ({"type": "array", "items": {}}, "list<element: string>"),
        ({"type": "array", "items": {"type": "string"}, "prefixItems": [{}]}, "json"),
        ({"type": ["integer", "number", "null"]}, "double"),
        ({"enum": ["a", "b", None]}, "string"),
        ({"enum": ["a", {"b": 1}]}, "json"),
        ({"const": 1}, "int64"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "int64"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "json"),
        ({"allOf": [{"type": "integer"}]}, "json"),
        ({"type": "string", "format": "time"}, "string"),
        ({"$ref": "#/$defs/missing"}, "json"),
        ({"type": "null"}, "json"),
    ],
)
def test_what_one_type_holds_gets_it_and_the_rest_is_json(schema: Any, wanted: str) -> None:
    assert one(schema) == wanted


def test_references_are_followed_and_recursion_ends() -> None:
    node = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/node"}},
    }
    assert one({"$ref": "#/$defs/node"}, node=node) == "struct<name: string, next: string>"
    bomb = {
        f"n{n}": {
            "type": "object",
            "properties": {k: {"$ref": f"#/$defs/n{n + 1}"} for k in "abcdefgh"},
        }
        for n in range(30)
    }
    assert one({"$ref": "#/$defs/n0"}, **bomb).startswith("struct<")


def test_records_become_columns_and_rows_again() -> None:
    records = [
        {
            "id": 1,
            "amount": 2,
            "paid": True,
            "note": "ünï",
            "due": "2026-02-28",
            "at": "2026-01-01T00:00:00+02:00",
            "address": {"zip": "1"},
            "tags": ["a", None],
            "labels": {"k": "v"},
            "any": [1, {"a": None}],
            "mixed": "1",
        },
        {"id": 2.0, "mixed": 1, "any": "text", "tags": [], "address": None},
        {},
    ]
    batch = to_arrow(records, arrow_schema(ORDER))
    assert batch.schema == arrow_schema(ORDER)
    assert batch.column("due")[0].as_py() == datetime.date(2026, 2, 28)
    assert [without_nulls(row) for row in to_rows(batch)] == [without_nulls(r) for r in records]


def test_fields_that_are_not_declared_are_added() -> None:
    records = [{"id": 1, "new": 1.5}, {"id": 2, "address": {"zip": "1", "city": "B"}}, {"id": 3}]
    batch = to_arrow(records, arrow_schema(ORDER))
    assert batch.schema.names == [*arrow_schema(ORDER).names, "new"]
    assert str(batch.schema.field("address").type) == "struct<zip: string, city: string>"
    assert [without_nulls(row) for row in to_rows(batch)] == records


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([1, None], "int64"),
        ([1, 1.5], "double"),
        ([1, True], "json"),
        ([2**63], "json"),
        ([2**53 + 1, 1.5], "json"),
        (["a"], "string"),
        (["a", 1], "json"),
        ([None], "null"),
        ([{"a": 1}, {"b": "x"}], "struct<a: int64, b: string>"),
        ([{}], "json"),
        ([{1: 2}], "json"),
        ([{"a": 1}, [1]], "json"),
        ([[1], [], None, [2.5]], "list<element: double>"),
        ([[{"a": 1}], [{"b": [None]}]], "list<element: struct<a: int64, b: list<element: null>>>"),
        ([{str(n): n for n in range(300)}], "json"),
        ([datetime.date(2026, 1, 1)], "string"),
        ([decimal.Decimal("1.10")], "string"),
        ([(1, 2)], "list<element: int64>"),
        ([enum.StrEnum("Kind", {"A": "a"}).A], "string"),  # type: ignore[attr-defined]  # made here
    ],
)
def test_fields_without_a_schema_are_inferred(values: list[Any], wanted: str) -> None:
    batch = to_arrow([{"x": value} for value in values])
    (field,) = batch.schema
    assert ("json" if is_json_text(field) else str(field.type)) == wanted
    assert len(batch) == len(values)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"id": "1"}, "id is a text, and its column is int64"),
        ({"id": 1.5}, "id is a number, and its column is int64"),
        ({"id": True}, "id is a boolean, and its column is int64"),
        ({"id": 2**63}, "id is an integer too large for int64"),
        ({"amount": True}, "amount is a boolean, and its column is double"),
        ({"amount": 2**53 + 1}, "amount is an integer too large for double"),
        ({"paid": 1}, "paid is an integer, and its column is bool"),
        ({"note": 1}, "note is an integer, and its column is string"),
        ({"note": "\ud800"}, "note holds half of a surrogate pair, which UTF-8 lacks"),
        ({"due": "2026-02-30"}, "due is a text that is no date32[day]"),
        ({"due": 5}, "due is an integer, and its column is date32[day]"),
        ({"address": {"zip": 1}}, "address.zip is an integer, and its column is string"),
        ({"address": "x"}, "address is a text that is no struct<zip: string>"),
        ({"tags": ["a", 1]}, "tags[] is an integer, and its column is string"),
        ({"tags": "a"}, "tags is a text that is no list<element: string>"),
        ({"any": [object()]}, "any holds something that has no JSON form"),
        ({"any": [1, None, math.nan]}, "any holds a number that is not finite, which JSON lacks"),
        ({"any": -math.inf}, "any holds a number that is not finite, which JSON lacks"),
        ({"new": object()}, "new is a object, which has no JSON form"),
        ({"address": {"\ud800": 1}}, "address.a key is no text in UTF-8"),
        ({1: 2}, "a key is no text in UTF-8"),
        ([1], "the record is a list, not an object"),
        (None, "the record is null, not an object"),
    ],
)
def test_a_record_that_does_not_fit_is_named_and_hinders_no_other(record: Any, reason: str) -> None:
    good = {"id": 1, "tags": ["x"], "address": {"zip": "1"}, "any": 1, "due": "2026-01-01"}
    schema = arrow_schema(ORDER)
    batch, reasons = fit([good, record, good, record], schema)
    assert reasons == {1: reason, 3: reason}
    assert [without_nulls(row) for row in to_rows(batch)] == [good, good]
    with pytest.raises(Misfits, match="2 records do not fit; record 1: ") as caught:
        to_arrow([good, record, good, record], schema)
    assert caught.value.reasons == reasons


def test_a_record_is_named_once_whatever_is_wrong_with_it() -> None:
    records = [{"id": "x", "note": 1}, {"id": 1}, {"id": 2, "note": 5}]
    _, reasons = fit(records, arrow_schema(ORDER))
    assert list(reasons) == [0, 2]


def test_records_without_any_field_have_no_row() -> None:
    batch, reasons = fit([{}, {}])
    assert len(batch) == 0
    assert set(reasons) == {0, 1}
    assert len(to_arrow([{}, {"a": 1}])) == 2
    assert to_arrow([]).num_rows == 0


def test_hostile_depth_becomes_json_or_a_reason() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [{"d": deep}]
    assert to_rows(to_arrow([{"x": deep}])) == [{"x": deep}]
    for _ in range(100_000):
        deep = [deep]
    _, reasons = fit([{"x": deep}, {"x": 1}])
    assert list(reasons) == [0]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(KEYS, v, max_size=3), max_leaves=8
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4), max_size=6))
def test_any_json_comes_back_as_it_was(records: list[dict[str, Any]]) -> None:
    assert [_canonical(row) for row in to_rows(to_arrow(records))] == [
        _canonical(record) for record in records
    ]


def _canonical(value: Any) -> Any:
    """Drop nulls of objects, and tell true from 1."""
    if isinstance(value, dict):
        return {k: _canonical(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_canonical(v) for v in value]
    return (isinstance(value, bool), value)


@st.composite
def schemas_with_records(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    made = st.recursive(
        st.sampled_from(
            [
                ({"type": "integer"}, st.integers(-(2**63), 2**63 - 1)),
                ({"type": "number"}, st.floats(allow_nan=False) | st.integers(-99, 99)),
                ({"type": "boolean"}, st.booleans()),
                ({"type": "string"}, st.text(st.characters(exclude_categories=["Cs"]))),
                ({"type": "string", "format": "date"}, st.dates().map(str)),
                ({"type": "string", "format": "date-time"}, st.datetimes().map(str)),
                ({}, VALUES),
                ({"type": "object"}, st.dictionaries(KEYS, VALUES, max_size=3)),
            ]
        ),
        lambda inner: st.one_of(
            inner.map(
                lambda i: (
                    {"type": "array", "items": i[0]},
                    st.lists(st.none() | i[1], max_size=3),
                )
            ),
            inner.map(
                lambda i: (
                    {"type": "object", "properties": {"in": i[0]}},
                    st.fixed_dictionaries({}, optional={"in": st.none() | i[1]}),
                )
            ),
        ),
        max_leaves=3,
    )
    fields = draw(st.dictionaries(KEYS, made, min_size=1, max_size=4))
    record = st.fixed_dictionaries({}, optional={n: st.none() | v for n, (_, v) in fields.items()})
    schema = {"type": "object", "properties": {name: one for name, (one, _) in fields.items()}}
    return schema, draw(st.lists(record, max_size=5))


@settings(max_examples=300, deadline=None)
@given(schemas_with_records())
def test_records_that_fit_their_schema_come_back_as_they_were(
    made: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    schema, records = made
    batch = to_arrow(records, arrow_schema(schema))
    assert batch.schema.equals(arrow_schema(schema), check_metadata=True) or _has_open(schema)
    found = to_rows(batch)
    assert [_canonical(row) for row in found] == [_canonical(record) for record in records]


def _has_open(schema: dict[str, Any]) -> bool:
    return "{}" in str(schema) or "{'type': 'object'}" in str(schema)


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES, max_size=6))
def test_every_record_is_in_the_batch_or_named(records: list[Any]) -> None:
    batch, reasons = fit(records, arrow_schema(ORDER))
    assert len(batch) + len(reasons) == len(records)


def test_arrow_types_that_json_lacks_become_text_or_numbers() -> None:
    noon = datetime.datetime.fromisoformat("2026-01-01T12:00:00")
    columns = {
        "instant": pa.array([1], pa.timestamp("ns", "Europe/Berlin")),
        "local": pa.array([noon], pa.timestamp("s")),
        "day": pa.array([noon.date()], pa.date64()),
        "time": pa.array([1], pa.time64("ns")),
        "lasts": pa.array([1], pa.duration("ns")),
        "price": pa.array([decimal.Decimal("1.10")], pa.decimal128(9, 2)),
        "raw": pa.array([b"\x00\xff"], pa.binary()),
        "half": pa.array([1.5], pa.float16()),
        "word": pa.array(["a"]).dictionary_encode(),
        "runs": pa.RunEndEncodedArray.from_arrays([1], pa.array(["r"])),
        "map": pa.array([[("k", noon)]], pa.map_(pa.string(), pa.timestamp("s"))),
        "pairs": pa.array([[(1, 2)]], pa.map_(pa.int64(), pa.int64())),
        "twins": pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64())),
        "days": pa.array([[noon.date(), None]], pa.list_(pa.date32(), 2)),
        "object": pa.array([{"raw": b"x"}], pa.struct([("raw", pa.binary())])),
        "id": pa.array([uuid.UUID(int=1).bytes], pa.uuid()),
    }
    arrays = [pa.concat_arrays([a, pa.nulls(1, a.type)]) for a in columns.values()]
    batch = pa.RecordBatch.from_arrays(arrays, names=list(columns))
    first, second = to_rows(batch)
    assert first == {
        "instant": "1970-01-01T00:00:00.000000001Z",
        "local": "2026-01-01T12:00:00",
        "day": "2026-01-01",
        "time": "00:00:00.000000001",
        "lasts": 1,
        "price": "1.10",
        "raw": "AP8=",
        "half": 1.5,
        "word": "a",
        "runs": "r",
        "map": {"k": "2026-01-01T12:00:00"},
        "pairs": [[1, 2]],
        "twins": [["k", 1], ["k", 2]],
        "days": ["2026-01-01", None],
        "object": {"raw": "eA=="},
        "id": str(uuid.UUID(int=1)),
    }
    assert set(second.values()) == {None}
    taken = batch.select(["instant", "local", "day", "lasts", "price", "raw", "word"])
    assert to_arrow(to_rows(taken), taken.schema) == taken


def test_numbers_that_json_lacks_stay_numbers() -> None:
    (row,) = to_rows(to_arrow([{"x": math.inf, "y": math.nan}]))
    assert row["x"] == math.inf
    assert math.isnan(row["y"])


def test_nothing_imports_pyarrow_that_does_not_move_columns() -> None:
    code = (
        "import sys, rivven_connect as r; [getattr(r, name) for name in r.__all__]\n"
        "import rivven_connect.cli, rivven_connect.pipeline.engine\n"
        "sys.exit('pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
