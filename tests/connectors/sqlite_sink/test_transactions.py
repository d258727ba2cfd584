# ruff: noqa: ASYNC221  # a test has its loop for itself
from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from rivven_connect import Batch, Checkpoint, ConnectorError, SourceEvent
from rivven_connect._batch import UnfinishedSync
from rivven_connect.connectors.sqlite_sink import SqliteSink

from .sqlite_kit import UPSERT, Warehouse, event, stream


def records(*numbers: int, to: str = "s") -> list[SourceEvent]:
    return [event({"id": n}, to=to) for n in numbers]


async def test_rows_and_checkpoint_come_together(opened: Callable[..., Warehouse]) -> None:
    lake = opened()
    assert await lake.checkpoint() is None
    await lake.prepare(stream())
    await lake.commit(*records(1, 2), changed={"s": {"at": 2, "seen": [[2]]}}, epoch=1)
    await lake.commit(changed={"t": {"at": "ü"}}, epoch=2)
    await lake.commit(*records(3), changed={"s": {"at": 3}}, epoch=3)
    assert lake.rows() == [(1, None), (2, None), (3, None)]
    assert await opened().checkpoint() == {"s": {"at": 3}, "t": {"at": "ü"}}


async def test_the_first_transaction_of_a_run_holds_the_whole_checkpoint(
    opened: Callable[..., Warehouse],
) -> None:
    state = {"old": {"at": 9}, "s": {"at": 0}}
    await opened().commit(*records(1), state=state, changed={"s": {"at": 1}})
    assert await opened().checkpoint() == {"old": {"at": 9}, "s": {"at": 1}}


async def test_a_source_that_a_run_does_not_have_keeps_its_state(lake: Warehouse) -> None:
    for source in ("paused", "src"):
        states = {source: {"s": {"at": source}}}
        batch = Batch("pipe", "lake", 1, [], Checkpoint(states, states))
        await lake.sink.write_transaction(lake.config, batch)
    found = await lake.sink.committed_checkpoint(lake.config, "pipe", "lake")
    assert found is not None
    assert found.state == {source: {"s": {"at": source}} for source in ("paused", "src")}


async def test_a_stream_that_was_reset_is_gone_from_the_checkpoint(
    opened: Callable[..., Warehouse],
) -> None:
    await opened().commit(changed={"s": {"at": 1}, "reset": {"at": 1}})
    await opened().commit(state={"s": {"at": 1}})
    assert await opened().checkpoint() == {"s": {"at": 1}}


async def test_checkpoints_of_pipelines_and_sinks_stay_apart(lake: Warehouse) -> None:
    for pipeline, sink in (("a", "x"), ("a", "y"), ("b", "x"), ("a x", "")):
        states = {"src": {"s": {"who": f"{pipeline}/{sink}"}}}
        batch = Batch(pipeline, sink, 1, [], Checkpoint(states, states))
        await lake.sink.write_transaction(lake.config, batch)
    for pipeline, sink in (("a", "x"), ("a", "y"), ("b", "x"), ("a x", "")):
        found = await lake.sink.committed_checkpoint(lake.config, pipeline, sink)
        assert found is not None
        assert found.state == {"src": {"s": {"who": f"{pipeline}/{sink}"}}}
        assert found.changed == {}
    assert await lake.sink.committed_checkpoint(lake.config, "b", "y") is None


async def test_a_failure_means_that_nothing_was_committed(lake: Warehouse) -> None:
    await lake.prepare(stream())
    await lake.commit(*records(1), changed={"s": {"at": 1}})
    bad = event({"id": "text"})
    result = await lake.commit(*records(2), bad, *records(3), changed={"s": {"at": 3}}, epoch=2)
    assert (result.records_written, [one.event for one in result.failed_events]) == (0, [bad])
    assert lake.rows("id") == [1]
    assert await lake.checkpoint() == {"s": {"at": 1}}
    await lake.commit(*records(2, 3), changed={"s": {"at": 3}}, epoch=2)
    assert lake.rows("id") == [1, 2, 3]


async def test_no_batch_is_skipped_by_its_epoch(lake: Warehouse) -> None:
    for n, epoch in enumerate((5, 5, 1, 4)):
        await lake.commit(*records(n), epoch=epoch)
    assert lake.rows("id") == [0, 1, 2, 3]


async def test_a_stale_twin_writes_nothing_more(opened: Callable[..., Warehouse]) -> None:
    old, new = opened(), opened()
    await old.checkpoint()
    await old.commit(*records(1), changed={"s": {"at": 1}})
    await new.checkpoint()
    for _ in range(2):
        with pytest.raises(ConnectorError, match="another process now writes") as caught:
            await old.commit(*records(2), changed={"s": {"at": 2}})
        assert caught.value.fatal
    await new.commit(*records(3), changed={"s": {"at": 3}})
    assert new.rows("id") == [1, 3]
    assert await new.checkpoint() == {"s": {"at": 3}}


