"""Columns on their way: untouched where a source and a sink have them, rows where nobody asks for them."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pytest
from block_kit import make_taker
from engine_kit import (
    QUICK,
    SIMPLE,
    EmptyConfig,
    Limits,
    MemoryStore,
    letters,
    make_sink,
    make_source,
    make_transactional,
    make_transform,
    plan_of,
    registries,
    run_plan,
    saved_state,
    simple_plan,
    transient,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from rivven_connect._arrow import to_rows
from rivven_connect._batch import EventBatch, Item
from rivven_connect._catalog import SyncMode
from rivven_connect._errors import RecordError
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import JsonObject
from rivven_connect._sink import BatchForm
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorSpec, GeneratedSpec
from rivven_connect._state import State
from rivven_connect._streams import StreamSet, StreamSpec
from rivven_connect._transform import Transformed

LETTERS = "dead_letter: {path: d.jsonl, max_ratio: 1}"
DAY = datetime.date(2024, 1, 2)


def columns(ids: Sequence[int], **more: Any) -> pa.RecordBatch:
    """Return an Arrow batch of ids and days."""
    return pa.record_batch({"id": pa.array(ids, pa.int64()), "day": [DAY] * len(ids), **more})


def source_of(*batches: pa.RecordBatch) -> type[Source[Any]]:
    """Return a source that yields these batches, each with its state."""

    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        found = state.get_stream("s") if state else None
        done = (found.get("done", int) if found else 0) or 0
        for number, records in enumerate(batches[done:], done + 1):
            yield EventBatch(stream="s", records=records, state={"done": number})

    return make_source(read)[0]


def buffers(batch: pa.RecordBatch) -> list[int]:
    """Return where the values of a batch lie."""
    return [one.address for column in batch for one in column.buffers() if one is not None]


def test_columns_reach_a_sink_that_takes_them_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rivven_connect._arrow.to_rows", lambda _batch: pytest.fail("rows"))
    given = columns(range(5000))
    seen: list[pa.RecordBatch] = []
    sink, _ = make_taker("arrow", lambda batches, _call: seen.extend(b.records for b in batches))
    sink.write_batch = None  # type: ignore[assignment,method-assign]  # nothing goes singly
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("block_kit._rows", lambda batch, _form: [None] * len(batch))
        summary = run_plan(simple_plan(tmp_path, source_of(given), sink, SIMPLE + QUICK))
    assert pa.Table.from_batches(seen).combine_chunks().to_batches() == [given]
    assert {one for batch in seen for one in buffers(batch)} == set(buffers(given))
    assert summary.sources["a"].read == summary.sinks["z"].written == 5000
    assert summary.sources["a"].bytes == given.nbytes


FIELDS = "streams: [{name: s, fields: [id]}]"


@pytest.mark.parametrize(
    ("keys", "takes"),
    [("", "json"), ("", "rows"), (FIELDS, "arrow"), ("transforms: [{transform: t}]", "arrow")],
)
def test_columns_become_rows_where_something_needs_them(
    tmp_path: Path, keys: str, takes: BatchForm
) -> None:
    sink, taken = make_taker(takes)
    text = SIMPLE.replace("connector: src", f"connector: src, {keys}" if keys else "connector: src")
    source = source_of(columns(range(2500)), columns([]), columns(range(2500, 3000)))
    plan = simple_plan(tmp_path, source, sink, text + QUICK, t=make_transform(lambda one: one))
    summary = run_plan(plan)
    expected = {"id": 7} if keys == FIELDS else {"id": 7, "day": "2024-01-02"}
    assert taken.durable[7] == expected
    assert taken.ids() == list(range(3000))
    assert summary.sources["a"].read == summary.sinks["z"].written == 3000
    assert saved_state(plan) == {"s": {"done": 3}}


def test_columns_are_not_made_rows_of_all_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most: list[int] = []

    def watched(batch: pa.RecordBatch) -> list[Any]:
        most.append(len(batch))
        return to_rows(batch)

    monkeypatch.setattr("rivven_connect._arrow.to_rows", watched)
    sink, taken = make_taker("json")
    source = source_of(columns(range(20_000)))
    plan = simple_plan(tmp_path, source, sink, SIMPLE + QUICK)
    run_plan(plan)
    assert taken.ids() == list(range(20_000))
    assert max(most) <= 1000


FAN_OUT = """version: "1.0"
sources: {a: {connector: src}}
sinks:
  json: {connector: json, topics: [a]}
  rows: {connector: rows, topics: [a]}
  arrow: {connector: arrow, topics: [a]}
  plain: {connector: plain, topics: [a]}
  changed: {connector: changed, topics: [a], transforms: [{transform: t}]}
