"""Sources that fail, end early or are cancelled, clocks that jump, in this process: F12, F13, F23, F29."""

from __future__ import annotations

import asyncio
import datetime
import gc
import itertools
import sys
import threading
import time
import types
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from engine_kit import (
    QUICK,
    SIMPLE,
    EmptyConfig,
    MemoryStore,
    Sunk,
    event,
    make_sink,
    make_source,
    rows,
    run_plan,
    saved,
    saved_state,
    simple_plan,
    transient,
)
from oracle import Evidence, Key, violations
from oracle import Sunk as Holds
from sizes import FULL, size

from rivven_connect import ConnectorError, PipelineError
from rivven_connect._batch import BatchConfig, Item
from rivven_connect._catalog import SyncMode
from rivven_connect._events import SourceEvent
from rivven_connect._json import JsonObject
from rivven_connect._sink import WriteResult
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorSpec, GeneratedSpec
from rivven_connect._state import State
from rivven_connect._streams import StreamSet, StreamSpec
from rivven_connect.pipeline import StateStore, run_pipeline

TOTAL = 200
STEP = 5 if FULL else 50
"""Turns of the loop between one cancellation and the next."""


def verdict(sunk: Sunk, total: int, *, crashes: int = 0, window: int = 0) -> list[str]:
    keys: list[Key] = [("s", row["id"]) for row in sunk.durable]
    everything: frozenset[Key] = frozenset(("s", number) for number in range(total))
    return violations(
        Evidence(source=everything, sinks={"z": Holds(keys=keys)}, crashes=crashes, window=window)
    )


