"""B-W4: changes of PostgreSQL to JSON Lines, beside PostgreSQL's own program that writes them to a file."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from cases import FLOOR, Case, Limit
from measure import ROOT, Command, tool

sys.path.insert(0, str(ROOT))

from services.postgres import PostgresServer, postgres_server

COUNT = int(os.environ.get("BENCH_RECORDS", "260000"))
_OURS = "rivven run"
_PER_TRANSACTION = 100
_CHANGES = """DO $$ BEGIN
    FOR n IN 0..{inserts} LOOP
        INSERT INTO orders SELECT g, g % 9973, 'new', (g % 10000) / 100.0, 'order number ' || g
        FROM generate_series(n * {size} + 1, (n + 1) * {size}) g;
        COMMIT;
    END LOOP;
    FOR n IN 0..{updates} LOOP
        UPDATE orders SET status = 'paid', total = total + 1
        WHERE id BETWEEN n * {size} + 1 AND (n + 1) * {size};
        COMMIT;
    END LOOP;
    FOR n IN 0..{deletes} LOOP
        DELETE FROM orders WHERE id BETWEEN n * {size} + 1 AND (n + 1) * {size};
        COMMIT;
    END LOOP;
END $$"""
"""200 inserts, 50 updates and 10 deletes of each 260 changes."""


def _build(folder: Path) -> Mapping[str, Command]:
    """Make the changes once; each run gets a slot of its own that stands before them."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    server = stack.enter_context(postgres_server(max_wal_size="4GB", shared_buffers="256MB"))
    units = COUNT // 26 // _PER_TRANSACTION
    server.run_sql(
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL, status text NOT NULL, "
        "total numeric(10,2) NOT NULL, note text, created_at timestamptz NOT NULL DEFAULT now())"
    )
    server.run_sql("CREATE PUBLICATION bench FOR TABLE orders")
    server.run_sql("SELECT pg_create_logical_replication_slot('origin', 'pgoutput')")
    server.run_sql(
        _CHANGES.format(
            size=_PER_TRANSACTION,
            inserts=20 * units - 1,
            updates=5 * units - 1,
            deletes=units - 1,
        )
    )
    end = server.run_sql("SELECT pg_current_wal_flush_lsn()")
    changes = 26 * units * _PER_TRANSACTION
    return {FLOOR: _floor(server, folder, end), _OURS: _ours(server, folder, changes)}


def _fresh_slot(server: PostgresServer, name: str) -> None:
    server.run_sql(
        f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{name}'"
    )
    server.run_sql(f"SELECT pg_copy_logical_replication_slot('origin', '{name}')")


def _floor(server: PostgresServer, folder: Path, end: str) -> Command:
    argv = [str(server.program("pg_recvlogical")), "-d", server.dsn, "--slot", "theirs", "--start"]
    argv += ["-o", "proto_version=1", "-o", "publication_names=bench"]
    argv += ["--endpos", end, "-f", "changes.bin"]

    def prepare() -> None:
        (folder / "changes.bin").unlink(missing_ok=True)
        _fresh_slot(server, "theirs")

    return Command(argv, folder, prepare=prepare)


def _ours(server: PostgresServer, folder: Path, changes: int) -> Command:
    place = folder / "ours"
    place.mkdir()
    config = {
        "connection_string": server.dsn,
        "slot_name": "ours",
        "publication_name": "bench",
        "snapshot": {"mode": "never"},
        "mode": "catch_up",
    }
    pipeline = {
        "version": "1.0",
        "sources": {"shop": {"connector": "postgres-cdc", "config": config}},
        "sinks": {
            "out": {"connector": "jsonl", "topics": ["shop"], "config": {"path": "out.jsonl"}}
        },
    }
    (place / "pipeline.yaml").write_text(json.dumps(pipeline), encoding="utf-8")

    def prepare() -> None:
        shutil.rmtree(place / ".rivven-state", ignore_errors=True)
        (place / "out.jsonl").unlink(missing_ok=True)
        _fresh_slot(server, "ours")

    argv = [tool("rivven"), "run", "pipeline.yaml", "--allow-inline-secrets"]
    return Command(argv, place, prepare=prepare, accept=functools.partial(_accept, place, changes))


def _accept(place: Path, changes: int, printed: str) -> None:
    with (place / "out.jsonl").open("rb") as file:
        arrived = sum(1 for _ in file)
    if arrived != changes:
        raise AssertionError(f"{arrived} of {changes} changes arrived\n{printed}")


CASES = (
    Case(
        "W4",
        "260k PostgreSQL changes (200k inserts, 50k updates, 10k deletes) -> JSONL",
        "`pg_recvlogical` to a file",
        _build,
        limits=(Limit(_OURS, "wall ratio", 3.0),),
    ),
)
