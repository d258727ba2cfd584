"""Streams of one source: read at once, kept apart, checked against their schema, changing it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from engine_kit import (
    QUICK,
    SIMPLE,
    EmptyConfig,
    hooked_source,
    letters,
    make_sink,
    make_source,
    run_plan,
    saved_state,
    simple_plan,
    transient,
)

from rivven_connect._batch import Item
from rivven_connect._catalog import Catalog, Stream
from rivven_connect._errors import ConnectorError, InputError, PipelineError
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import JsonObject
from rivven_connect._source import Source
from rivven_connect._state import State
from rivven_connect.pipeline.schema_change import ChangeKind, compare

NAMES = ("s0", "s1", "s2", "s3", "s4")


def five_streams(hook: Any) -> type[Source[EmptyConfig]]:
    """Return a source of five streams, each read by `hook(name)`."""
    return hooked_source(hook, *NAMES)


def with_keys(keys: str) -> str:
    return SIMPLE.replace("connector: src", f"connector: src, {keys}") + QUICK


def all_ids(names: tuple[str, ...] = NAMES, count: int = 20) -> set[str]:
    return {f"{name}-{number}" for name in names for number in range(count)}


@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (3, 3), (50, 5)])
def test_at_most_so_many_streams_are_open_at_once(
    tmp_path: Path, concurrency: int, most: int
) -> None:
    open_now: set[str] = set()
    seen: list[int] = []

    async def hook(name: str) -> AsyncIterator[JsonObject]:
        open_now.add(name)
        seen.append(len(open_now))
        for number in range(20):
            await asyncio.sleep(0.001)
            yield {"id": f"{name}-{number}"}
        open_now.discard(name)

    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, five_streams(hook), sink, with_keys(f"concurrency: {concurrency}"))
    run_plan(plan)
    assert sunk.keys() == all_ids()
    assert len(sunk.durable) == len(all_ids())
    assert max(seen) == most
    for name in NAMES:
        own = [row["id"] for row in sunk.durable if row["id"].startswith(name)]
        assert own == [f"{name}-{number}" for number in range(20)], "order within a stream"


@pytest.mark.parametrize("concurrency", [1, 3])
def test_f30_with_isolate_streams_the_others_end_and_commit(
    tmp_path: Path, concurrency: int
) -> None:
    broken = {"s1"}

    async def hook(name: str) -> AsyncIterator[JsonObject]:
        for number in range(20):
            if name in broken and number == 5:
                raise ConnectorError.auth("s1 is not for you")
            await asyncio.sleep(0)
            yield {"id": f"{name}-{number}"}

    source = five_streams(hook)
    sink, sunk = make_sink()
    text = with_keys(f"isolate_streams: true, concurrency: {concurrency}")
    plan = simple_plan(tmp_path, source, sink, text)
    with pytest.raises(PipelineError, match="s1 is not for you"):
        run_plan(plan)
    others = ("s0", "s2", "s3", "s4")
    assert sunk.keys() >= all_ids(others)
    assert set(saved_state(plan)) == set(others)
    broken.clear()
    sunk.durable.clear()
    run_plan(plan)
    assert sunk.keys() == all_ids(("s1",)), "finished streams are not read again"


@pytest.mark.parametrize("concurrency", [1, 3])
def test_without_isolation_the_first_failure_ends_all(tmp_path: Path, concurrency: int) -> None:
    async def hook(name: str) -> AsyncIterator[JsonObject]:
        if name == "s0":
            raise ConnectorError.auth("no")
        while True:
            await asyncio.sleep(0.001)
            yield {"id": name}

    sink, _ = make_sink()
    plan = simple_plan(tmp_path, five_streams(hook), sink, with_keys(f"concurrency: {concurrency}"))
    with pytest.raises(PipelineError, match="no"):
        run_plan(plan)


def test_a_stream_that_fails_in_passing_is_read_again_and_the_finished_are_not(
    tmp_path: Path,
) -> None:
    begun: list[str] = []

    async def hook(name: str) -> AsyncIterator[JsonObject]:
        begun.append(name)
        if name == "s3" and begun.count("s3") == 1:
            raise transient()
        await asyncio.sleep(0)
        yield {"id": name}

    sink, sunk = make_sink()
    plan = simple_plan(
        tmp_path, five_streams(hook), sink, with_keys("isolate_streams: true, concurrency: 2")
    )
    run_plan(plan)
    assert sunk.keys() == set(NAMES)
    assert sorted(begun) == sorted([*NAMES, "s3"])


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_what_is_read_whole_again_and_appended_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    async def rows(name: str) -> AsyncIterator[JsonObject]:
        if fails and name == "s1":
            raise ConnectorError.fatal("it fails once")
        yield {"id": f"{name}-0"}

    sink, _ = make_sink(delivery=("at_least_once", "upsert"))
    text = with_keys("concurrency: 1").replace("connector: dst", f"connector: dst, mode: {mode}")
    fails = True
    with pytest.raises(PipelineError):
        run_plan(simple_plan(tmp_path, five_streams(rows), sink, text))
    fails = False
    run_plan(simple_plan(tmp_path, five_streams(rows), sink, text))
    assert "whole again" not in caplog.text, "the same reading goes on"
    run_plan(simple_plan(tmp_path, five_streams(rows), sink, text))
    told = "source a reads s0, s1, s2, s3, s4 whole again, and z appends to what it has"
    assert (told in caplog.text) is (mode == "append")


def test_a_source_that_reads_by_itself_has_no_use_for_either(tmp_path: Path) -> None:
    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        yield SourceEvent.record("s", {})

    source, _ = make_source(read)
    sink, _ = make_sink()
    with pytest.raises(InputError) as caught:
        simple_plan(tmp_path, source, sink, with_keys("isolate_streams: true, concurrency: 2"))
    assert [one.code for one in caught.value.problems] == ["RVN722", "RVN722"]


OLD = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["id"],
}


def with_schema(*steps: JsonObject) -> type[Source[Any]]:
    """Return a source of stream `s` with the schema OLD, whose `steps` are records and changes."""

    async def read(_session: int, _state: State | None) -> AsyncIterator[Item]:
        for step in steps:
            if "properties" in step:
                yield SourceEvent(stream="s", data=step, event_type=EventType.SCHEMA)
            else:
                yield SourceEvent.record("s", step)

    source, _ = make_source(read)

    async def discover(self: Any, config: EmptyConfig) -> Catalog:
        return Catalog([Stream(name="s", json_schema=OLD)])

    source.discover = discover  # type: ignore[method-assign]
    return source


VALIDATED = "streams: [{name: s, validate: true}], dead_letter: {path: d.jsonl, max_ratio: 1}"


def test_records_are_checked_against_their_schema(tmp_path: Path) -> None:
    source = with_schema({"id": 1}, {"id": "two"}, {"name": "no id"}, {"id": 4, "name": "four"})
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, source, sink, with_keys(VALIDATED)))
    assert sunk.durable == [{"id": 1}, {"id": 4, "name": "four"}]
    found = letters(tmp_path / "d.jsonl")
    assert [one["record"] for one in found] == [{"id": "two"}, {"name": "no id"}]
    assert {one["error_class"] for one in found} == {"schema"}
    assert "two" not in found[0]["error"]


def test_without_dead_letters_a_record_that_does_not_fit_stops(tmp_path: Path) -> None:
    source = with_schema({"id": 1}, {"id": "two"}, {"id": 3})
    sink, sunk = make_sink()
    text = with_keys("streams: [{name: s, validate: true}]")
    with pytest.raises(PipelineError, match="/id"):
        run_plan(simple_plan(tmp_path, source, sink, text))
    assert sunk.durable == [{"id": 1}]


ADDED = {"properties": {**OLD["properties"], "mail": {"type": ["string", "null"]}}}  # type: ignore[dict-item]
DROPPED = {"properties": {"id": {"type": "integer"}}}
WIDENED = {"properties": {"id": {"type": "number"}, "name": {"type": "string"}}}
CHANGED = {"properties": {"id": {"type": "string"}, "name": {"type": "string"}}}
RENAMED = {"properties": {"id": {"type": "integer"}, "title": {"type": "string"}}}


@pytest.mark.parametrize("schema", [ADDED, DROPPED, WIDENED, RENAMED])
def test_f27_a_change_that_fits_reaches_the_sink_between_two_batches(
    tmp_path: Path, schema: JsonObject
) -> None:
    source = with_schema({"id": 1}, {"id": 2}, schema, {"id": 3}, {"id": 4})
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, source, sink))
    assert [one.streams[0].stream.json_schema for one in sunk.prepared] == [OLD, schema]
    assert sunk.batches == [2, 2]
    assert [row["id"] for row in sunk.durable] == [1, 2, 3, 4]


def test_f27_a_change_that_does_not_fit_stops_behind_what_came_before(tmp_path: Path) -> None:
    source = with_schema({"id": 1}, CHANGED, {"id": "x"})
    sink, sunk = make_sink()
    with pytest.raises(PipelineError, match="id changed"):
        run_plan(simple_plan(tmp_path, source, sink))
    assert sunk.durable == [{"id": 1}]


def test_f27_fail_stops_at_any_change_and_an_equal_schema_is_none(tmp_path: Path) -> None:
    source = with_schema({"id": 1}, OLD, {"id": 2}, ADDED, {"id": 3})
    sink, sunk = make_sink()
    with pytest.raises(PipelineError, match="mail added"):
        run_plan(simple_plan(tmp_path, source, sink, with_keys("on_schema_change: fail")))
    assert [row["id"] for row in sunk.durable] == [1, 2]


def test_f27_dead_letter_keeps_the_known_schema(tmp_path: Path) -> None:
    source = with_schema({"id": 1}, CHANGED, {"id": "x"}, {"id": 2})
    sink, sunk = make_sink()
    keys = "on_schema_change: dead_letter, dead_letter: {path: d.jsonl, max_ratio: 1}"
    run_plan(simple_plan(tmp_path, source, sink, with_keys(keys)))
    assert sunk.durable == [{"id": 1}, {"id": 2}]
    assert [one["record"] for one in letters(tmp_path / "d.jsonl")] == [{"id": "x"}]
    assert len(sunk.prepared) == 1


def test_how_schemas_are_compared() -> None:
    old = {
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": ["string", "null"]},
            "c": {"type": "object", "properties": {"d": {"type": "string"}}},
            "e": {"type": "string"},
            "same": {"type": ["null", "string"]},
        }
    }
    new = {
        "properties": {
            "a": {"type": ["integer", "null"]},
            "b": {"type": "string"},
            "c": {"type": "object", "properties": {"d": {"type": "integer"}}},
            "f": {},
            "same": {"type": ["string", "null"]},
        }
    }
    found = {one.path: one.kind for one in compare(old, new)}
    assert found == {
        "a": ChangeKind.WIDENED,
        "b": ChangeKind.NARROWED,
        "c.d": ChangeKind.CHANGED,
        "e": ChangeKind.DROPPED,
        "f": ChangeKind.ADDED,
    }