def places() -> Sequence[int]:
    """Return every k of 1..200, or twenty of them."""
    return range(1, TOTAL + 1, TOTAL // size(TOTAL))


@pytest.mark.parametrize("kind", ["passing", "permanent"])
def test_f12_an_error_at_every_record_skips_nothing(tmp_path: Path, kind: str) -> None:
    error = transient() if kind == "passing" else ConnectorError.auth("refused")
    for fails_at in places():

        async def read(session: int, known: State | None) -> AsyncIterator[Item]:
            for number in range(saved(known) + 1, TOTAL):
                if session == 0 and number == fails_at:  # noqa: B023  # read within this turn
                    raise error
                yield event(number)
            if session == 0 and fails_at == TOTAL:  # noqa: B023  # read within this turn
                raise error

        source, log = make_source(read)
        sink, sunk = make_sink()
        memory = MemoryStore()
        plan = simple_plan(tmp_path, source, sink)
        if kind == "permanent":
            with pytest.raises(PipelineError) as caught:
                run_plan(plan, memory=memory)
            assert caught.value.exit_code == 3
            assert memory.states["a"] == {"s": {"last": fails_at - 1}}
        run_plan(plan, memory=memory)
        assert verdict(sunk, TOTAL) == [], f"the error before record {fails_at}"
        assert log.states[1] == {"s": {"last": fails_at - 1}}


class _Spec(GeneratedSpec):
    @classmethod
    def spec(cls) -> ConnectorSpec:
        return ConnectorSpec(connector_type="snapshot", version="1.0.0")

    @classmethod
    def catalog_schemas(cls) -> dict[str, JsonObject]:
        return {}


def snapshot_source(read: Callable[[], Iterator[JsonObject]]) -> type[Source[EmptyConfig]]:
    """Return a source of the usual form with one full-refresh stream."""

    class Streams(StreamSet):
        s = StreamSpec[JsonObject](
            name="s", hook="read_s", primary_key=(("id",),), sync_modes=(SyncMode.FULL_REFRESH,)
        )

    class Snapshot(Source[EmptyConfig]):
        config_type = EmptyConfig
        spec_type = _Spec
        streams: ClassVar[Streams] = Streams()

        @classmethod
        def spec(cls) -> ConnectorSpec:
            return _Spec.spec()

        def read_s(self, config: EmptyConfig, cursor: Any) -> Iterator[JsonObject]:
            return read()

    return Snapshot


def is_complete(state: dict[str, Any]) -> bool:
    return "complete" in state.get("s", {})


@pytest.mark.parametrize("ends", ["cut off", "refused by the sink"])
def test_f13_only_an_explicit_end_completes_a_snapshot(tmp_path: Path, ends: str) -> None:
    """A response that is cut off, or a row that came to no end, leaves it to be read again."""
    bad = [True]

    def read() -> Iterator[JsonObject]:
        for number in range(50):
            if bad[0] and ends == "cut off" and number == 30:
                raise ConnectorError.data("the body ended after 300 of 500 bytes")
            yield {"id": number}

    def write(events: Sequence[SourceEvent], _call: int) -> WriteResult:
        result = WriteResult()
        for one in events:
            data: Any = one.data
            if bad[0] and data["id"] == 49:
                result.add_failed_event(one, "no")
            else:
                sunk.buffered.append(data)
                result.add_success(1)
        return result

    sink, sunk = make_sink(write)
    plan = simple_plan(tmp_path, snapshot_source(read), sink)
    with pytest.raises(PipelineError):
        run_plan(plan)
    assert not is_complete(saved_state(plan))
    bad[0] = False
    run_plan(plan)
    assert is_complete(saved_state(plan))
    assert verdict(sunk, 50, crashes=1, window=50) == []


def test_f13_a_drain_does_not_complete_a_snapshot(tmp_path: Path) -> None:
    async def drained() -> None:
        stop = asyncio.Event()

        def read() -> Iterator[JsonObject]:
            yield {"id": 0}
            loop.call_soon_threadsafe(stop.set)
            for number in itertools.count(1):
                yield {"id": number}

        loop = asyncio.get_running_loop()
        plan = simple_plan(tmp_path, snapshot_source(read), make_sink()[0])
        store = StateStore.open(plan.state_dir, plan.name)
        try:
            summary = await asyncio.wait_for(run_pipeline(plan, store=store, stop=stop), 20)
            assert summary.drained
            assert not is_complete(store.load("a"))
        finally:
            store.close()

    asyncio.run(drained())


JUMPS_S = (86_400, -86_400, 3_600, -3_600, 1)
"""By a day, by an hour as summer time does, and by a leap second."""


def _jumping(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the wall clock jump at each look; return the list of what was seen."""
    jumps, now, seen = itertools.cycle(JUMPS_S), datetime.datetime.now(datetime.UTC), [0.0]

    class Jumping(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            seen.append(seen[-1] + next(jumps))
            return (now + datetime.timedelta(seconds=seen[-1])).astimezone(tz)

    fake = types.SimpleNamespace(**{**vars(datetime), "datetime": Jumping})
    for name, module in list(sys.modules.items()):
        if name.startswith("rivven_connect") and getattr(module, "datetime", None) is datetime:
            monkeypatch.setattr(module, "datetime", fake)
    monkeypatch.setattr(time, "time", lambda: Jumping.now(datetime.UTC).timestamp())
    return seen


def test_f23_a_clock_that_jumps_changes_nothing_but_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retries, ticks and a rate limit wait as long as ever: their clock is another."""

    async def read(session: int, known: State | None) -> AsyncIterator[Item]:
        for number in range(saved(known) + 1, 12):
            if session < 2 and number == 4 * (session + 1):
                raise transient()
            yield event(number)
            for _ in range(500):
                if len(sunk.durable) > number:
                    break
                await asyncio.sleep(0.01)
            else:
                pytest.fail(f"nobody delivered record {number} while its source waited")

    source, log = make_source(read)
    sink, sunk = make_sink()
    limited = SIMPLE.replace(
        "connector: src", "connector: src, rate_limit: {events_per_second: 500, burst: 10}"
    )
    plan = simple_plan(tmp_path, source, sink, limited + QUICK)
    seen = _jumping(monkeypatch)
    run_plan(plan)
    assert len(seen) > len(JUMPS_S), "somebody must have looked at the clock"
    assert verdict(sunk, 12) == []
    assert saved_state(plan) == {"s": {"last": 11}}
    assert log.states == [None, {"s": {"last": 3}}, {"s": {"last": 7}}]


def test_f29_cancelled_at_any_step_it_leaves_nothing_behind_and_commits_whole(
    tmp_path: Path,
) -> None:
    """Cancelled after one, two, three ... turns of the loop, until the run ends by itself."""
    for turns in itertools.count(0, STEP):
        folder = tmp_path / str(turns)
        folder.mkdir()
        source, log = make_source(rows(range(40)))
        sink, sunk = make_sink(limits=BatchConfig(max_records=5, max_bytes=1 << 20, max_wait_ms=5))
        plan = simple_plan(folder, source, sink)
        before = set(threading.enumerate())
        ended = asyncio.run(_cancelled_after(turns, plan))
        assert {one for one in threading.enumerate() if one.is_alive()} <= before
        assert log.opened == log.closed, f"cancelled after {turns} turns"
        cut = saved_state(plan).get("s", {}).get("last", -1)
        assert {("s", n) for n in range(cut + 1)} <= {("s", row["id"]) for row in sunk.durable}
        sunk.buffered.clear()
        run_plan(plan)
        assert verdict(sunk, 40, crashes=1, window=40) == [], f"cancelled after {turns} turns"
        if ended:
            assert turns > 5
            return


async def _cancelled_after(turns: int, plan: Any) -> bool:
    """Run until cancelled after so many turns of the loop; return whether it ended before."""
    store = StateStore.open(plan.state_dir, plan.name)
    try:
        running = asyncio.create_task(run_pipeline(plan, store=store))
        for _ in range(turns):
            await asyncio.sleep(0)
        ended = running.done()
        running.cancel()
        await asyncio.wait([running], timeout=20)
        assert running.done(), "a cancelled run must end"
        assert running.cancelled() or running.exception() is None
        others = asyncio.all_tasks() - {asyncio.current_task(), running}
        assert not others, f"left behind: {others}"
    finally:
        store.close()
    gc.collect()
    return ended
