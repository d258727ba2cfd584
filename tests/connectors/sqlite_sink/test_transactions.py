# ruff: noqa: ASYNC221  # a test has its loop for itself
from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlite_warehouse import SqliteWarehouse

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
    opened: Callable[..., SqliteWarehouse], journal: str
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
    opened: Callable[..., SqliteWarehouse],
) -> None:
    lake = opened()
    run = subprocess.run(
        [sys.executable, "-c", WRITER, str(lake.path), "delete", "7"], timeout=60, check=False
    )
    assert run.returncode == -signal.SIGKILL
    assert (await lake.checkpoint())["s"]["at"] == len(lake.rows("id")) > 0
