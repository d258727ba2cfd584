"""PostgreSQL to Parquet files on S3: `make example-postgres-to-lake`."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent), str(_HERE.parents[1])]

import pyarrow.parquet as pq  # noqa: E402  # found by the line above, as all that follows
from pyarrow import fs  # noqa: E402
from stage import ROOT, Stage, count  # noqa: E402

from services.object_store import (  # noqa: E402
    ACCESS_KEY_ID,
    REGION,
    SECRET_ACCESS_KEY,
    ObjectStore,
    object_store,
)
from services.postgres import postgres_server  # noqa: E402

_SHOP = """
    CREATE TABLE orders (
        id bigint PRIMARY KEY, customer text NOT NULL, total numeric(10, 2) NOT NULL,
        status text NOT NULL DEFAULT 'placed', updated_at timestamptz NOT NULL
    );
    INSERT INTO orders SELECT n, 'customer-' || n % 97, n * 2.5, 'placed',
        timestamptz '2026-01-01 00:00Z' + n / 2 * interval '1 minute'
    FROM generate_series(1, 20000) AS n;
"""
_DAY_AFTER = """
    UPDATE orders SET status = 'shipped', updated_at = '2026-02-01 08:00Z' WHERE id <= 100;
    INSERT INTO orders SELECT n, 'customer-' || n % 97, n * 2.5, 'placed', '2026-02-01 09:00Z'
    FROM generate_series(20001, 20500) AS n;
"""


def main() -> None:
    """Play it; stop at the first step that fails."""
    stage = Stage(
        ".examples/postgres-to-lake", "Orders of a PostgreSQL database, as Parquet files on S3."
    )
    with postgres_server() as server, server.database("shop") as shop, object_store() as store:
        stage.step("A PostgreSQL with 20,000 orders, and an empty bucket.")
        server.run_sql(_SHOP, "shop")
        store.create_bucket("lake")
        stage.give(
            SHOP_DSN=shop,
            S3_ENDPOINT=store.endpoint,
            AWS_ACCESS_KEY_ID=ACCESS_KEY_ID,
            AWS_SECRET_ACCESS_KEY=SECRET_ACCESS_KEY,
        )

        stage.step("The pipeline: incremental by `updated_at`, a folder for each day of arrival.")
        stage.copy(_HERE.relative_to(ROOT) / "pipeline.yaml", stage.folder.relative_to(ROOT))
        stage.say(stage.rivven("run", "pipeline.yaml", cwd=stage.folder))
        wanted = {int(line) for line in server.run_sql("SELECT id FROM orders", "shop").split()}
        stage.prove("the lake holds every order, each once", _ids(store) == sorted(wanted))

        stage.step("A day after: a hundred orders were shipped, and five hundred came.")
        server.run_sql(_DAY_AFTER, "shop")
        again = stage.rivven("run", "pipeline.yaml", cwd=stage.folder)
        stage.say(again)
        stage.prove("only these 600 were added", count(again, "sink") == 600)
        stage.prove("and they are in the lake", len(_ids(store)) == len(wanted) + 600)


def _ids(store: ObjectStore) -> list[int]:
    """Return the ids in all Parquet files of the lake, in order."""
    lake = fs.S3FileSystem(
        access_key=ACCESS_KEY_ID,
        secret_key=SECRET_ACCESS_KEY,
        region=REGION,
        endpoint_override=store.endpoint,
    )
    found = lake.get_file_info(fs.FileSelector("lake", recursive=True))
    paths = [one.path for one in found if one.path.endswith(".parquet")]
    return sorted(
        number
        for path in paths
        for number in pq.read_table(lake.open_input_file(path), columns=["id"])["id"].to_pylist()
    )


if __name__ == "__main__":
    main()