"""


@pytest.mark.parametrize("columnar", [True, False])
def test_in_a_fan_out_every_sink_gets_its_form_and_no_other_sinks_changes(
    tmp_path: Path, columnar: bool
) -> None:
    def change(one: SourceEvent) -> Transformed:
        one.data["id"] = -1
        one.data["day"] = None
        return one

    small = Limits.replace(max_records=100)
    made = {form: make_taker(form, limits=small) for form in ("json", "rows", "arrow")}
    made["changed"] = make_taker("json", limits=small)
    plain, sunk = make_sink(batching=False)
    sinks: dict[str, Any] = {name: sink for name, (sink, _) in made.items()} | {"plain": plain}
    if columnar:
        source = source_of(columns(range(700)), columns(range(700, 1000)))
    else:

        async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
            rows = [{"id": number, "day": "2024-01-02"} for number in range(1000)]
            yield EventBatch(stream="s", records=rows, state={"done": 2})

        source, _ = make_source(read)
    known = registries({"src": source}, sinks, {"t": make_transform(change)})
    plan = plan_of(tmp_path, known, FAN_OUT + QUICK)
    summary = run_plan(plan)
    for name in ("json", "rows", "arrow"):
        assert made[name][1].ids() == list(range(1000)), name
        assert {row["day"] for row in made[name][1].durable} == {"2024-01-02"}
        assert summary.sinks[name].written == 1000
        assert max(sum(map(len, one)) for one in made[name][1].writes) <= 100
    assert [row["id"] for row in sunk.durable] == list(range(1000))
    assert {(row["id"], row["day"]) for row in made["changed"][1].durable} == {(-1, None)}
    assert saved_state(plan) == {"s": {"done": 2}}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from([1, 10, 2_000, 300_000]), min_size=1, max_size=60),
    st.sampled_from(["json", "rows", "arrow"]),
    st.sampled_from([1, 7, 1000]),
    st.booleans(),
)
def test_no_write_is_larger_than_the_sink_allows(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    takes: BatchForm,
    max_records: int,
    columnar: bool,
) -> None:
    limits = Limits.replace(max_records=max_records, max_bytes=400_000)
    sink, taken = make_taker(takes, limits=limits)
    texts = ["x" * size for size in sizes]
    found: Any = pa.record_batch({"id": range(len(texts)), "text": texts})
    records = found if columnar else found.to_pylist()
    text = SIMPLE + QUICK.replace("{retry", "{queue_bytes: 4194304, retry")
    run_plan(simple_plan(tmp_path_factory.mktemp("m"), source_of(records), sink, text))
    assert taken.ids() == list(range(len(texts)))
    for batches in taken.writes:
        count = sum(map(len, batches))
        size = sum(
            b.records.nbytes if b.is_columnar() else len(b.lines()) - len(b) for b in batches
        )
        assert count <= max_records
        assert size <= 400_000 or count == 1


def test_a_batch_larger_than_the_window_passes(tmp_path: Path) -> None:
    sink, taken = make_taker("arrow")
    text = SIMPLE + QUICK.replace("{retry", "{max_in_flight: 10, retry")
    source = source_of(columns(range(5000)), columns(range(5000, 5050)))
    plan = simple_plan(tmp_path, source, sink, text)
    run_plan(plan)
    assert taken.ids() == list(range(5050))
    assert saved_state(plan) == {"s": {"done": 2}}


def test_a_dictionary_does_not_count_for_every_row(tmp_path: Path) -> None:
    large = pa.array(["x" * 1_500_000, "y"])
    places = pa.array([0, 1] * 1000, pa.int32())
    text = pa.DictionaryArray.from_arrays(places, large)
    sink, taken = make_taker("arrow", limits=Limits.replace(max_bytes=1_000_000))
    records = pa.record_batch({"id": range(2000), "text": text})
    run_plan(simple_plan(tmp_path, source_of(records), sink, SIMPLE + QUICK))
    assert len(taken.ids()) == 2000
    assert len(taken.writes) < 10


@pytest.mark.parametrize("takes", ["json", "rows", "arrow"])
def test_a_failed_flush_brings_the_same_again(tmp_path: Path, takes: BatchForm) -> None:
    sink, taken = make_taker(takes, flush=lambda count: transient() if count == 1 else None)
    run_plan(simple_plan(tmp_path, source_of(columns(range(100))), sink, SIMPLE + QUICK))
    assert taken.ids() == list(range(100))


@pytest.mark.parametrize("takes", ["json", "rows", "arrow"])
@pytest.mark.parametrize("columnar", [True, False])
def test_records_that_only_the_single_form_can_name_are_the_only_letters(
    tmp_path: Path, takes: BatchForm, columnar: bool
) -> None:
    def bad(batches: Sequence[EventBatch], _call: int) -> None:
        if any(row["id"] in {3, 5} for one in batches for row in one.rows()):
            raise BadRecord("one of them is bad")

    sink, taken = make_taker(takes, bad, refuse=lambda data: data["id"] in {3, 5})
    text = SIMPLE.replace("connector: dst", f"connector: dst, {LETTERS}")
    records = columns(range(50))
    given = [records] if columnar else [to_rows(records)]
    plan = simple_plan(tmp_path, source_of(*given), sink, text + QUICK)
    summary = run_plan(plan)
    assert taken.ids() == [number for number in range(50) if number not in {3, 5}]
    found = letters(tmp_path / "d.jsonl")
    assert [one["record"] for one in found] == [{"id": n, "day": "2024-01-02"} for n in (3, 5)]
    assert {one["source"] for one in found} == {"a"}
    counts = summary.sinks["z"]
    assert (counts.read, counts.written, counts.dead_letters) == (50, 48, 2)


class BadRecord(RecordError):
    """A record is at fault, and nobody says which."""


def test_a_letter_names_the_source_of_its_columns(tmp_path: Path) -> None:
    sink, taken = make_taker("arrow", lambda *_: fail(), refuse=lambda data: data["id"] == 1)

    def fail() -> None:
        raise BadRecord("one of them is bad")

    text = """version: "1.0"
