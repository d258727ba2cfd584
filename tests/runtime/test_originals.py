"""Events as they were: whatever JSON can say of a record is kept, and nothing of a change."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rivven_connect._batch import EventBatch
from rivven_connect._events import EventMetadata, SourceEvent
from rivven_connect._json import encode_json
from rivven_connect.pipeline.originals import Original, Originals

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def plain(record: Any) -> SourceEvent:
    return SourceEvent(stream="s", data=record)


@given(st.lists(JSON, min_size=1, max_size=4))
def test_every_record_comes_back(records: list[Any]) -> None:
    kept = Originals.of_batch(EventBatch(stream="s", records=records))
    for index, record in enumerate(records):
        assert kept.at(index).data == encode_json(record)
        assert kept.at(index).event() == Original.of(plain(record)).event()


OTHERS: list[Any] = [
    2**80,
    -(2**64),
    datetime.date(2026, 1, 2),
    datetime.datetime.fromisoformat("2026-01-02T03:04:05.000678"),
    datetime.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=datetime.UTC),
    datetime.timedelta(hours=1),
    decimal.Decimal("1.10"),
    uuid.UUID(int=5),
    b"bytes",
    float("nan"),
    {7: "a key that is a number"},
]


@pytest.mark.parametrize("value", OTHERS, ids=repr)
def test_what_has_a_form_in_json_is_kept_in_it(value: Any) -> None:
    kept = Originals.of_events([plain({"n": 1}), plain({"v": value, "big": 2**70})])
    assert kept.at(1).data == encode_json({"v": value, "big": 2**70})
    kept = Originals.of_events([plain({"v": value})])
    assert kept.at(0).data == encode_json({"v": value})


@pytest.mark.parametrize("year", [1969, 2026, 2600])
@pytest.mark.parametrize("microsecond", [0, 5])
def test_a_time_keeps_its_offset(year: int, microsecond: int) -> None:
    """MessagePack has three forms for times, by how far and how fine they are; none has an offset."""
    zone = datetime.timezone(datetime.timedelta(hours=2))
    at = datetime.datetime(year, 1, 2, 3, microsecond=microsecond, tzinfo=zone)
    for before in ({"n": -1}, {"n": [-1] * 9}):  # each is a byte that a time has as well
        kept = Originals.of_events([plain(before), plain({"at": at}), plain({})])
        assert kept.at(1).data == encode_json({"at": at})
        assert b"+02:00" in kept.at(1).data


def test_a_record_that_no_json_can_be_is_named_when_it_is_asked_for() -> None:
    kept = Originals.of_events([plain({(1, 2): "a key that is a pair"}), plain({"n": 1})])
    with pytest.raises(TypeError):
        kept.at(0)
    assert kept.at(1).data == b'{"n":1}'
    with pytest.raises(TypeError):
        Originals.of_events([plain({"v": object()})])


def test_restoring_undoes_changes_in_place_and_touches_nothing_else() -> None:
    day = datetime.date(2026, 1, 2)
    events = [
        SourceEvent(stream="s", data={"tags": ["a"]}, metadata=EventMetadata(extra={"n": 1})),
        SourceEvent(stream="s", data={"day": day}),
        SourceEvent(stream="s", data={(1, 2): "not JSON"}),
    ]
    kept = Originals.of_events(events)
    events[0].data["tags"].append("b")
    assert events[0].metadata is not None
    events[0].metadata.extra["n"] = 2
    events[0].stream = "elsewhere"
    kept.restore(events)
    assert (events[0].stream, events[0].data) == ("s", {"tags": ["a"]})
    assert events[0].metadata.extra == {"n": 1}
    assert events[1].data == {"day": day}
    assert events[2].data == {(1, 2): "not JSON"}


def test_restoring_leaves_a_time_of_another_zone_and_undoes_changes_of_what_is_not_json() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    at = datetime.datetime(2026, 1, 2, 3, tzinfo=zone)
    events = [plain({"at": at}), plain({None: ["not", "JSON"], "n": 1}), plain({"n": 2**80})]
    with pytest.raises(TypeError):  # a time needs JSON, in which the other one is nothing
        Originals.of_events(events[:2])
    kept = Originals.of_events(events[1:2])
    events[1].data["n"] = 2
    events[1].stream = "elsewhere"
    kept.restore(events[1:2])
    assert (events[1].stream, events[1].data) == ("s", {None: ["not", "JSON"], "n": 1})
    kept = Originals.of_events(events[::2])
    kept.restore(events[::2])
    assert events[0].data["at"] is at
