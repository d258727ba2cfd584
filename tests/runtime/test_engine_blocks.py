"""Records that move in blocks come out as records that move one by one."""

from __future__ import annotations

import copy
import datetime
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from block_kit import make_taker, packed
from engine_kit import (
    QUICK,
    SIMPLE,
    MemoryStore,
    batch,
    letters,
    make_sink,
    make_source,
    make_transform,
    run_plan,
    saved_state,
    simple_plan,
    transient,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from rivven_connect._batch import BatchConfig, EventBatch, Item
from rivven_connect._catalog import Catalog, Stream
from rivven_connect._errors import ConnectorError
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._sink import BatchForm, FailedEvent, WriteResult
from rivven_connect._state import State
from rivven_connect._transform import Transformed, TransformOutput
from rivven_connect.pipeline.schemas import RecordCheck

LETTERS = "dead_letter: {path: d.jsonl, max_ratio: 1}"
TRANSFORMED = SIMPLE.replace(
    "connector: src", f"connector: src, {LETTERS}, transforms: [{{transform: t}}]"
)


def in_batches(
    pages: Sequence[Sequence[int]],
) -> Callable[[int, State | None], AsyncIterator[Item]]:
    """Return a script that yields a batch per page."""

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        for page in pages:
            yield batch(page)

    return read


def twice(one: SourceEvent) -> Transformed:
    """Make two events of each."""
    return [SourceEvent(stream=one.stream, data={**one.data, "half": half}) for half in (0, 1)]


def test_a_transform_that_makes_many_of_each_record_loses_none(tmp_path: Path) -> None:
    source, _ = make_source(in_batches([range(2500)]))
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink, TRANSFORMED + QUICK, t=make_transform(twice))
    summary = run_plan(plan)
    assert [(row["id"], row["half"]) for row in sunk.durable] == [
        (number, half) for number in range(2500) for half in (0, 1)
    ]
    assert summary.sources["a"].read == 2500
    assert summary.sources["a"].written == summary.sinks["z"].written == 5000
    assert saved_state(plan) == {"s": {"last": 2499}}


RETURNED: dict[str, Callable[[SourceEvent], Transformed]] = {
    "none": lambda _one: None,
    "empty": lambda _one: [],
    "filtered": lambda _one: TransformOutput.filtered(),
    "two": lambda one: [one, SourceEvent(stream="other", data={"id": one.data["id"], "second": 1})],
    "same twice": lambda one: TransformOutput.multiple([one, one]),
    "new": lambda one: SourceEvent(stream="new", data={"id": one.data["id"]}),
    "output": TransformOutput.single,
}
RAISED: dict[str, Callable[[], Exception]] = {
    "fail": lambda: ConnectorError.data("no"),
    "bug": lambda: KeyError("no"),
    "passing": transient,
}


class Oracle:
    """What a transform does with a record, as the record says; the same whatever the packing."""

    def __init__(self) -> None:
        self.tried: dict[int, int] = {}

    def __call__(self, one: SourceEvent) -> Any:
        number, what = one.data["id"], one.data["do"]
        self.tried[number] = self.tried.get(number, 0) + 1
        one.data["seen"] = True
        one.data["nested"]["touched"] = number
        if what in RAISED and (what != "passing" or self.tried[number] < 3):
            raise RAISED[what]()
        if what == "later":
            return self.later(one)
        if what == "unwritable":
            one.data["set"] = object()
        return RETURNED[what](one) if what in RETURNED else one

    async def later(self, one: SourceEvent) -> SourceEvent:
        return one


DOINGS = (*RETURNED, *RAISED, "later", "unwritable", "not json", "one", "one", "one")


def seen_by_letter(letter: dict[str, Any]) -> tuple[Any, ...]:
    record = letter["record"]
    if isinstance(record, dict):
        key: Any = (record["id"], "seen" in record, record.get("nested"))
    else:
        key = "unreadable"
    return (key, letter["error_class"], letter["position"], letter["attempt"])


def outcome(
    doings: Sequence[str], sizes: Sequence[int], *, loose: bool, takes: BatchForm, max_records: int
) -> dict[str, Any]:
    """Return everything that can be seen of a run."""
    events = [
        SourceEvent(
            stream="s",
            data={"id": number, "do": what, "nested": {"a": [1]}}
            | ({"bad": object()} if what == "not json" else {}),
            position=f"p{number}",
            event_type=EventType.INSERT if number % 7 == 3 else EventType.RECORD,
        )
        for number, what in enumerate(doings)
    ]
    source, log = make_source(packed(copy.copy(events), sizes, loose=loose))
    sink, taken = make_taker(takes, limits=BatchConfig(max_records=max_records, max_wait_ms=20))
    oracle = Oracle()
    memory = MemoryStore()
    with TemporaryDirectory() as name:
        plan = simple_plan(Path(name), source, sink, TRANSFORMED + QUICK, t=make_transform(oracle))
        summary = run_plan(plan, memory=memory)
        path = Path(name, "d.jsonl")
        found = sorted(map(seen_by_letter, letters(path)), key=repr) if path.exists() else []
    counts = summary.sources["a"]
    return {
        "rows": taken.durable,
        "letters": found,
        "counts": (counts.read, counts.written, counts.filtered, counts.dead_letters),
        "bytes": counts.bytes,
        "state": memory.states,
        "tried": oracle.tried,
        "acknowledged": log.acknowledged[-1:],
    }


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(DOINGS), min_size=1, max_size=40),
    st.lists(st.integers(1, 30), min_size=40, max_size=40),
    st.sampled_from(["rows", "json"]),
    st.integers(1, 50),
)
def test_packs_change_nothing(
    doings: list[str], sizes: list[int], takes: BatchForm, max_records: int
) -> None:
    singles = [1] * len(doings)
    expected = outcome(doings, singles, loose=True, takes="rows", max_records=1000)
    found = outcome(doings, sizes, loose=True, takes=takes, max_records=max_records)
    assert found == expected
    read, written, filtered, dead = found["counts"]
    more = sum(what in {"two", "same twice"} for what in doings)
    assert read == len(doings) == written - more + filtered + dead


