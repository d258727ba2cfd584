from __future__ import annotations

import copy
from typing import Any

import pytest

from rivven_connect import ConnectorError, Json, RecordError, SourceEvent, TransformRegistry
from rivven_connect.connectors.rename_transform import RenameTransform
from rivven_connect.connectors.rename_transform._generated import RenameTransformConfig


async def rename(event: SourceEvent | Json, **values: Any) -> Json:
    """Return what becomes of the data of an event, or of a record."""
    if not isinstance(event, SourceEvent):
        event = SourceEvent.record("s", event)
    config = RenameTransformConfig.parse(values)
    transform = RenameTransform()
    await transform.open(config)
    out = transform.transform(config, event)
    assert isinstance(out, SourceEvent)
    return out.data


def test_the_original_names_mean_the_same_transform() -> None:
    registry = TransformRegistry.installed()
    assert registry.resolve("rename").cls is RenameTransform
    for alias in ("rename_field", "replace_field", "remove_field"):
        assert registry.resolve(alias).cls is RenameTransform
        assert alias not in registry.names()


async def test_fields_keep_their_place() -> None:
    found = await rename({"a": 1, "b": 2, "c": 3}, fields={"c": "z", "a": "x", "missing": "y"})
    assert list(found.items()) == [("x", 1), ("b", 2), ("z", 3)]


async def test_names_can_be_swapped_and_rotated() -> None:
    found = await rename({"a": 1, "b": 2, "c": 3}, fields={"a": "b", "b": "c", "c": "a"})
    assert found == {"b": 1, "c": 2, "a": 3}


async def test_a_name_may_stay() -> None:
    assert await rename({"a": 1}, fields={"a": "a"}) == {"a": 1}


async def test_a_record_without_the_fields_stays_as_it_is() -> None:
    untouched: list[Json] = [{"b": 1}, {}, [], "a", None, 1]
    for data in untouched:
        assert await rename(data, **{"from": "a", "to": "b"}) == data


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        ({"a": 1, "b": 2}, {"a": "b"}),
        ({"b": 2, "a": 1}, {"a": "b"}),
        ({"a": 1, "b": 2}, {"a": "x", "b": "x"}),
    ],
)
async def test_a_collision_is_the_records_fault_and_changes_nothing(
    record: dict[str, int], fields: dict[str, str]
) -> None:
    event = SourceEvent.record("s", dict(record))
    with pytest.raises(ConnectorError, match="overwrite: true") as caught:
        await rename(event, fields=fields)
    assert isinstance(caught.value, RecordError)
    assert list(event.data.items()) == list(record.items())


async def test_overwriting_lets_the_renamed_field_win() -> None:
    for record in ({"a": 1, "b": 2}, {"b": 2, "a": 1}):
        assert await rename(record, fields={"a": "b"}, overwrite=True) == {"b": 1}


async def test_of_two_fields_with_one_new_name_the_last_of_the_config_wins() -> None:
    for record in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"b": 2, "x": 3, "a": 1}):
        assert await rename(record, fields={"a": "x", "b": "x"}, overwrite=True) == {"x": 2}
        assert await rename(record, fields={"b": "x", "a": "x"}, overwrite=True) == {"x": 1}
    assert await rename({"a": 1, "x": 3}, fields={"a": "x", "b": "x"}, overwrite=True) == {"x": 1}


async def test_a_collision_on_one_side_of_an_update_leaves_both() -> None:
    event = SourceEvent.update("s", {"a": 1}, {"a": 1, "b": 2})
    before = copy.deepcopy(event.data)
    with pytest.raises(RecordError):
        await rename(event, **{"from": "a", "to": "b"})
    assert event.data == before


async def test_an_update_without_its_past_is_renamed() -> None:
    event = SourceEvent.update("s", None, {"a": 1})
    assert await rename(event, **{"from": "a", "to": "b"}) == {"before": None, "after": {"b": 1}}


async def test_a_renamed_record_shares_nothing_that_it_changes() -> None:
    record = {"a": {"b": 1, "c": [{"d": 1}]}, "e": 1}
    before = copy.deepcopy(record)
    await rename(record, fields={"a.b": "x", "a.c.d": "y", "a": "z"}, exclude=["e"])
    assert record == before


async def test_objects_and_what_is_in_them_are_renamed_at_once() -> None:
    found = await rename({"a": {"b": {"c": 1}}}, fields={"a": "x", "a.b": "y", "a.b.c": "z"})
    assert found == {"x": {"y": {"z": 1}}}


async def test_a_nested_collision_is_the_records_fault() -> None:
    with pytest.raises(RecordError):
        await rename({"a": {"b": 1, "c": 2}}, fields={"a.b": "c"})
    assert await rename({"a": {"b": 1, "c": 2}}, fields={"a.b": "c"}, overwrite=True) == {
        "a": {"c": 1}
    }


@pytest.mark.parametrize(
    ("record", "include", "kept"),
    [
        ({"a": 1, "b": 2}, ["b", "missing"], {"b": 2}),
        ({"a.b": 1, "a": {"b": 2, "c": 3}}, ["a.b"], {"a.b": 1, "a": {"b": 2}}),
        ({"a": [{"b": 1, "c": 2}, 3]}, ["a.b"], {"a": [{"b": 1}]}),
        ({"a": 1}, ["a.b"], {}),
        ({"a": {"c": 1}}, ["a.b"], {"a": {}}),
        ({"a": {"b": 1}}, ["a", "a.c"], {"a": {"b": 1}}),
    ],
)
async def test_include_keeps_what_its_paths_lead_to(
    record: Json, include: list[str], kept: Json
) -> None:
    assert await rename(record, include=include) == kept


async def test_a_removed_field_is_gone_from_lists_and_dotted_names_as_well() -> None:
    record = {"a": [{"b": 1, "c": 2}], "a.b": 3}
    assert await rename(record, exclude=["a.b"]) == {"a": [{"c": 2}]}


async def test_fields_are_removed_by_their_old_names() -> None:
    record = {"a": 1, "b": 2}
    assert await rename(record, exclude=["b"], fields={"a": "b"}) == {"b": 1}
