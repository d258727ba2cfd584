"""Streams that a source reads by ranges, and streams that it finds instead of declaring them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from engine_kit import (
    QUICK,
    SIMPLE,
    EmptyConfig,
    make_sink,
    make_transactional,
    run_plan,
    saved_state,
    simple_plan,
    transient,
)

from rivven_connect import (
    BatchConfig,
    Catalog,
    ConfiguredCatalog,
    ConfiguredStream,
    ConnectorError,
    ConnectorSpec,
    EventBatch,
    Json,
    JsonObject,
    Page,
    PipelineError,
    Source,
    State,
    Stream,
    SyncMode,
)

ROWS = 40
WIDTH = 10


@dataclasses.dataclass
class Log:
    """What a source was asked for."""

    plans: list[str] = dataclasses.field(default_factory=list)
    partitions: list[Json] = dataclasses.field(default_factory=list)
    open_now: int = 0
    most_open: int = 0
    read: int = 0
    fail_at: int | None = None
    failure: Exception = dataclasses.field(default_factory=lambda: ConnectorError.auth("broken"))
    fail_plans: set[str] = dataclasses.field(default_factory=set)


def ranged(
    streams: Sequence[str] = ("s",), *, pages: bool = False, rows: int = ROWS
) -> tuple[type[Source[EmptyConfig]], Log]:
    """Return a source whose streams have the ids up to `rows`, in ranges of `WIDTH`."""
    log = Log()

    class Ranged(Source[EmptyConfig]):
        config_type = EmptyConfig

        @classmethod
        def spec(cls) -> ConnectorSpec:
            return ConnectorSpec(connector_type="ranged", version="1.0.0", partitioned=True)

        async def discover(self, config: EmptyConfig) -> Catalog:
            return Catalog([Stream(name=name) for name in streams])

        async def latest(self, config: EmptyConfig, stream: str) -> Json:
            return rows

        async def plan(
            self, config: EmptyConfig, stream: str, start: Json, end: Json
        ) -> Sequence[Json]:
            assert start is None
            if stream in log.fail_plans:
                raise ConnectorError.auth(f"no plan of {stream}")
            log.plans.append(stream)
            return [[one, min(one + WIDTH, end)] for one in range(0, end, WIDTH)]

        async def read_partition(
            self, config: EmptyConfig, stream: str, partition: Json
        ) -> AsyncIterator[Any]:
            log.partitions.append([stream, *partition])
            log.open_now += 1
            log.most_open = max(log.most_open, log.open_now)
            try:
                begin, end = partition
                for number in range(begin, end):
                    await asyncio.sleep(0)
                    if log.read == log.fail_at:
                        log.fail_at = None
                        raise log.failure
                    log.read += 1
                    row = {"id": f"{stream}-{number}"}
                    yield Page([row], cursor=[number + 1, end]) if pages else row
            finally:
                log.open_now -= 1

    return Ranged, log


def ids(streams: Sequence[str] = ("s",), rows: int = ROWS) -> set[str]:
    return {f"{name}-{number}" for name in streams for number in range(rows)}


def with_keys(keys: str) -> str:
    return SIMPLE.replace("connector: src", f"connector: src, {keys}") + QUICK


@pytest.mark.parametrize("concurrency", [1, 3])
def test_ranges_are_read_once_and_at_most_so_many_at_once(tmp_path: Path, concurrency: int) -> None:
    source, log = ranged(("s", "t"))
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink, with_keys(f"concurrency: {concurrency}"))
    run_plan(plan)
    assert sunk.keys() == ids(("s", "t"))
    assert len(sunk.durable) == 2 * ROWS
    assert log.most_open == concurrency
    assert log.plans == ["s", "t"]
    state = saved_state(plan)
    assert state["s"] == {"complete": 1}
    assert {name for name in state if name.startswith("s/")} == {"s/0", "s/1", "s/2", "s/3"}


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("pages", [False, True])
def test_a_crash_anywhere_repeats_no_range_that_was_finished(
    tmp_path: Path, concurrency: int, pages: bool
) -> None:
    for at in range(0, ROWS, 7):
        folder = tmp_path / str(at)
        folder.mkdir()
        source, log = ranged(pages=pages)
        sink, sunk = make_sink()
        plan = simple_plan(folder, source, sink, with_keys(f"concurrency: {concurrency}"))
        log.fail_at = at
        with pytest.raises(PipelineError, match="broken"):
            run_plan(plan)
        state = saved_state(plan)
        done = {int(name[2:]) for name, one in state.items() if one.get("complete") and "/" in name}
        if concurrency == 1:
            assert done == set(range(at // WIDTH)), at
        log.partitions.clear()
        run_plan(plan)
        again = {one[2] // WIDTH - 1 for one in log.partitions}
        assert again == {0, 1, 2, 3} - done, at
        assert sunk.keys() == ids()
        assert log.plans == ["s"], "a sync plans once"
        if pages:
            assert len(sunk.durable) == ROWS, "what was left, and no more"
        assert saved_state(plan)["s"] == {"complete": 1}


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("pages", [False, True])
def test_a_transactional_sink_has_each_record_once(
    tmp_path: Path, concurrency: int, pages: bool
) -> None:
    """It writes parts of several ranges before any of them has ended."""
    for at in (3, 17, 36):
        folder = tmp_path / str(at)
        folder.mkdir()
        source, log = ranged(pages=pages)
        sink, vault = make_transactional(limits=BatchConfig(max_records=4, max_wait_ms=1))
        keys = f"concurrency: {concurrency}"
        text = with_keys(keys).replace("settings: {", "settings: {max_in_flight: 4, ")
        plan = simple_plan(folder, source, sink, text)
        log.fail_at = at
        with pytest.raises(PipelineError, match="broken"):
            run_plan(plan)
        run_plan(plan)
        assert sorted(map(str, vault.ids())) == sorted(ids()), at


def test_a_failure_that_passes_goes_on_by_the_same_plan(tmp_path: Path) -> None:
    source, log = ranged()
    sink, sunk = make_sink()
    log.fail_at, log.failure = 25, transient()
    run_plan(simple_plan(tmp_path, source, sink))
    assert (sunk.keys(), log.plans) == (ids(), ["s"])
    assert [one[1] // WIDTH for one in log.partitions] == [0, 1, 2, 2, 3]


def test_the_next_run_plans_anew(tmp_path: Path) -> None:
    source, log = ranged()
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    run_plan(plan)
    run_plan(plan)
    assert log.plans == ["s", "s"]
    assert len(sunk.durable) == 2 * ROWS
    assert saved_state(plan)["s"] == {"complete": 2}


def test_a_plan_of_an_older_sync_is_not_followed() -> None:
    """Its stream was left out of the syncs since."""
    source, log = ranged()
    state = State({"s": {"sync": 1, "plan": [[0, 5]]}, "s/0": {"complete": 1}}, {"finished": 3})

    async def read() -> int:
        catalog = ConfiguredCatalog.from_catalog(await source().discover(EmptyConfig()))
        items = source().read(EmptyConfig(), catalog, state)
        return sum([len(one) async for one in items if isinstance(one, EventBatch)])

    assert asyncio.run(read()) == ROWS
    assert log.plans == ["s"]


def test_a_stream_whose_end_was_not_saved_is_ended_without_reading(tmp_path: Path) -> None:
    """All its ranges are complete, and another stream has failed."""
    source, log = ranged(("s", "t"))
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    log.fail_at = ROWS
    with pytest.raises(PipelineError, match="broken"):
        run_plan(plan)
    log.partitions.clear()
    run_plan(plan)
    assert {one[0] for one in log.partitions} == {"t"}
    assert sunk.keys() == ids(("s", "t"))


def test_a_stream_without_ranges_is_empty(tmp_path: Path) -> None:
    source, _ = ranged(rows=0)
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink)
    run_plan(plan)
    assert (sunk.durable, saved_state(plan)["s"]) == ([], {"complete": 1})


def test_with_isolate_streams_a_plan_that_fails_keeps_nobody_else(tmp_path: Path) -> None:
    source, log = ranged(("s", "t", "u"))
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, source, sink, with_keys("isolate_streams: true, concurrency: 2"))
    log.fail_plans = {"t"}
    with pytest.raises(PipelineError, match="no plan of t"):
        run_plan(plan)
    assert sunk.keys() == ids(("s", "u"))
    log.fail_plans = set()
    sunk.durable.clear()
    run_plan(plan)
    assert sunk.keys() == ids(("t",))


def test_a_stream_that_is_named_like_a_range_is_refused(tmp_path: Path) -> None:
    source, _ = ranged(("s", "s/1"))
    sink, _ = make_sink()
    with pytest.raises(PipelineError, match="named like a partition of stream 's'"):
        run_plan(simple_plan(tmp_path, source, sink))


def found(rows: dict[str, list[JsonObject]], cursor: str = "at") -> type[Source[EmptyConfig]]:
    """Return a source that finds its streams."""

    class Found(Source[EmptyConfig]):
        config_type = EmptyConfig

        @classmethod
        def spec(cls) -> ConnectorSpec:
            return ConnectorSpec(connector_type="found", version="1.0.0")

        async def discover(self, config: EmptyConfig) -> Catalog:
            return Catalog(
                [
                    Stream(
                        name=name,
                        namespace="n",
                        supported_sync_modes=[SyncMode.INCREMENTAL],
                        default_cursor_field=cursor,
                        cursor_order="ascending",
                        source_defined_primary_key=[["id"]],
                    )
                    for name in rows
                ]
            )

        def read_discovered(
            self, config: EmptyConfig, chosen: ConfiguredStream, start: Json
        ) -> Any:
            assert chosen.stream.full_name() == f"n.{chosen.stream.name}"
            return (
                row for row in rows[chosen.stream.name] if start is None or row[cursor] >= start
            )

    return Found


def test_streams_that_were_found_resume_at_their_cursor_without_repeating_ties(
    tmp_path: Path,
) -> None:
    rows: dict[str, list[JsonObject]] = {
        name: [{"id": number, "at": number // 3} for number in range(8)] for name in ("a", "b")
    }
    sink, sunk = make_sink()
    plan = simple_plan(tmp_path, found(rows), sink, with_keys("concurrency: 2"))
    run_plan(plan)
    assert len(sunk.durable) == 16
    wanted = {"cursor": 2, "seen": [[6], [7]], "cursor_field": "at"}
    assert saved_state(plan)["n.a"].items() >= wanted.items()
    rows["a"].append({"id": 8, "at": 2})
    sunk.durable.clear()
    run_plan(plan)
    assert sunk.durable == [{"id": 8, "at": 2}]


def test_a_cursor_of_another_field_is_refused(tmp_path: Path) -> None:
    rows: dict[str, list[JsonObject]] = {"a": [{"id": 1, "at": 1, "seen_at": 2}]}
    sink, sunk = make_sink()
    run_plan(simple_plan(tmp_path, found(rows), sink))
    with pytest.raises(PipelineError, match="was read up to a value of 'at'"):
        run_plan(simple_plan(tmp_path, found(rows, cursor="seen_at"), sink))
    assert len(sunk.durable) == 1