sources: {a: {connector: left, topic: t}, b: {connector: right, topic: t}}
sinks: {z: {connector: dst, topics: [t], dead_letter: {path: d.jsonl, max_ratio: 1}}}
"""
    left, right = source_of(columns([1, 2])), source_of(columns([3, 4]))
    known = registries({"left": left, "right": right}, {"dst": sink})
    run_plan(plan_of(tmp_path, known, text + QUICK))
    assert sorted(taken.ids()) == [2, 3, 4]
    assert [(one["source"], one["record"]["id"]) for one in letters(tmp_path / "d.jsonl")] == [
        ("a", 1)
    ]


def test_rows_that_do_not_fit_their_columns_are_the_only_ones_named(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
        yield SourceEvent(stream="s", data=schema, event_type=EventType.SCHEMA)
        rows: list[Any] = [{"id": number} for number in range(20)]
        rows[7]["id"] = "seven"
        yield EventBatch(stream="s", records=rows, state={"done": 1})

    source, _ = make_source(read)
    sink, taken = make_taker("arrow", refuse=lambda data: not isinstance(data["id"], int))
    text = SIMPLE.replace("connector: dst", f"connector: dst, {LETTERS}")
    run_plan(simple_plan(tmp_path, source, sink, text + QUICK))
    assert taken.whole == []
    assert taken.ids() == [number for number in range(20) if number != 7]
    assert [one["record"] for one in letters(tmp_path / "d.jsonl")] == [{"id": "seven"}]


def test_changes_go_singly_to_a_sink_that_takes_columns(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        rows = [{"id": 1}, {"before": {"id": 1}, "after": {"id": 2}}, {"id": 2}]
        types = [EventType.INSERT, EventType.UPDATE, EventType.DELETE]
        yield EventBatch(stream="s", records=rows, event_types=types, state={"done": 1})

    source, _ = make_source(read)
    sink, taken = make_taker("arrow")
    run_plan(simple_plan(tmp_path, source, sink, SIMPLE + QUICK))
    assert taken.whole == []
    assert [one.event_type for one in taken.single] == ["insert", "update", "delete"]
    assert taken.single[1].after() == {"id": 2}


def test_a_transactional_sink_gets_rows_of_columns(tmp_path: Path) -> None:
    sink, vault = make_transactional()
    run_plan(simple_plan(tmp_path, source_of(columns(range(2000))), sink, SIMPLE + QUICK))
    assert vault.ids() == list(range(2000))
    assert vault.state == {"a": {"s": {"done": 1}}}


class NoSpec(GeneratedSpec):
    @classmethod
    def catalog_schemas(cls) -> dict[str, JsonObject]:
        return {}


def hooked(
    rows: Any, *, order: Literal["ascending", "unordered"] = "ascending", keyed: bool = True
) -> type[Source[EmptyConfig]]:
    """Return a source whose hook of stream `s` calls `rows(cursor)`; its cursor field is `at`."""

    class Streams(StreamSet):
        s = StreamSpec[JsonObject](
            name="s",
            hook="read_s",
            primary_key=(("id",),) if keyed else (),
            cursor="at",
            cursor_order=order,
            sync_modes=(SyncMode.INCREMENTAL, SyncMode.FULL_REFRESH),
        )

    class Hooked(Source[EmptyConfig]):
        config_type = EmptyConfig
        spec_type = NoSpec
        streams: ClassVar[Streams] = Streams()

        @classmethod
        def spec(cls) -> ConnectorSpec:
            return ConnectorSpec(connector_type="hooked", version="1.0.0")

        def read_s(self, config: EmptyConfig, cursor: Any) -> Any:
            return rows(cursor)

    return Hooked


def instants(*seconds: int) -> pa.Array:
    return pa.array([1_700_000_000_000_000 + n * 10**6 for n in seconds], pa.timestamp("us", "UTC"))


def days(*numbers: int) -> pa.Array:
    return pa.array([DAY + datetime.timedelta(days=n) for n in numbers])


def decimals(*numbers: int) -> pa.Array:
    return pa.array([decimal.Decimal(n) / 2 for n in numbers], pa.decimal128(9, 2))


CURSORS: dict[str, Callable[..., pa.Array]] = {
    "integer": lambda *numbers: pa.array(numbers, pa.int64()),
    "float": lambda *numbers: pa.array([n / 2 for n in numbers], pa.float64()),
    "text": lambda *numbers: pa.array([f"{n:04}" for n in numbers]),
    "binary": lambda *numbers: pa.array([bytes([n * 9]) for n in numbers], pa.binary()),
    "date": days,
    "timestamp": instants,
    "naive": lambda *numbers: instants(*numbers).cast(pa.timestamp("ms")),
    "decimal": decimals,
    "dictionary": lambda *numbers: pa.array([f"{n:04}" for n in numbers]).dictionary_encode(),
}


def from_cursor(batch: pa.RecordBatch, cursor: Any) -> pa.RecordBatch:
    """Return the rows of a batch at the cursor or behind it, as a database would."""
    if cursor is None:
        return batch
    texts = [row["at"] for row in to_rows(batch)]
    return batch.slice(texts.index(cursor))


@pytest.mark.parametrize("takes", ["arrow", "json"])
@pytest.mark.parametrize("kind", CURSORS)
def test_columns_resume_at_ties_without_repeats(
    tmp_path: Path, kind: str, takes: BatchForm, caplog: pytest.LogCaptureFixture
) -> None:
    numbers = [1, 2, 2, 2, 3, 18, 19, 20, 20, 20, 21, 25]
    full = pa.record_batch({"id": range(len(numbers)), "at": CURSORS[kind](*numbers)})
    known = [full.slice(0, 3)]
    given: list[Any] = []

    def read(cursor: Any) -> Iterator[pa.RecordBatch]:
        given.append(cursor)
        left = from_cursor(known[0], cursor)
        for start in range(0, len(left), 4):
            yield left.slice(start, 4)

    sink, taken = make_taker(takes)
    plan = simple_plan(tmp_path, hooked(read), sink, SIMPLE + QUICK)
    for end in (3, 9, 12, 12):
        known[0] = full.slice(0, end)
        run_plan(plan)
        assert taken.ids() == list(range(end)), kind
    texts = [row["at"] for row in to_rows(full)]
    assert given == [None, texts[2], texts[8], texts[11]]
    assert saved_state(plan)["s"].items() >= {"cursor": texts[11], "seen": [[11]]}.items()
    assert "went down" not in caplog.text


def as_rows_would(batches: Sequence[pa.RecordBatch], folder: Path, *, columnar: bool) -> Any:
    """Return what a run over batches comes to, as they are or as rows."""

    def read(_cursor: Any) -> Iterator[Any]:
        for batch in batches:
            yield batch if columnar else to_rows(batch)

    orders: list[Any] = []
    for source in (hooked(read), hooked(read, order="unordered")):
        sink, taken = make_taker("json")
        memory = MemoryStore()
        run_plan(simple_plan(folder, source, sink, SIMPLE + QUICK), memory=memory)
        orders.append((taken.durable, memory.states))
    return orders


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.lists(st.one_of(st.integers(0, 4), st.none()), max_size=4),
            st.lists(st.integers(0, 9), max_size=4).map(sorted),
        ),
        max_size=4,
    ),
    st.sampled_from(["integer", "date", "missing"]),
)
def test_a_cursor_says_the_same_of_columns_and_of_rows(
    tmp_path_factory: pytest.TempPathFactory, values: list[list[int | None]], kind: str
) -> None:
    batches = []
    count = 0
    for some in values:
        ids = pa.array(range(count, count + len(some)), pa.int64())
        count += len(some)
        found: dict[str, Any] = {"id": ids, "at": pa.array(some, pa.int64())}
        if kind == "date":
            found["at"] = found["at"].cast(pa.int32()).cast(pa.date32())
        elif kind == "missing":
            del found["at"]
        batches.append(pa.record_batch(found))
    folder = tmp_path_factory.mktemp("c")
    in_columns = as_rows_would(batches, folder, columnar=True)
    assert in_columns == as_rows_would(batches, folder, columnar=False)
    assert [row["id"] for row in in_columns[0][0]] == list(range(count))


def test_a_resumed_batch_without_ties_stays_untouched(tmp_path: Path) -> None:
    large = pa.array(["x" * 1000] * 8)
    full = pa.record_batch({"id": range(8), "at": pa.array(range(8), pa.int64()), "large": large})
    known = [full.slice(0, 4)]
    wide: list[list[str]] = []

    def read(cursor: Any) -> Iterator[pa.RecordBatch]:
        yield from_cursor(known[0], cursor)

    def watched(batch: pa.RecordBatch) -> list[Any]:
        wide.append(batch.schema.names)
        return to_rows(batch)

    sink, taken = make_taker("arrow")
    plan = simple_plan(tmp_path, hooked(read), sink, SIMPLE + QUICK)
    run_plan(plan)
    known[0] = full
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rivven_connect._arrow.to_rows", watched)
        run_plan(plan)
    assert taken.ids() == list(range(8))
    assert {"id", "at"} == {name for names in wide[:1] for name in names}


def test_a_row_of_columns_that_changed_at_the_cursor_comes_again(tmp_path: Path) -> None:
    texts = [["a", "b", "c"], ["a", "b", "changed"], ["a", "b", "changed"]]
    sink, taken = make_taker("arrow")

    def read(cursor: Any) -> Iterator[pa.RecordBatch]:
        at = pa.array([1, 2, 2], pa.int64())
        yield from_cursor(pa.record_batch({"id": range(3), "at": at, "text": texts.pop(0)}), cursor)

    plan = simple_plan(tmp_path, hooked(read), sink, SIMPLE + QUICK)
    for _ in range(3):
        run_plan(plan)
    assert taken.ids() == [0, 1, 2, 2]


def test_rows_become_columns_by_the_schema_that_holds_now(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        for kind in ("integer", "number"):
            schema = {"type": "object", "properties": {"id": {"type": kind}}}
            yield SourceEvent(stream="s", data=schema, event_type=EventType.SCHEMA)
            yield EventBatch(stream="s", records=[{"id": 1}], state={"last": kind})

    source, _ = make_source(read)
    sink, taken = make_taker("arrow")
    run_plan(simple_plan(tmp_path, source, sink, SIMPLE + QUICK))
    assert [one.records.schema.field("id").type for one in taken.whole] == [
        pa.int64(),
        pa.float64(),
    ]
