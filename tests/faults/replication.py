"""A server whose tables a pipeline replicates: run in a process, killed, and compared with its source."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from services.postgres import PostgresServer

DEADLINE_S = 180.0
SLOT = "replica"
_COMMAND = (sys.executable, "-c", "from rivven_connect.cli import main; main()")


class Replication:
    """One pipeline from a database to another; `delivery` is the sink's, `settings` the pipeline's."""

    def __init__(
        self,
        folder: Path,
        server: PostgresServer,
        target: str,
        *,
        delivery: str = "upsert",
        **settings: Any,
    ) -> None:
        self.folder = folder
        self.server = server
        self._target = target
        self._delivery = delivery
        self._starts = 0
        self._settings = {
            "retry": {"max_retries": 30, "initial_backoff_ms": 50, "max_backoff_ms": 500},
            **settings,
        }

    def start(self, mode: str = "follow", failpoints: str = "", **config: Any) -> Running:
        """Start the pipeline; `follow` runs until it is ended, `catch_up` to what is there now."""
        source = {
            "connection_string": self.server.dsn,
            "slot_name": SLOT,
            "mode": mode,
            "heartbeat_interval_ms": 500,
            **config,
        }
        sink = {
            "connector": "postgres",
            "topics": ["shop"],
            "config": {"connection_string": self._target},
            "delivery": self._delivery,
            "mode": "upsert",
            "batch": {"max_wait_ms": 50},
        }
        pipeline = {
            "version": "1.0",
            "sources": {"shop": {"connector": "postgres-cdc", "config": source}},
            "sinks": {"replica": sink},
            "settings": self._settings,
        }
        (self.folder / "pipeline.yaml").write_text(json.dumps(pipeline), encoding="utf-8")
        self._starts += 1
        return Running(self.folder, failpoints, self._starts)

    def run(self, failpoints: str = "", **config: Any) -> int:
        """Run up to what is there now; return the exit code."""
        return self.start("catch_up", failpoints, **config).ended()

    def start_over(self) -> None:
        """Forget what was saved and what was written, slot and publication included."""
        self.server.run_sql(f"SELECT pg_drop_replication_slot('{SLOT}')")
        self.server.run_sql("DROP PUBLICATION rivven_pub")
        with psycopg.connect(self._target, autocommit=True) as connection:
            connection.execute(b"DROP SCHEMA public CASCADE")
            connection.execute(b"CREATE SCHEMA public")
        shutil.rmtree(self.folder / ".rivven-state")

    def errors(self) -> str:
        """Return what the runs said on standard error."""
        return (self.folder / "stderr").read_text(encoding="utf-8")

    def count(self, table: str) -> int:
        """Return how many rows the replica of a table has; 0 while there is none."""
        try:
            with psycopg.connect(self._target, autocommit=True) as connection:
                row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        except psycopg.errors.UndefinedTable:
            return 0
        return int(row[0]) if row else 0

    def rows(self, table: str, *, replica: bool) -> dict[str, int]:
        """Return each row as JSON, and how often it is there."""
        dsn = self._target if replica else self.server.dsn
        # The columns of our own are no rows of the table's.
        query = f"""SELECT (to_jsonb(t) - ARRAY(SELECT k FROM jsonb_object_keys(to_jsonb(t)) k
            WHERE k LIKE '\\_rivven%'))::text, count(*) FROM {table} t GROUP BY 1"""
        with psycopg.connect(dsn, autocommit=True) as connection:
            return dict(connection.execute(query.encode()).fetchall())

    def lost(self, *tables: str) -> int:
        """Return how many rows of the tables differ, or are there too often or too rarely."""
        differing = 0
        for table in tables:
            ours = self.rows(table, replica=True)
            theirs = self.rows(table, replica=False)
            keys = ours.keys() | theirs.keys()
            differing += sum(ours.get(key) != theirs.get(key) for key in keys)
        return differing


class Running:
    """A pipeline at work, the `number`th of its folder."""

    def __init__(self, folder: Path, failpoints: str, number: int) -> None:
        self._log = folder / "stderr"
        self._number = number
        with self._log.open("a") as errors:
            self.process = subprocess.Popen(
                [*_COMMAND, "run", "pipeline.yaml", "--json", "--allow-inline-secrets"],
                cwd=folder,
                env={**os.environ, "RIVVEN_FAILPOINTS": failpoints},
                stdout=errors,
                stderr=errors,
            )

    def until_begun(self) -> None:
        """Wait until it has begun, so that signals mean what they should."""
        self.until(lambda: self._log.read_text("utf-8").count("pipeline started") >= self._number)

    def kill(self) -> None:
        """Kill it."""
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL

    def stop(self) -> int:
        """Let it drain; return its exit code."""
        self.until_begun()
        self.process.terminate()
        return self.ended()

    def ended(self) -> int:
        """Wait for its end; return its exit code."""
        try:
            return self.process.wait(timeout=DEADLINE_S)
        finally:
            self.process.kill()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds, while the pipeline runs."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert self.process.poll() is None, "the pipeline ended"
            if time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                raise AssertionError("it does not come to that")
            time.sleep(0.02)
