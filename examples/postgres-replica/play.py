"""The changes of a PostgreSQL database to a replica: `make example-postgres-replica`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent), str(_HERE.parents[1])]

from stage import ROOT, Stage  # noqa: E402  # found by the line above

from services.postgres import PostgresServer, postgres_server  # noqa: E402

_PATIENCE_S = 60


def main() -> None:
    """Play it; stop at the first step that fails."""
    stage = Stage(
        ".examples/postgres-replica",
        "A PostgreSQL database, followed change by change into another one.",
    )
    with (
        postgres_server() as server,
        server.database("shop") as shop,
        server.database("replica") as replica,
    ):
        stage.step("A database with the tables of pgbench, and an empty one.")
        _pgbench(server, "--initialize", "--quiet")
        stage.give(SHOP_DSN=shop, REPLICA_DSN=replica)

        stage.step("The pipeline: a snapshot first, then every change, for as long as it runs.")
        stage.copy(_HERE.relative_to(ROOT) / "pipeline.yaml", stage.folder.relative_to(ROOT))
        with stage.running("run", "pipeline.yaml"):
            stage.say("pgbench: four clients change what they can for three seconds")
            _pgbench(server, "--client", "4", "--time", "3", "--no-vacuum")
            _wait_until_equal(stage, server)

        stage.step("It stopped, and the shop went on. It starts where it was.")
        _pgbench(server, "--client", "4", "--time", "1", "--no-vacuum")
        with stage.running("run", "pipeline.yaml"):
            _wait_until_equal(stage, server)


def _wait_until_equal(stage: Stage, server: PostgresServer) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not (equal := _rows(server, "replica") == _rows(server, "shop")):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    stage.prove("replica and shop are equal, row for row", equal)


def _rows(server: PostgresServer, database: str) -> list[str]:
    """Return the rows of all tables, as text; of tables that are still to come, none."""
    try:
        return [
            server.run_sql(f"TABLE {table} ORDER BY {key}", database)
            for table, key in (
                ("pgbench_accounts", "aid"), ("pgbench_branches", "bid"), ("pgbench_tellers", "tid")
            )
        ]  # fmt: skip
    except RuntimeError:
        return []


def _pgbench(server: PostgresServer, *options: str) -> None:
    server.run_program("pgbench", *options, server.dsn_of("shop"))


if __name__ == "__main__":
    main()
