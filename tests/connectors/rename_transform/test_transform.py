from __future__ import annotations

import copy
from typing import Any

import pytest

from rivven_connect import ConnectorError, Json, RecordError, SourceEvent, TransformRegistry
from rivven_connect.connectors.rename_transform import RenameTransform
from rivven_connect.connectors.rename_transform._generated import RenameTransformConfig


def rename(event: SourceEvent | Json, **values: Any) -> Json:
    """Return what becomes of the data of an event, or of a record."""
    if not isinstance(event, SourceEvent):
        event = SourceEvent.record("s", event)
    out = RenameTransform().transform(RenameTransformConfig.parse(values), event)
    assert isinstance(out, SourceEvent)
    return out.data


def test_the_original_name_means_the_same_transform() -> None:
    registry = TransformRegistry.installed()
    assert registry.resolve("rename").cls is RenameTransform
    assert registry.resolve("rename_field").cls is RenameTransform


def test_fields_keep_their_place() -> None:
    found = rename({"a": 1, "b": 2, "c": 3}, fields={"c": "z", "a": "x", "missing": "y"})
    assert list(found.items()) == [("x", 1), ("b", 2), ("z", 3)]


def test_names_can_be_swapped_and_rotated() -> None:
    found = rename({"a": 1, "b": 2, "c": 3}, fields={"a": "b", "b": "c", "c": "a"})
    assert found == {"b": 1, "c": 2, "a": 3}


def test_a_name_may_stay() -> None:
    assert rename({"a": 1}, fields={"a": "a"}) == {"a": 1}


def test_a_record_without_the_fields_stays_as_it_is() -> None:
    untouched: list[Json] = [{"b": 1}, {}, [], "a", None, 1]
    for data in untouched:
        assert rename(data, **{"from": "a", "to": "b"}) == data


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        ({"a": 1, "b": 2}, {"a": "b"}),
        ({"b": 2, "a": 1}, {"a": "b"}),
        ({"a": 1, "b": 2}, {"a": "x", "b": "x"}),
    ],
)
def test_a_collision_is_the_records_fault_and_changes_nothing(
    record: dict[str, int], fields: dict[str, str]
) -> None:
    event = SourceEvent.record("s", dict(record))
    with pytest.raises(ConnectorError, match="overwrite: true") as caught:
        rename(event, fields=fields)
    assert isinstance(caught.value, RecordError)
    assert list(event.data.items()) == list(record.items())


def test_overwriting_lets_the_renamed_field_win() -> None:
    for record in ({"a": 1, "b": 2}, {"b": 2, "a": 1}):
        assert rename(record, fields={"a": "b"}, overwrite=True) == {"b": 1}


def test_of_two_fields_with_one_new_name_the_last_of_the_config_wins() -> None:
    for record in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"b": 2, "x": 3, "a": 1}):
        assert rename(record, fields={"a": "x", "b": "x"}, overwrite=True) == {"x": 2}
        assert rename(record, fields={"b": "x", "a": "x"}, overwrite=True) == {"x": 1}
    assert rename({"a": 1, "x": 3}, fields={"a": "x", "b": "x"}, overwrite=True) == {"x": 1}


def test_a_collision_on_one_side_of_an_update_leaves_both() -> None:
    event = SourceEvent.update("s", {"a": 1}, {"a": 1, "b": 2})
    before = copy.deepcopy(event.data)
    with pytest.raises(RecordError):
        rename(event, **{"from": "a", "to": "b"})
    assert event.data == before


def test_an_update_without_its_past_is_renamed() -> None:
    event = SourceEvent.update("s", None, {"a": 1})
    assert rename(event, **{"from": "a", "to": "b"}) == {"before": None, "after": {"b": 1}}