def with_discovered(source: type[Any], schema: dict[str, Any]) -> type[Any]:
    """Give a source a schema of stream `s`."""

    async def discover(self: Any, config: Any) -> Catalog:
        return Catalog([Stream(name="s", json_schema=schema)])

    source.discover = discover
    return source


NUMBERED = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"id": {"$ref": "#/definitions/number", "minimum": 0}},
    "definitions": {"number": {"type": "integer"}},
}
VALIDATED = SIMPLE.replace(
    "connector: src", f"connector: src, {LETTERS}, streams: [{{name: s, validate: true}}]"
)


@pytest.mark.parametrize("bad", [-1, "two"])
def test_one_misfit_among_a_thousand_is_the_only_letter(tmp_path: Path, bad: Any) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        records = [{"id": number} for number in range(1000)]
        records[500]["id"] = bad
        yield EventBatch(stream="s", records=records, state={"last": 999})

    source, _ = make_source(read)
    sink, taken = make_taker("json")
    plan = simple_plan(tmp_path, with_discovered(source, NUMBERED), sink, VALIDATED + QUICK)
    summary = run_plan(plan)
    assert taken.ids() == [number for number in range(1000) if number != 500]
    (letter,) = letters(tmp_path / "d.jsonl")
    assert (letter["record"], letter["error_class"]) == ({"id": bad}, "schema")
    counts = summary.sources["a"]
    assert (counts.read, counts.written, counts.dead_letters) == (1000, 999, 1)


def test_a_record_that_is_not_json_is_no_matter_of_its_schema(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        records: list[Any] = [{"id": number} for number in range(10)]
        records[3]["extra"] = object()
        records[5]["day"] = datetime.date(2024, 1, 2)
        yield EventBatch(stream="s", records=records, state={"last": 9})

    source, _ = make_source(read)
    sink, taken = make_taker("json")
    plan = simple_plan(tmp_path, with_discovered(source, NUMBERED), sink, VALIDATED + QUICK)
    run_plan(plan)
    assert taken.ids() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert taken.durable[4] == {"id": 5, "day": "2024-01-02"}
    assert [one["error_class"] for one in letters(tmp_path / "d.jsonl")] == ["serialization"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.integers(-3, 3), st.text(max_size=2), st.none(), st.floats()), max_size=8)
)
def test_records_fit_together_exactly_if_each_fits(values: list[Any]) -> None:
    check = RecordCheck(NUMBERED)
    records = [{"id": value} for value in values]
    assert not check.fits_all(records) or not any(map(check, records))
    plain = [one for one in records if not isinstance(one["id"], float)]
    assert check.fits_all(plain) == (not any(map(check, plain)))


def test_a_sink_that_names_failures_without_counting_them_is_asked_again(tmp_path: Path) -> None:
    def name_one(batches: Sequence[EventBatch], _call: int) -> WriteResult:
        result = WriteResult()
        result.add_success(sum(map(len, batches)))
        result.failed_events.append(FailedEvent(next(batches[0].events()), "no"))
        return result

    source, _ = make_source(in_batches([range(10)]))
    sink, taken = make_taker("rows", name_one, refuse=lambda data: data["id"] == 0)
    text = SIMPLE.replace("connector: dst", f"connector: dst, {LETTERS}")
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK))
    assert taken.ids() == list(range(1, 10))
    assert [one["record"] for one in letters(tmp_path / "d.jsonl")] == [{"id": 0}]


@pytest.mark.parametrize("takes", ["rows", "json"])
def test_a_sinks_transform_may_leave_something_that_is_not_json(
    tmp_path: Path, takes: BatchForm
) -> None:
    def spoil(one: SourceEvent) -> Transformed:
        if one.data["id"] == 3:
            one.data["bad"] = object()
        return one

    def encode(batches: Sequence[EventBatch], _call: int) -> None:
        if takes == "rows" and any("bad" in row for one in batches for row in one.rows()):
            raise ConnectorError.data("one of them cannot be written")

    source, _ = make_source(in_batches([range(10)]))
    sink, taken = make_taker(takes, encode, refuse=lambda data: "bad" in data)
    text = SIMPLE.replace(
        "connector: dst", f"connector: dst, {LETTERS}, transforms: [{{transform: t}}]"
    )
    plan = simple_plan(tmp_path, source, sink, text + QUICK, t=make_transform(spoil))
    summary = run_plan(plan)
    assert taken.ids() == [number for number in range(10) if number != 3]
    assert [one["error_class"] for one in letters(tmp_path / "d.jsonl")] == ["rejected"]
    assert (summary.sinks["z"].written, summary.sinks["z"].dead_letters) == (9, 1)
