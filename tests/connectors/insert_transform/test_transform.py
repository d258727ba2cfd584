from __future__ import annotations

import copy
import datetime
from typing import Any

import pytest

from rivven_connect import Json, RecordError, SourceEvent
from rivven_connect.connectors.insert_transform import InsertTransform
from rivven_connect.connectors.insert_transform._generated import InsertTransformConfig


async def insert(event: SourceEvent | Json, **values: Any) -> Json:
    """Return what becomes of an event's data; the event must stay as it was."""
    if not isinstance(event, SourceEvent):
        event = SourceEvent.record("s", event)
    before = copy.deepcopy(event)
    config = InsertTransformConfig.parse(values)
    transform = InsertTransform()
    await transform.open(config)
    try:
        out = transform.transform(config, event)
    finally:
        assert event == before
    assert isinstance(out, SourceEvent)
    return out.data


async def test_each_record_gets_values_of_its_own() -> None:
    config = InsertTransformConfig.parse({"static_fields": {"tags": ["a"]}})
    transform = InsertTransform()
    await transform.open(config)
    first, second = [transform.transform(config, SourceEvent.record("s", {})) for _ in range(2)]
    assert isinstance(first, SourceEvent)
    assert isinstance(second, SourceEvent)
    first.data["tags"].append("changed by a later transform")
    assert second.data == {"tags": ["a"]}
    assert config.static_fields == {"tags": ["a"]}


@pytest.mark.parametrize("overwrite", [False, True])
async def test_overwrite_decides_who_wins(overwrite: bool) -> None:
    record = {"a": None, "b": {"c": 1}, "d.e": 1}
    fields = {"a": 2, "b.c": 2, "d.e": 2, "new": 2}
    found = await insert(record, static_fields=fields, overwrite=overwrite)
    one, null = (2, 2) if overwrite else (1, None)
    assert found == {"a": null, "b": {"c": one}, "d.e": one, "new": 2}


@pytest.mark.parametrize("overwrite", [False, True])
async def test_nothing_is_lost_to_make_room_for_an_object(overwrite: bool) -> None:
    values: list[Json] = [1, None, [{}], "text"]
    for value in values:
        with pytest.raises(RecordError, match="'a' is no object"):
            await insert({"a": value}, static_fields={"a.b": 1}, overwrite=overwrite)


@pytest.mark.parametrize(
    ("at", "text", "day"),
    [
        (datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), "2024-01-01T00:00:00Z", "2024-01-01"),
        (datetime.datetime(2024, 1, 1), "2024-01-01T00:00:00Z", "2024-01-01"),  # noqa: DTZ001
        (None, None, None),
    ],
)
async def test_the_time_is_the_events(
    at: datetime.datetime | None, text: str | None, day: str | None
) -> None:
    event = SourceEvent(stream="s", data={}, timestamp=at)
    assert await insert(event, timestamp_field="m.at", date_field="m.day") == {
        "m": {"at": text, "day": day}
    }


async def test_control_events_stay() -> None:
    log = SourceEvent.log("info", "half way")
    assert await insert(log, field="a", value=1) == log.data
