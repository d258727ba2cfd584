"""M5, F35: a PostgreSQL that restarts, forgets and falls back, and the pipeline that reads its changes."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from figures import Record
from replication import SLOT, Replication
from sizes import FULL

from services.postgres import PostgresServer, StopMode, postgres_server

ROWS = 6_000
ROUNDS = 4 if FULL else 1
SMALL: dict[str, Any] = {"max_in_flight": 300}
"""Settings that make a reading last, so that something can happen in its middle."""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        server.run_sql("CREATE TABLE orders (id int PRIMARY KEY, note text)")
        server.run_sql("CREATE TABLE lines (id int PRIMARY KEY, n int)")
        yield server


def fill(server: PostgresServer, first: int, rows: int = ROWS) -> None:
    """Insert many rows in one transaction."""
    server.run_sql(
        f"INSERT INTO orders SELECT g, 'note ' || g FROM generate_series({first}, {first + rows - 1}) g"
    )


def trickle(server: PostgresServer, first: int) -> None:
    """Insert, update and delete in many transactions."""
    server.run_sql(
        f"""DO $$ BEGIN FOR k IN {first}..{first + 500} LOOP
            INSERT INTO orders VALUES (k, 'a'); INSERT INTO lines VALUES (k, 0); COMMIT;
            UPDATE lines SET n = n + 1, id = -id WHERE id = k - 1;
            DELETE FROM orders WHERE id = k - 3; COMMIT;
        END LOOP; END $$"""
    )


def in_the_middle_of_the_snapshot(run: Replication, restart: Callable[[], None]) -> None:
    fill(run.server, 1)
    running = run.start()
    running.until(lambda: 0 < run.count("orders") < ROWS)
    restart()
    trickle(run.server, 1_000_000)
    running.until(lambda: run.lost("orders", "lines") == 0)
    assert running.stop() == 0, run.errors()


def in_the_middle_of_a_transaction(run: Replication, restart: Callable[[], None]) -> None:
    assert run.run() == 0, run.errors()
    fill(run.server, 1)
    running = run.start()
    running.until(lambda: 0 < run.count("orders") < ROWS)
    restart()
    running.until(lambda: run.lost("orders", "lines") == 0)
    assert running.stop() == 0, run.errors()


def in_the_middle_of_the_stream(run: Replication, restart: Callable[[], None]) -> None:
    assert run.run() == 0, run.errors()
    running = run.start()
    trickle(run.server, 1_000)
    running.until(lambda: run.count("orders") > 0)
    restart()
    trickle(run.server, 5_000)
    restart()
    running.until(lambda: run.lost("orders", "lines") == 0)
    assert running.stop() == 0, run.errors()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.parametrize(
    "scenario",
    [
        in_the_middle_of_the_snapshot,
        in_the_middle_of_a_transaction,
        in_the_middle_of_the_stream,
    ],
)
def test_f35_restarted_the_server_is_read_on(  # noqa: PLR0917  # fixtures
    tmp_path: Path,
    server: PostgresServer,
    postgres: str,
    figures: Record,
    mode: StopMode,
    scenario: Callable[[Replication, Callable[[], None]], None],
) -> None:
    run = Replication(tmp_path, server, postgres, **SMALL)
    for _ in range(ROUNDS):
        restarts = 0

        def restart() -> None:
            nonlocal restarts
            restarts += 1
            server.restart(mode)

        scenario(run, restart)
        assert restarts > 0
        figures("M5", restarts=restarts, rows_lost=run.lost("orders", "lines"))
        run.start_over()
        server.run_sql("TRUNCATE orders, lines")


def refuses_with_a_gap(run: Replication, says: str) -> None:
    """See that the pipeline ends with 3, says what is missing, and changes nothing."""
    before = run.rows("orders", replica=True)
    for _ in range(2):
        assert run.run() == 3
        assert "gap: " in run.errors()
        assert says in run.errors()
        assert "rivven state reset" in run.errors()
    assert run.rows("orders", replica=True) == before


def test_f35_a_dropped_slot_is_a_gap(
    tmp_path: Path, server: PostgresServer, postgres: str, figures: Record
) -> None:
    run = Replication(tmp_path, server, postgres)
    fill(server, 1, 100)
    assert run.run() == 0, run.errors()
    server.run_sql(f"SELECT pg_drop_replication_slot('{SLOT}')")
    fill(server, 1_000, 100)
    refuses_with_a_gap(run, f"slot '{SLOT}' is gone")
    assert server.run_sql("SELECT count(*) FROM pg_replication_slots") == "0"
    figures("M5", gaps=1, gaps_reported=1)


def test_f35_a_log_that_was_recycled_is_a_gap(
    tmp_path: Path, postgres: str, figures: Record
) -> None:
    with postgres_server(max_slot_wal_keep_size="1MB", max_wal_size="32MB") as server:
        server.run_sql("CREATE TABLE orders (id int PRIMARY KEY, note text)")
        fill(server, 1, 100)
        run = Replication(tmp_path, server, postgres)
        assert run.run() == 0, run.errors()
        fill(server, 1_000, 100)
        for _ in range(4):
            server.run_sql("SELECT pg_switch_wal()")
            server.run_sql("CREATE TABLE filler (); DROP TABLE filler")
        server.run_sql("CHECKPOINT")
        assert server.run_sql("SELECT wal_status FROM pg_replication_slots") == "lost"
        refuses_with_a_gap(run, "was invalidated")
    figures("M5", gaps=1, gaps_reported=1)


def test_f35_a_server_that_fell_back_to_an_older_copy_is_a_gap(
    tmp_path: Path, server: PostgresServer, postgres: str, figures: Record
) -> None:
    run = Replication(tmp_path, server, postgres)
    fill(server, 1, 100)
    assert run.run() == 0, run.errors()
    data, copy = server.folder / "data", server.folder / "copy"
    server.stop()
    subprocess.run(["cp", "-a", data, copy], check=True)
    server.start()
    fill(server, 1_000, 2_000)
    assert run.run() == 0, run.errors()
    server.stop()
    shutil.rmtree(data)
    copy.rename(data)
    server.start()
    refuses_with_a_gap(run, "older copy")
    figures("M5", gaps=1, gaps_reported=1)


@pytest.mark.parametrize("delivery", ["upsert", "transactional"])
def test_f5_f35_a_thousand_rows_at_one_position_come_once(
    tmp_path: Path, server: PostgresServer, postgres: str, figures: Record, delivery: str
) -> None:
    run = Replication(tmp_path, server, postgres, delivery=delivery, max_in_flight=100)
    assert run.run() == 0, run.errors()
    kills = 0
    points = ("after_write", "after_commit", "before_commit", "handed_off")[: 4 if FULL else 2]
    for number, point in enumerate(points):
        fill(server, 10_000 * (number + 1), 1_000)
        server.run_sql("UPDATE orders SET note = note || '+' WHERE id % 3 = 0")
        kills += run.run(f"{point}=kill@2") == -9
        assert run.run() == 0, run.errors()
        assert run.lost("orders") == 0
    assert kills == len(points), "the steps must have been met"
    figures("M5", kills=kills, rows_lost=0)


def test_f12_f35_refused_in_the_snapshot_it_is_read_on(
    tmp_path: Path, server: PostgresServer, postgres: str, figures: Record
) -> None:
    fill(server, 1, 3_000)
    retry = {"max_retries": 2, "initial_backoff_ms": 1, "max_backoff_ms": 2}
    run = Replication(tmp_path, server, postgres, max_in_flight=300, retry=retry)
    assert run.run("before_write=error:connection@4+") == 3
    taken = run.count("orders")
    assert 0 < taken < 3_000
    server.run_sql("UPDATE orders SET id = -id WHERE id % 10 = 0")
    server.run_sql("DELETE FROM orders WHERE id % 7 = 0")
    trickle(server, 10_000)
    assert run.run() == 0, run.errors()
    assert run.lost("orders", "lines") == 0
    figures("M5", refusals=1, rows_lost=0)


def test_f24_f35_drained_it_loses_nothing_and_repeats_nothing(
    tmp_path: Path, server: PostgresServer, postgres: str
) -> None:
    fill(server, 1, 500)
    run = Replication(tmp_path, server, postgres)
    running = run.start()
    running.until(lambda: run.count("orders") == 500)
    trickle(server, 1_000)
    assert running.stop() == 0, run.errors()
    trickle(server, 5_000)
    assert run.run() == 0, run.errors()
    assert run.lost("orders", "lines") == 0


@pytest.mark.parametrize("delivery", ["upsert", "transactional"])
def test_m5_pgbench_while_the_pipeline_is_killed_and_the_server_restarted(
    tmp_path: Path, postgres: str, figures: Record, delivery: str
) -> None:
    """The replica is the source, row for row."""
    seconds, kills, restarts = (60, 10, 3) if FULL else (6, 2, 1)
    chance = random.Random(f"{delivery}")
    tables = [f"pgbench_{one}" for one in ("accounts", "branches", "tellers", "history")]
    with postgres_server() as server:
        pgbench = [str(server.program("pgbench")), "-h", "127.0.0.1", "-p", str(server.port)]
        pgbench += ["-U", "postgres", "postgres"]
        subprocess.run([*pgbench, "-i", "-q", "-n"], check=True, capture_output=True)
        server.run_sql("DELETE FROM pgbench_accounts WHERE aid > 20000")
        server.run_sql("ALTER TABLE pgbench_history ADD id bigserial PRIMARY KEY")
        run = Replication(tmp_path, server, postgres, delivery=delivery)
        events = ["kill"] * kills + ["fast", "immediate", "fast"][:restarts]
        chance.shuffle(events)
        running = run.start()
        for event in events:
            load = subprocess.Popen(
                [*pgbench, "-c", "4", "-n", "-T", str(max(1, seconds // len(events)))],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            running.until_begun()
            time.sleep(chance.uniform(0, 0.5) * seconds / len(events))
            if event == "kill":
                running.kill()
                running = run.start()
            else:
                server.restart("fast" if event == "fast" else "immediate")
            load.wait()
        assert int(server.run_sql("SELECT count(*) FROM pgbench_history")) > 0
        assert running.stop() == 0, run.errors()
        assert run.run() == 0, run.errors()
        lost = run.lost(*tables)
        changes = int(server.run_sql("SELECT count(*) FROM pgbench_history")) * 4
    assert lost == 0
    figures("M5", changes=changes, kills=kills, restarts=restarts, rows_lost=lost)
