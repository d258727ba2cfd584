from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rivven_connect import Json, RecordError, SourceEvent
from rivven_connect.connectors.flatten_transform import FlattenTransform
from rivven_connect.connectors.flatten_transform._generated import FlattenTransformConfig
from rivven_connect.connectors.flatten_transform.flattening import flatten


def leaves(value: Any) -> list[Any]:
    """Return everything in a record that is no object with fields."""
    if not isinstance(value, dict) or not value:
        return [value]
    return [leaf for inner in value.values() for leaf in leaves(inner)]


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "a_b", "b_a", ""]),
        st.recursive(
            st.integers() | st.lists(st.integers()),
            lambda inner: st.dictionaries(st.sampled_from(["a", "b", "a_b"]), inner),
        ),
    ),
    st.none() | st.integers(1, 3),
)
def test_every_value_is_there_once_or_the_record_is_refused(
    record: dict[str, Any], max_depth: int | None
) -> None:
    before = copy.deepcopy(record)
    try:
        flat = flatten(record, "_", max_depth=max_depth)
    except RecordError:
        pass
    else:
        assert leaves(flat) == leaves(record)
        if max_depth is None:
            assert not any(isinstance(value, dict) and value for value in flat.values())
    assert record == before


@pytest.mark.parametrize(
    "record",
    [{"a_b": 1, "a": {"b": 2}}, {"a": {"b": 1}, "a_b": 2}, {"a": {"b_c": 1, "b": {"c": 2}}}],
)
def test_a_collision_is_the_records_fault(record: dict[str, Json]) -> None:
    event = SourceEvent.record("s", copy.deepcopy(record))
    with pytest.raises(RecordError, match="two values would be named"):
        FlattenTransform().transform(FlattenTransformConfig.parse({}), event)
    assert event.data == record
    assert flatten(record, ".")


def test_depth_counts_levels() -> None:
    record = {"a": {"b": {"c": {"d": 1}}}}
    assert flatten(record, ".", max_depth=1) == {"a.b": {"c": {"d": 1}}}
    assert flatten(record, ".", max_depth=2) == {"a.b.c": {"d": 1}}
    assert flatten(record, ".", max_depth=9) == {"a.b.c.d": 1}


def test_depth_has_no_limit_of_its_own() -> None:
    record: dict[str, Any] = {"x": 1}
    for _ in range(5_000):
        record = {"x": record}
    assert list(flatten(record, ".").values()) == [1]