async def test_a_twin_that_never_wrote_is_stale_as_well(opened: Callable[..., Warehouse]) -> None:
    old, new = opened(), opened()
    await old.checkpoint()
    await new.checkpoint()
    for _ in range(2):
        with pytest.raises(ConnectorError, match="another process now writes"):
            await old.commit(*records(2), changed={"s": {"at": 2}})
    assert await new.checkpoint() is None


async def test_a_damaged_checkpoint_is_never_taken_for_none(lake: Warehouse) -> None:
    await lake.commit(changed={"s": {"at": 1}})
    for text in ("", "[1]", "{"):
        with contextlib.closing(sqlite3.connect(lake.path)) as one:
            one.execute("UPDATE _rivven_checkpoints SET state = ?", (text,))
            one.commit()
        with pytest.raises(
            ConnectorError, match=r"checkpoint of source 'src', stream 's' is damaged"
        ):
            await lake.checkpoint()


async def test_plain_writes_touch_no_checkpoint(lake: Warehouse) -> None:
    await lake.prepare(stream())
    await lake.write(*records(1))
    batch = Batch("", "", 0, records(2), Checkpoint({}, {}))
    await lake.sink.write_transaction(lake.config, batch)
    assert lake.rows("id") == [1, 2]
    assert lake.tables() == {"s"}


WRITER = """
import asyncio, os, signal, sqlite3, sys
from rivven_connect import Batch, Checkpoint, SourceEvent
from rivven_connect.connectors.sqlite_sink import SqliteSink
from rivven_connect.connectors.sqlite_sink._generated import SqliteSinkConfig
from rivven_connect.connectors.sqlite_sink.database import Database

path, journal, kill_at = sys.argv[1], sys.argv[2], int(sys.argv[3])
real, hits = sqlite3.connect, 0

def connect(*args, **options):
    connection = real(*args, **options)
    connection.execute("PRAGMA cache_size = 5")  # dirty pages reach the file before the commit
    return connection

def before_commit(self):
    global hits
    hits += 1
    if hits == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

sqlite3.connect = connect
Database._require_same_file = before_commit

async def main():
    config, sink = SqliteSinkConfig(path=path, journal_mode=journal), SqliteSink()
    found = await sink.committed_checkpoint(config, "pipe", "lake")
    start = found.state["src"]["s"]["at"] if found else 0
    for epoch in range(50):
        numbers = range(start, start + 200)
        start += 200
        state = {"src": {"s": {"at": start}}}
        events = [SourceEvent.record("s", {"id": n, "x": "y" * 99}) for n in numbers]
        result = await sink.write_transaction(
            config, Batch("pipe", "lake", epoch, events, Checkpoint(state, state)))
        assert not result.has_failures()

asyncio.run(main())
"""


