"""Whole pipelines from a real server: it stops in mid-read, we are killed, and rows are many."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rivven_connect._registry import Registries
from rivven_connect.pipeline import (
    RunSummary,
    StateStore,
    load_pipeline,
    plan_pipeline,
    run_pipeline,
)
from services.postgres import PostgresServer, StopMode, postgres_server

from .shop import Shop

pytestmark = pytest.mark.usefixtures("environment")

ROWS = 20_000
TIED = {"mode": "timestamp", "column": "at"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DSN", "")


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that only these tests restart."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def own_shop(own_server: PostgresServer) -> Iterator[Shop]:
    with own_server.database("shop") as dsn:
        yield Shop(dsn)


def filled(
    shop: Shop, rows: int = ROWS, at: str = "'2026-01-01'::timestamptz + i / 100 * interval '1 s'"
) -> None:
    shop.sql(
        "CREATE TABLE t (id int8 PRIMARY KEY, at timestamptz, v text)",
        f"INSERT INTO t SELECT i, {at}, repeat('v', 500) FROM generate_series(1, {rows}) i",
        "ANALYZE t",
    )


def pipeline(folder: Path, shop: Shop, rate: float = 0, **config: Any) -> Path:
    os.environ["SHOP_DSN"] = shop.dsn
    path = folder / "pipeline.yaml"
    value = {
        "version": "1.0",
        "sources": {
            "shop": {
                "connector": "postgres",
                "rate_limit": {"events_per_second": rate},
                "config": {"connection_string": "${env:SHOP_DSN}", "batch_size": 200, **config},
            }
        },
        "sinks": {
            "out": {
                "connector": "jsonl",
                "topics": ["shop"],
                "config": {"path": str(folder / "out.jsonl")},
            }
        },
        "settings": {
            "max_in_flight": 2000,
            "retry": {"max_retries": 60, "initial_backoff_ms": 50, "max_backoff_ms": 200},
        },
    }
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def run(path: Path, disturb: Any = None) -> RunSummary:
    """Run a pipeline in this process, beside `disturb(lines)`, which gets the sink's file."""
    plan = plan_pipeline(load_pipeline(path), Registries.installed())
    store = StateStore.open(plan.state_dir, plan.name)

    async def drive() -> RunSummary:
        running = asyncio.ensure_future(run_pipeline(plan, store=store))
        if disturb is not None:
            await asyncio.to_thread(disturb, running)
        return await running

    try:
        return asyncio.run(asyncio.wait_for(drive(), 120))
    finally:
        store.close()


def ids(folder: Path) -> list[int]:
    path = folder / "out.jsonl"
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [msgspec.json.decode(line)["id"] for line in lines]


def wait_for_lines(folder: Path, count: int, ended: Any) -> None:
    """Return when the sink's file has so many lines, or the run has ended."""
    deadline = time.monotonic() + 60
    path = folder / "out.jsonl"
    while not ended() and (not path.exists() or path.read_bytes().count(b"\n") < count):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.parametrize(
    "config", [{"read": TIED}, {"partition_rows": 4000}, {"partition_rows": 0}]
)
def test_f12_a_restart_of_the_server_in_mid_read_loses_nothing(
    tmp_path: Path,
    own_server: PostgresServer,
    own_shop: Shop,
    mode: StopMode,
    config: dict[str, Any],
) -> None:
    filled(own_shop)
    path = pipeline(tmp_path, own_shop, 15_000, **config)

    def restart(running: asyncio.Future[RunSummary]) -> None:
        wait_for_lines(tmp_path, 2000, running.done)
        assert not running.done()
        own_server.restart(mode)

    run(path, restart)
    found = ids(tmp_path)
    assert set(found) == set(range(1, ROWS + 1))
    if "read" in config:
        assert len(found) == ROWS, "resume points, and a sink that stays open: nothing comes twice"
    assert ids(tmp_path) == found
    run(path)
    again = len(ids(tmp_path)) - len(found)
    assert again == (0 if "read" in config else ROWS)


def test_f34_killed_among_ties_a_pipeline_loses_nothing(tmp_path: Path, shop: Shop) -> None:
    filled(shop, 5000, at="'2026-01-01'")
    path = pipeline(tmp_path, shop, 5_000, read=TIED)
    command = [
        sys.executable,
        "-c",
        "from rivven_connect.cli import main; main()",
        "run",
        str(path),
    ]
    for share in (1, 1200, 2600):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_lines(tmp_path, share, lambda one=process: one.poll() is not None)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = ids(tmp_path)
    assert set(found) == set(range(1, 5001))
    assert len(found) <= 5000 + 3 * 2000, "no more than the window comes twice by a kill"


def test_memory_is_bounded_however_many_rows_there_are(tmp_path: Path, shop: Shop) -> None:
    """A hundred thousand rows take as much memory as ten thousand, give or take a page."""
    script = (
        "import resource\n"
        "from rivven_connect.cli import main\n"
        "try: main()\n"
        "except SystemExit as error: assert not error.code, error.code\n"
        "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    peaks = []
    for rows in (10_000, 100_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        shop.sql("DROP TABLE IF EXISTS t")
        filled(shop, rows)
        path = pipeline(folder, shop, read={"mode": "incrementing", "column": "id"})
        done = subprocess.run(
            [sys.executable, "-c", script, "run", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.split("peak")[1].split()[0]) / 1024)
        assert len(ids(folder)) == rows
    assert peaks[1] - peaks[0] < 20, peaks
