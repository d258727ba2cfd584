"""Records that move in blocks come out as records that move one by one."""

from __future__ import annotations

import asyncio
import copy
import datetime
import time
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
    plan_of,
    registries,
    run_plan,
    saved,
    saved_state,
    simple_plan,
    transient,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from rivven_connect._batch import BatchConfig, EventBatch, Item, Poison
from rivven_connect._catalog import Catalog, Stream
from rivven_connect._errors import ConnectorError, PipelineError
from rivven_connect._events import EventMetadata, EventType, SourceEvent
from rivven_connect._sink import BatchForm, FailedEvent, WriteResult
from rivven_connect._state import State
from rivven_connect._transform import Transformed, TransformOutput
from rivven_connect.pipeline import Observer
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


@pytest.mark.parametrize("on_error", ["stop", "drop", "dead_letter"])
@pytest.mark.parametrize("takes", ["rows", "json"])
@pytest.mark.parametrize("at", ["schema", "json", "transform"])
def test_a_bad_record_in_the_middle_of_a_block(
    tmp_path: Path, on_error: str, takes: BatchForm, at: str
) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        for start in range(0, 30, 10):
            records: list[Any] = [{"id": number} for number in range(start, start + 10)]
            if start == 10:
                records[5] |= {"id": "15"} if at == "schema" else {"bad": True}
                records[5] |= {"set": object()} if at == "json" else {}
            yield EventBatch(stream="s", records=records, state={"last": start + 9})

    def fail(one: SourceEvent) -> Transformed:
        one.data["changed"] = True
        if at == "transform" and "bad" in one.data:
            raise ConnectorError.data("no")
        return one

    keys = {
        "schema": "streams: [{name: s, validate: true}]",
        "json": "transforms: []",
        "transform": "transforms: [{transform: t}]",
    }[at]
    letter = f", {LETTERS}" if on_error == "dead_letter" else ""
    text = SIMPLE.replace("connector: src", f"connector: src, on_error: {on_error}{letter}, {keys}")
    source = with_discovered(make_source(read)[0], NUMBERED)
    sink, taken = make_taker(takes)
    plan = simple_plan(tmp_path, source, sink, text + QUICK, t=make_transform(fail))
    if on_error == "stop":
        with pytest.raises(PipelineError):
            run_plan(plan)
        assert taken.ids() == list(range(15)), "everything before it, and nothing behind"
        assert saved_state(plan) == {"s": {"last": 9}}
        return
    counts = run_plan(plan).sources["a"]
    assert taken.ids() == [number for number in range(30) if number != 15]
    assert saved_state(plan) == {"s": {"last": 29}}
    assert (counts.read, counts.written) == (30, 29)
    assert (counts.dropped, counts.dead_letters) == ((1, 0) if on_error == "drop" else (0, 1))
    if on_error == "dead_letter":
        (found,) = letters(tmp_path / "d.jsonl")
        assert (
            found["record"] == {"id": "15"} if at == "schema" else "changed" not in found["record"]
        )


FAN_IN = """version: "1.0"
sources: {a: {connector: src, topic: t, dead_letter: {path: d.jsonl, max_ratio: 1}}, b: {connector: src, topic: t}}
sinks: {z: {connector: dst, topics: [t]}}
"""


