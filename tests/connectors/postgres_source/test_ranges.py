"""Large tables: split into ranges that are read at once, and not again after a crash."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rivven_connect.connectors.postgres_source import PostgresSource

from .shop import Shop

ROWS = 2000


def filled(shop: Shop, key: str, values: str) -> None:
    shop.sql(
        f"CREATE TABLE t ({key}, v text)",
        f"INSERT INTO t SELECT {values}, 'v' || i FROM generate_series(1, {ROWS}) i",
        "ANALYZE t",
    )


async def planned(shop: Shop, range_rows: int) -> list[Any]:
    source = PostgresSource()
    config = shop.config(partition_rows=range_rows)
    end = await source.latest(config, "public.t")
    return list(await source.plan(config, "public.t", None, end))


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("id int8 PRIMARY KEY", "i * 3 - 3000"),
        ("id int2 PRIMARY KEY", "i"),
        ("id int8, PRIMARY KEY (id)", "i * i"),
        ("id uuid PRIMARY KEY", "md5(i::text)::uuid"),
        ("id text PRIMARY KEY", "chr(65 + i % 50) || ' ''\"%\\' || i"),
        ('id text COLLATE "C" PRIMARY KEY', "'é' || i"),
        ("id char(8) PRIMARY KEY", "i::text"),
        ("id numeric PRIMARY KEY", "i * 1.01"),
        ("id float4 PRIMARY KEY", "i / 3.0"),
        ("id timestamptz PRIMARY KEY", "'2026-01-01'::timestamptz + i * interval '1.5 s'"),
        ("id bytea PRIMARY KEY", "decode(md5(i::text), 'hex')"),
        ("id inet PRIMARY KEY", "'10.0.0.0'::inet + i"),
        ("k text, id int, PRIMARY KEY (k, id)", "(i % 3)::text, i"),
        (
            "k date, id int, b bool, PRIMARY KEY (b, k, id)",
            "'2026-01-01'::date + i % 7, i, i % 2 = 0",
        ),
    ],
)
async def test_every_row_is_in_one_range(shop: Shop, key: str, values: str) -> None:
    filled(shop, key, values)
    ranges = await planned(shop, 150)
    assert 5 <= len(ranges) <= 14
    for concurrency in (1, 3):
        got = await shop.read(partition_rows=150, batch_size=64, concurrency=concurrency)
        read = [row["v"] for row in got.rows["public.t"]]
        assert sorted(read) == sorted(f"v{i}" for i in range(1, ROWS + 1))
    assert got.state["public.t"] == {"complete": 1}


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("k text, id int, PRIMARY KEY (k, id)", "(i % 3)::text, i"),
        ("id numeric PRIMARY KEY", "i"),
    ],
)
async def test_a_crash_anywhere_reads_the_rest_of_the_ranges(
    shop: Shop, key: str, values: str
) -> None:
    filled(shop, key, values)
    whole = await shop.read(partition_rows=300, batch_size=50)
    for stop in range(1, whole.items, 7):
        first = await shop.read(partition_rows=300, batch_size=50, stop_after=stop)
        second = await shop.read(first.state, partition_rows=300, batch_size=50)
        found = [int(one) for one in first.ids() + second.ids()]
        assert sorted(found) == list(range(1, ROWS + 1)), stop
        assert second.state["public.t"] == {"complete": 1}


async def test_small_tables_keyless_tables_views_and_queries_are_one_range(shop: Shop) -> None:
    shop.sql("CREATE TABLE small (id int PRIMARY KEY)", "CREATE TABLE keyless (id int)")
    shop.sql("CREATE VIEW v AS SELECT 1 AS id", "CREATE TABLE docs (id jsonb PRIMARY KEY)")
    shop.sql("INSERT INTO docs SELECT to_jsonb(generate_series(1, 100))")
    shop.sql("INSERT INTO small SELECT generate_series(1, 10)", "ANALYZE")
    source = PostgresSource()
    streams = {"q": {"query": "SELECT 1 AS id", "primary_key": ["id"]}}
    tables = ["small", "keyless", "v", "docs"]
    config = shop.config(tables=tables, streams=streams, partition_rows=10)
    for name in ("public.small", "public.keyless", "public.v", "public.docs", "q"):
        end = await source.latest(config, name)
        assert end is None
        assert await source.plan(config, name, None, end) == [{}], name


async def test_a_table_that_was_never_analyzed_is_split_too(shop: Shop) -> None:
    filled(shop, "id int PRIMARY KEY", "i")
    shop.sql("CREATE TABLE u (LIKE t INCLUDING ALL)", "INSERT INTO u SELECT * FROM t")
    shop.sql("DROP TABLE t", "ALTER TABLE u RENAME TO t")
    assert len(await planned(shop, 100)) > 3


async def test_ranges_are_of_the_table_s_own_key(shop: Shop) -> None:
    """The one of the config need not be unique, and may be NULL."""
    filled(shop, "id int PRIMARY KEY, k int", "i, nullif(i % 3, 0)")
    streams = {"public.t": {"primary_key": ["k"]}}
    first = await shop.read(partition_rows=300, batch_size=50, streams=streams, stop_after=9)
    second = await shop.read(first.state, partition_rows=300, streams=streams)
    assert sorted(first.ids() + second.ids()) == list(range(1, ROWS + 1))


async def test_a_partitioned_table_is_split(shop: Shop) -> None:
    shop.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (700)",
        "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (700) TO (9000)",
        f"INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, {ROWS}) i",
        "ANALYZE t",
    )
    assert len(await planned(shop, 200)) == 10
    got = await shop.read(partition_rows=200, concurrency=2)
    assert sorted(got.ids()) == list(range(1, ROWS + 1))


async def test_rows_behind_the_end_wait_for_the_next_sync(shop: Shop) -> None:
    filled(shop, "id int PRIMARY KEY", "i")
    first = await shop.read(partition_rows=500, batch_size=100, stop_after=5)
    shop.sql("INSERT INTO t VALUES (99999, 'late')")
    second = await shop.read(first.state, partition_rows=500)
    assert sorted(first.ids() + second.ids()) == list(range(1, ROWS + 1))


async def test_deletes_and_updates_in_mid_read_lose_no_other_row(shop: Shop) -> None:
    filled(shop, "id int PRIMARY KEY", "i")

    async def disturb() -> None:
        for number in range(10):
            await asyncio.to_thread(
                shop.sql,
                f"DELETE FROM t WHERE id % 10 = 9 AND id % 100 / 10 = {number}",
                f"UPDATE t SET v = v || '+' WHERE id % 10 = {number % 9}",
            )

    disturbing = asyncio.ensure_future(disturb())
    got = await shop.read(partition_rows=200, batch_size=50, concurrency=3)
    await disturbing
    kept = {i for i in range(1, ROWS + 1) if i % 10 != 9}
    assert set(got.ids()) >= kept
    assert len(got.ids()) == len(set(got.ids()))
