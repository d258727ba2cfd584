"""What a sink that takes JSON asks for beside lines: arrays, and values of fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from block_kit import make_taker, packed
from engine_kit import QUICK, SIMPLE, make_source, plan_of, registries, run_plan, simple_plan

from rivven_connect._batch import EventBatch, Item
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import encode_arrays, encode_json, encode_lines
from rivven_connect._sink import BatchForm, JsonForm
from rivven_connect._state import State
from rivven_connect.pipeline import blocks

COUNT = 250
FIELDS = {"s": ["id", "name"]}


def record(number: int) -> dict[str, Any]:
    return {"id": number} if number % 7 == 3 else {"id": number, "name": f"line\r\n\u2028{number}"}


async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
    for start in range(0, COUNT, 50):
        records = [record(number) for number in range(start, start + 50)]
        yield EventBatch(stream="s", records=records, state={"last": start + 49})


@pytest.mark.parametrize("group", [0, 1, 7, 50, 1000])
def test_arrays_and_values_are_those_of_the_lines(tmp_path: Path, group: int) -> None:
    sink, taken = make_taker("json", asks=JsonForm(group, FIELDS))
    run_plan(simple_plan(tmp_path, make_source(read)[0], sink))
    assert taken.durable == [record(number) for number in range(COUNT)]


def test_what_is_asked_for_beforehand_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(_raw: bytes) -> list[Any]:
        raise AssertionError("lines are decoded again")

    monkeypatch.setattr(blocks, "decode_lines", decode)
    sink, taken = make_taker("json", asks=JsonForm(7, FIELDS))
    run_plan(simple_plan(tmp_path, make_source(read)[0], sink))
    assert len(taken.durable) == COUNT
    assert all(batch.records is None for batch in taken.whole)


@pytest.mark.parametrize("loose", [True, False])
def test_events_say_the_same(tmp_path: Path, *, loose: bool) -> None:
    """One by one, or of a type of their own, they are no rows."""
    events = [
        SourceEvent(
            stream="s",
            data=record(number),
            event_type=EventType.INSERT if number % 5 else EventType.RECORD,
        )
        for number in range(COUNT)
    ]
    source, _ = make_source(packed(events, [1, 1, 30] * COUNT, loose=loose))
    sink, taken = make_taker("json", asks=JsonForm(7, FIELDS))
    run_plan(simple_plan(tmp_path, source, sink))
    assert taken.durable == [record(number) for number in range(COUNT)]


@pytest.mark.parametrize(
    ("forms", "asks"),
    [
        (["json", "json"], [JsonForm(7, FIELDS), JsonForm(7)]),
        (["json", "json"], [JsonForm(7, {"s": ["id"]}), JsonForm(10, {"s": ["name"]})]),
        (["json", "rows"], [JsonForm(7, FIELDS), JsonForm(3)]),
    ],
)
def test_sinks_of_one_source_may_ask_for_different_things(
    tmp_path: Path, forms: Sequence[BatchForm], asks: Sequence[JsonForm]
) -> None:
    pairs = zip(forms, asks, strict=True)
    made = {f"z{n}": make_taker(form, asks=one) for n, (form, one) in enumerate(pairs)}
    sinks = ", ".join(f"{name}: {{connector: {name}, topics: [a]}}" for name in made)
    text = SIMPLE.partition("sinks:")[0] + f"sinks: {{{sinks}}}\n" + QUICK
    known = registries(
        {"src": make_source(read)[0]}, {name: sink for name, (sink, _) in made.items()}
    )
    run_plan(plan_of(tmp_path, known, text))
    for _, taken in made.values():
        assert taken.durable == [record(number) for number in range(COUNT)]


def test_several_forms_become_one() -> None:
    one = JsonForm.of_all([JsonForm(7, {"s": ["a"]}), JsonForm(7, {"s": ["b"], "t": ["c"]})])
    assert (one.group, one.fields) == (7, {"s": {"a", "b"}, "t": {"c"}})
    assert JsonForm.of_all([JsonForm(7), JsonForm(8)]).group == 0
    assert JsonForm.of_all([]) == JsonForm()


def test_a_record_that_is_no_object_has_no_fields() -> None:
    batch = EventBatch("s", ["text", [1], {"id": 5}, None, {}])
    assert batch.values("id") == [None, None, 5, None, None]


@pytest.mark.parametrize("count", [0, 14, 20, 21])
def test_each_form_of_json_says_the_same(count: int) -> None:
    records = [record(number) for number in range(count)]
    batch = blocks.EncodedBatch(EventBatch("s", records), form=JsonForm(7))
    assert batch.json_size() == sum(len(encode_json(one)) for one in records)
    assert batch.lines() == encode_lines(records)
    assert batch.texts() == [encode_json(one) for one in records]
    assert batch.rows() == records
    for size in (3, 7, 100):
        assert batch.arrays(size) == encode_arrays(records, size)