def test_positions_are_qualified_once(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        for bad in (False, True):
            records: list[Any] = [{"id": number} for number in range(10)]
            if bad:
                records[5]["set"] = object()
            yield EventBatch(
                stream="s", records=records, positions=[None, *range(1, 10)], state={"last": 9}
            )

    source, _ = make_source(read, position="stable")
    sink, taken = make_taker("json", lambda *_: refused(), delivery=("at_least_once", "upsert"))
    text = FAN_IN.replace("topic: t}", "topic: t, dead_letter: {path: e.jsonl, max_ratio: 1}}")

    def refused() -> WriteResult:
        result = WriteResult()
        result.add_failure(1, "singly, please")
        return result

    plan = plan_of(tmp_path, registries({"src": source}, {"dst": sink}), text + QUICK)
    run_plan(plan)
    for name in ("a", "b"):
        found = [
            one.position for one in taken.single if one.position in [[name, n] for n in range(10)]
        ]
        assert found == [
            *([name, n] for n in range(1, 10)),
            *([name, n] for n in (1, 2, 3, 4, 6, 7, 8, 9)),
        ]
    assert [one.position for one in taken.single].count(None) == 4
    assert len(taken.single) == 38


def test_lines_alone_are_kept_only_of_what_they_say_all_of(tmp_path: Path) -> None:
    def tag(one: SourceEvent) -> Transformed:
        if one.data["id"] == 3:
            one.metadata = EventMetadata(transaction_id="t3")
        return one

    def refuse(_batches: Sequence[EventBatch], _call: int) -> WriteResult:
        raise ConnectorError.data("singly, please")

    source, _ = make_source(in_batches([range(5)]))
    sink, taken = make_taker("json", refuse)
    run_plan(simple_plan(tmp_path, source, sink, TRANSFORMED + QUICK, t=make_transform(tag)))
    found = {one.data["id"]: one.metadata for one in taken.single}
    assert found == {n: EventMetadata(transaction_id="t3") if n == 3 else None for n in range(5)}


def test_what_a_block_shares_with_single_events_keeps_its_place(tmp_path: Path) -> None:
    """Keepalives, global states, flushes, poison, filtered streams and a schema in between."""

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield batch(range(10))
        yield EventBatch(stream="s", records=[], state={"last": 100})
        yield SourceEvent(stream="s", data={"id": 10}, state={"last": 10})
        yield Poison("s", b"\xff", "no JSON")
        yield EventBatch(stream="s", records=[{"id": 11}], flush=True)
        yield EventBatch(stream="unwanted", records=[{"id": -1}] * 5, state={"last": 5})
        yield batch(range(12, 20))
        yield SourceEvent(stream="_state", data={"all": 1}, event_type=EventType.STATE)

    source, log = make_source(read)
    sink, taken = make_taker("json")
    text = SIMPLE.replace("connector: src", f"connector: src, {LETTERS}, streams: [s]")
    plan = simple_plan(tmp_path, source, sink, text + QUICK)
    counts = run_plan(plan).sources["a"]
    assert taken.ids() == list(range(20))
    assert (counts.read, counts.written, counts.filtered, counts.dead_letters) == (26, 20, 5, 1)
    saved_now = saved_state(plan)
    assert saved_now["s"] == {"last": 19}
    assert saved_now["_state"] == {"all": 1}
    assert log.acknowledged[-1] == saved_now


@pytest.mark.parametrize("takes", ["rows", "json"])
def test_a_drain_in_the_middle_of_blocks_loses_and_miscounts_nothing(
    tmp_path: Path, takes: BatchForm
) -> None:
    def many(one: SourceEvent) -> Transformed:
        return [SourceEvent(stream="s", data={**one.data, "part": part}) for part in range(3)]

    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        for start in range(saved(state) + 1, 20_000, 100):
            await asyncio.sleep(0)
            yield batch(range(start, start + 100))

    source, _ = make_source(read)
    sink, taken = make_taker(takes, limits=BatchConfig(max_records=70, max_wait_ms=5))
    text = TRANSFORMED + QUICK.replace("{retry", "{max_in_flight: 150, retry")
    plan = simple_plan(tmp_path, source, sink, text, t=make_transform(many))
    for _ in range(5):
        counts = run_plan(plan, stop_after=0.05).sources["a"]
        assert counts.written == 3 * counts.read
    end = saved_state(plan)["s"]["last"]
    found = {(row["id"], row["part"]) for row in taken.durable}
    assert found >= {(number, part) for number in range(end + 1) for part in range(3)}


def test_a_rate_limit_counts_the_records_of_blocks(tmp_path: Path) -> None:
    source, _ = make_source(in_batches([range(160), range(160, 320)]))
    sink, taken = make_taker("json")
    keys = "rate_limit: {events_per_second: 200, burst: 20}"
    text = SIMPLE.replace("connector: src", f"connector: src, {keys}")
    begin = time.monotonic()
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK))
    assert time.monotonic() - begin > 0.3
    assert taken.ids() == list(range(320))


@pytest.mark.parametrize("takes", ["rows", "json", "fan-out"])
def test_what_is_in_flight_stays_within_the_window(tmp_path: Path, takes: str) -> None:
    sizes = [1, 10_000, 1, 500_000, 20, 20, 300_000]

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        for start in range(0, 210, 30):
            yield EventBatch(
                stream="s",
                records=[{"id": n, "t": "x" * sizes[n % 7]} for n in range(start, start + 30)],
                state={"last": start + 29},
            )

    most: list[int] = []

    class Watch(Observer):
        def committed(self, source: str, records: int) -> None:
            if self.summary is not None:
                most.append(self.summary.gauges["source", "a"].in_flight_bytes)

    limits = BatchConfig(max_records=50, max_bytes=2**20, max_wait_ms=5)
    forms: list[BatchForm] = ["rows", "json"] if takes == "fan-out" else [takes]  # type: ignore[list-item]  # a form
    made = {f"z{number}": make_taker(form, limits=limits) for number, form in enumerate(forms)}
    sinks = ", ".join(f"{name}: {{connector: {name}, topics: [a]}}" for name in made)
    text = f'version: "1.0"\nsources: {{a: {{connector: src}}}}\nsinks: {{{sinks}}}\n'
    known = registries(
        {"src": make_source(read)[0]}, {name: sink for name, (sink, _) in made.items()}
    )
    queue = 4 * 2**20
    plan = plan_of(
        tmp_path, known, text + QUICK.replace("{retry", f"{{queue_bytes: {queue}, retry")
    )
    run_plan(plan, observer=Watch())
    for _, taken in made.values():
        assert taken.ids() == list(range(210))
    assert max(most, default=0) <= queue + 2**20