@pytest.mark.parametrize("journal", ["delete", "wal"])
async def test_killed_inside_transactions_nothing_is_lost_or_doubled(
    opened: Callable[..., Warehouse], journal: str
) -> None:
    lake = opened()
    at = expected = 0
    for kill_at in (2, 4, 3, 6, 5):  # odd: as a transaction begins; even: as it would commit
        run = subprocess.run(
            [sys.executable, "-c", WRITER, str(lake.path), journal, str(kill_at)],
            timeout=60,
            check=False,
        )
        assert run.returncode == -signal.SIGKILL
        left = lake.path.with_name(f"{lake.path.name}-{'wal' if journal == 'wal' else 'journal'}")
        assert left.exists() or kill_at % 2
        assert (await lake.sink.check(lake.config)).is_success()
        expected += 200 * max(0, (kill_at - 1) // 2 - 1)
        state = await opened().checkpoint()
        at = state["s"]["at"] if state else 0
        assert (lake.rows("id") if at else []) == list(range(at))
        assert at == expected


async def test_a_killed_writer_keeps_what_it_had_committed(
    opened: Callable[..., Warehouse],
) -> None:
    lake = opened()
    run = subprocess.run(
        [sys.executable, "-c", WRITER, str(lake.path), "delete", "7"], timeout=60, check=False
    )
    assert run.returncode == -signal.SIGKILL
    assert (await lake.checkpoint())["s"]["at"] == len(lake.rows("id")) > 0


async def test_a_new_attempt_replaces_the_rows_of_an_unfinished_one(lake: Warehouse) -> None:
    await lake.prepare(stream(), stream("other"))
    await lake.commit(*records(0), changed={"s": {"at": 0}})
    await lake.commit(*records(1, 2), sync="s first")
    await lake.commit(*records(7, to="other"), sync="other first")
    await lake.commit(*records(3), sync="s first")
    await lake.commit(*records(1), sync="s second")
    assert (lake.rows("id"), lake.rows("id", "other")) == ([0, 1], [7])
    await lake.commit(sync="s third")
    assert (lake.rows("id"), lake.rows("id", "other")) == ([0], [7])


@pytest.mark.parametrize("key", ["s", "_state"])
async def test_a_checkpoint_makes_rows_final(lake: Warehouse, key: str) -> None:
    await lake.commit(*records(1, 2), sync="s first")
    await lake.commit(*records(3), changed={key: {"complete": 1}})
    await lake.commit(*records(1), sync="s second")
    await lake.commit(sync="s third")
    assert lake.rows("id") == [1, 2, 3]
    await lake.checkpoint()
    assert lake.rows("id") == [1, 2, 3]


@pytest.mark.parametrize("key", ["s/part", "other", "S"])
async def test_a_checkpoint_of_something_else_does_not(lake: Warehouse, key: str) -> None:
    await lake.commit(*records(1), sync="s first")
    await lake.commit(*records(2), changed={key: {"complete": 1}})
    await lake.commit(sync="s second")
    assert lake.rows("id") == [2]


async def test_a_new_run_removes_what_will_be_read_again(opened: Callable[..., Warehouse]) -> None:
    lake = opened()
    await lake.commit(*records(1), changed={"s": {"at": 1}})
    await lake.commit(*records(2), sync="s first")
    await lake.commit(*records(3, to="routed"), sync="s first")
    batch = Batch(
        "pipe", "pond", 1, records(4), Checkpoint({}, {}), UnfinishedSync("src", "s", "x")
    )
    await lake.sink.write_transaction(lake.config, batch)
    lake = opened()
    assert await lake.checkpoint() == {"s": {"at": 1}}
    assert (lake.rows("id"), lake.rows("id", "routed")) == ([1, 4], [])


async def test_other_sources_streams_and_sinks_keep_their_unfinished_rows(
    lake: Warehouse,
) -> None:
    await lake.commit(*records(1), sync="s first")
    for number, sync in enumerate((("b", "s"), ("src", "t"))):
        await lake.sink.write_transaction(
            lake.config,
            Batch(
                "pipe",
                "lake",
                1,
                records(2 + number),
                Checkpoint({}, {}),
                UnfinishedSync(*sync, "x"),
            ),
        )
    batch = Batch("elsewhere", "lake", 1, [], Checkpoint({}, {}), UnfinishedSync("src", "s", "x"))
    await lake.sink.write_transaction(lake.config, batch)
    assert lake.rows("id") == [1, 2, 3]


async def test_what_is_upserted_by_primary_key_is_not_replaced(lake: Warehouse) -> None:
    await lake.prepare(stream(mode=UPSERT, key=[["id"]]))
    await lake.commit(*records(1), sync="s first")
    await lake.commit(*records(2), sync="s second")
    assert lake.rows("id") == [1, 2]


async def test_our_key_never_makes_a_final_row_provisional(lake: Warehouse) -> None:
    await lake.prepare(stream(mode=UPSERT))
    await lake.commit(event({"id": 1}, position=1), changed={"s": {"complete": 1}})
    news = [event({"id": 10 * n}, position=n) for n in (1, 2)]
    await lake.commit(*news, sync="s first")
    assert lake.rows("id") == [10, 20]
    await lake.commit(sync="s second")
    assert lake.rows("id") == [10]


async def test_a_failed_batch_of_a_new_attempt_removes_nothing(lake: Warehouse) -> None:
    await lake.prepare(stream())
    await lake.commit(*records(1), sync="s first")
    assert (await lake.commit(event({"id": "x"}), sync="s second")).has_failures()
    assert lake.rows("id") == [1]


async def test_crashes_at_any_batch_leave_each_record_once(tmp_path: Path) -> None:
    names = ["a", "b"]
    for seed in range(8):
        chance = random.Random(seed)
        lake = Warehouse(tmp_path / f"{seed}.db")
        done: set[str] = set()
        attempt = 0
        while done != set(names):
            attempt += 1
            assert attempt < 9
            await lake.sink.close()
            lake = Warehouse(lake.path)
            done = set(await lake.checkpoint() or ())
            for name in sorted(set(names) - done):
                for start in range(0, 12, 3):
                    if attempt <= 6 and chance.random() < 0.2:
                        break
                    batch = records(*range(start, start + 3), to=name)
                    if start < 9:
                        await lake.commit(*batch, sync=f"{name} {attempt}")
                    else:
                        done.add(name)
                        state = {one: {"complete": 1} for one in done}
                        await lake.commit(*batch, state=state, changed={name: state[name]})
            done = set(await lake.checkpoint() or ())
        await lake.sink.close()
        for name in names:
            assert Counter(lake.rows("id", name)) == Counter(range(12)), seed


async def test_a_cancelled_call_does_not_disturb_the_next(lake: Warehouse) -> None:
    await lake.prepare(stream())
    task = asyncio.create_task(lake.write(*records(*range(20_000))))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await lake.write(*records(-1))
    await lake.sink.close()
    found = lake.rows("id")
    assert found[-1] == -1
    assert len(found) in (1, 20_001)
    assert isinstance(lake.sink, SqliteSink)
