"""What is read, in which order, and where a reading goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from rivven_connect import (
    ConfiguredCatalog,
    ConnectorError,
    ErrorKind,
    JsonObject,
    Page,
    SyncMode,
)
from rivven_connect.connectors.postgres_source import PostgresSource
from rivven_connect.connectors.postgres_source.relations import find_relations
from rivven_connect.connectors.postgres_source.selecting import select_from_cursor
from rivven_connect.postgres import connect

from .shop import Got, Shop

BY_ID = {"mode": "incrementing", "column": "id"}
BY_TIME = {"mode": "timestamp", "column": "at"}
BY_BOTH = {
    "mode": "timestamp_incrementing",
    "timestamp_column": "at",
    "incrementing_column": "id",
}
HOSTILE = ['a"b', "x; DROP TABLE t; --", "select", "é" * 31, " ", "%s", "$1", "A.b", "t", "r"]


def numbered(
    shop: Shop, rows: int, at: str = "'2026-01-01'::timestamptz + i * interval '1 s'"
) -> None:
    shop.sql(
        "CREATE TABLE t (id int8 PRIMARY KEY, at timestamptz, v text)",
        f"INSERT INTO t SELECT i, {at}, 'v' || i FROM generate_series(1, {rows}) i",
    )


async def test_whole_tables_with_every_kind_of_value(shop: Shop) -> None:
    shop.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a numeric(6,2), b timestamptz, c jsonb, d text[], e bytea,"
        " f float8, g interval, h bool, i date, j timestamp)",
        "INSERT INTO t VALUES (1, 1.5, '2026-01-01 12:00+02', '{\"k\": [1]}', '{a,NULL}', '\\x00ff', 2,"
        " '1 day', true, '2026-01-01', '2026-01-01 10:00')",
        "INSERT INTO t VALUES (2)",
    )
    got = await shop.read()
    assert got.rows["public.t"] == [
        {
            "id": 1,
            "a": "1.50",
            "b": "2026-01-01T10:00:00+00:00",
            "c": {"k": [1]},
            "d": ["a", None],
            "e": "\\x00ff",
            "f": 2.0,
            "g": "P1D",
            "h": True,
            "i": "2026-01-01",
            "j": "2026-01-01T10:00:00",
        },
        {"id": 2, **dict.fromkeys("abcdefghij")},
    ]


async def test_discover_describes_the_tables(shop: Shop) -> None:
    shop.sql(
        "CREATE TABLE orders (region text, id int8, total numeric(10,2), PRIMARY KEY (region, id))",
        "CREATE SCHEMA other",
        "CREATE TABLE other.log (line text, at timestamptz NOT NULL)",
        "CREATE VIEW v AS SELECT 1",
    )
    log = {"other.log": {"read": BY_TIME}}
    streams = {one.full_name(): one for one in (await shop.discover(streams=log)).streams}
    assert set(streams) == {"public.orders", "other.log"}
    orders = streams["public.orders"]
    assert orders.source_defined_primary_key == [["region"], ["id"]]
    assert orders.supported_sync_modes == [SyncMode.FULL_REFRESH]
    assert orders.json_schema["properties"]["total"] == {
        "type": ["string", "null"],
        "x-postgres-type": "numeric(10,2)",
    }
    assert streams["other.log"].default_cursor_field == "at"
    assert streams["other.log"].cursor_order == "ascending"
    assert streams["other.log"].supported_sync_modes[0] is SyncMode.INCREMENTAL


@pytest.mark.parametrize("read", [BY_ID, BY_TIME, BY_BOTH])
async def test_only_what_is_new_comes_again(shop: Shop, read: JsonObject) -> None:
    numbered(shop, 100)
    first = await shop.read(read=read, batch_size=7)
    assert first.ids() == list(range(1, 101))
    second = await shop.read(first.state, read=read)
    assert second.ids() == []
    shop.sql(
        "INSERT INTO t VALUES (101, '2026-06-01', 'new'), (102, '2026-06-01', 'new')",
        "UPDATE t SET v = 'changed', at = '2026-06-02' WHERE id = 50",
    )
    third = await shop.read(second.state, read=read)
    assert third.ids() == ([101, 102] if read == BY_ID else [101, 102, 50])
    assert (await shop.read(third.state, read=read)).ids() == []


@pytest.mark.parametrize("read", [BY_TIME, BY_BOTH])
async def test_f34_ties_survive_a_stop_anywhere(shop: Shop, read: JsonObject) -> None:
    """A thousand rows of one timestamp; nothing is lost or comes twice, wherever a run ends."""
    numbered(shop, 1000, at="'2026-01-01'")
    for stop in range(1, 21, 3):
        first = await shop.read(read=read, batch_size=50, stop_after=stop)
        assert len(first.ids()) == 50 * stop
        second = await shop.read(first.state, read=read, batch_size=50)
        assert sorted(first.ids() + second.ids()) == list(range(1, 1001)), stop


async def test_ties_without_a_key_are_told_apart_by_the_incrementing_column(shop: Shop) -> None:
    shop.sql(
        "CREATE TABLE t (id int8, at timestamptz)",
        "INSERT INTO t SELECT i, '2026-01-01' FROM generate_series(1, 100) i",
    )
    first = await shop.read(read=BY_BOTH)
    assert (await shop.read(first.state, read=BY_BOTH)).ids() == []
    keyless = await shop.read(read=BY_TIME)
    assert len((await shop.read(keyless.state, read=BY_TIME)).ids()) == 100, "documented"


async def test_rows_without_a_cursor_are_not_read(shop: Shop) -> None:
    numbered(shop, 3)
    shop.sql("UPDATE t SET at = NULL WHERE id = 2")
    assert (await shop.read(read=BY_TIME)).ids() == [1, 3]
    whole = await shop.read(read=BY_TIME, mode=SyncMode.FULL_REFRESH)
    assert sorted(whole.ids()) == [1, 2, 3]


async def test_the_future_waits_and_leaves_nothing_behind(shop: Shop) -> None:
    numbered(shop, 2)
    shop.sql("INSERT INTO t VALUES (3, 'infinity'), (4, now() + interval '1 day')")
    first = await shop.read(read=BY_TIME)
    assert first.ids() == [1, 2]
    shop.sql("INSERT INTO t VALUES (5, now())")
    assert (await shop.read(first.state, read=BY_TIME)).ids() == [5]


async def test_a_row_that_changes_twice_on_one_day_is_read_as_it_is_at_its_end(shop: Shop) -> None:
    """Read before, its second change would have the same cursor and the same key, and be dropped."""
    shop.sql("CREATE TABLE t (id int8 PRIMARY KEY, at date, v text)")
    today = "(now() AT TIME ZONE 'UTC')::date"
    shop.sql(f"INSERT INTO t VALUES (1, {today}, 'first'), (2, {today} - 1, 'over')")
    first = await shop.read(read=BY_TIME)
    assert first.ids() == [2]
    shop.sql("UPDATE t SET v = 'second' WHERE id = 1")
    assert (await shop.read(first.state, read=BY_TIME)).ids() == []
    shop.sql("UPDATE t SET at = at - 1")  # as if a day had gone by
    later = await shop.read(first.state, read=BY_TIME)
    assert [row["v"] for row in later.rows["public.t"]] == ["second"]


@pytest.mark.parametrize(
    ("kind", "waits"),
    [("timestamptz(0)", "1007"), ("timestamp(3)", "8"), ("timestamptz", "7"), ("date", "7")],
)
def test_timestamps_of_few_decimals_wait_until_their_time_is_over(
    shop: Shop, kind: str, waits: str
) -> None:
    shop.sql(f"CREATE TABLE t (id int8 PRIMARY KEY, at {kind})")
    config = shop.config(read={**BY_TIME, "lag_ms": 7})
    with connect(config) as connection:
        (found,) = find_relations(connection, config)
    assert select_from_cursor(found, None).values == [f"{waits} milliseconds"]


@pytest.mark.parametrize(
    ("kind", "now"), [("timestamptz", "now()"), ("timestamp", "now() AT TIME ZONE 'UTC'")]
)
async def test_a_lag_keeps_what_is_committed_late(shop: Shop, kind: str, now: str) -> None:
    """A row whose transaction began before another was read, and ended after it."""
    shop.sql(f"CREATE TABLE t (id int8 PRIMARY KEY, at {kind})")
    lagging = {**BY_TIME, "lag_ms": 86_400_000}
    with shop.session() as slow:
        slow.execute(f"INSERT INTO t VALUES (1, {now} - interval '1 hour')".encode())
        shop.sql(f"INSERT INTO t VALUES (2, {now} - interval '30 minutes')")
        careless = await shop.read(read=BY_TIME)
        careful = await shop.read(read=lagging)
    assert (careless.ids(), careful.ids()) == ([2], [])
    assert (await shop.read(careless.state, read=BY_TIME)).ids() == [], "missed, as documented"
    shop.sql("UPDATE t SET at = at - interval '2 days'")
    assert (await shop.read(careful.state, read=lagging)).ids() == [1, 2]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("int2", ["1", "2", "30"]),
        ("date", ["'2026-01-01'", "'2026-01-02'", "'2026-02-01'"]),
        ("timestamp", ["'2026-01-01'", "'2026-01-01 00:00:00.5'", "'2026-01-01 00:00:01'"]),
        ("timestamptz", ["'2026-01-01+00'", "'2026-01-01 00:00:00.5+00'", "'2026-01-02+00'"]),
        ("text", ["'B'", "'a'", "'é'"]),
        ("varchar(9)", ["'10'", "'9'", "'a b'"]),
        ("uuid", [f"'00000000-0000-7000-8000-00000000000{n}'" for n in (1, 2, "a")]),
    ],
)
async def test_columns_that_can_be_followed(shop: Shop, kind: str, values: list[str]) -> None:
    rows = ", ".join(f"({n}, {value})" for n, value in reversed(list(enumerate(values))))
    shop.sql(f"CREATE TABLE t (id int PRIMARY KEY, c {kind})", f"INSERT INTO t VALUES {rows}")
    read = {"mode": "incrementing", "column": "c"}
    first = await shop.read(read=read, batch_size=1, stop_after=2)
    assert first.ids() == [0, 1]
    assert (await shop.read(first.state, read=read)).ids() == [2]


def test_texts_are_ordered_as_json_s_readers_order_them(shop: Shop) -> None:
    """Whatever the column's collation is; the server of the tests has no other."""
    shop.sql("CREATE TABLE t (id text PRIMARY KEY)")
    with connect(shop.config()) as connection:
        (found,) = find_relations(connection, shop.config(read=BY_ID))
    sql = select_from_cursor(found, "x").sql
    assert """t."id" COLLATE "C" >= $1 ORDER BY t."id" COLLATE "C\"""" in sql


async def test_hostile_names_of_tables(shop: Shop) -> None:
    def quoted(name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    columns = ", ".join(f"{quoted(name)} int" for name in HOSTILE)
    for name in HOSTILE:
        shop.sql(
            f"CREATE SCHEMA {quoted(name)}",
            f"CREATE TABLE {quoted(name)}.{quoted(name)} ({columns}, PRIMARY KEY ({quoted(name)}))",
            f"INSERT INTO {quoted(name)}.{quoted(name)} VALUES (1{', 1' * (len(HOSTILE) - 1)})",
        )
        row = dict.fromkeys(HOSTILE, 1)
        for read in ({"mode": "bulk"}, {"mode": "incrementing", "column": name}):
            got = await shop.read(schemas=[name], read=read)
            assert got.rows == {f"{name}.{name}": [row]}
        assert (await shop.read(tables=[f"{name}.{name}"])).rows == {f"{name}.{name}": [row]}


async def test_a_long_name_names_nothing(shop: Shop) -> None:
    shop.sql(f"CREATE TABLE {'a' * 63} (id int)")
    with pytest.raises(ConnectorError, match="there is no table"):
        await shop.read(tables=["a" * 64])


async def test_a_query_is_a_stream(shop: Shop) -> None:
    numbered(shop, 10)
    streams = {
        "totals": {
            "query": "SELECT id % 2 AS rest, count(*) AS n, max(at) AS at FROM t GROUP BY 1 -- all;",
            "primary_key": ["rest"],
            "read": BY_TIME,
        },
        "other.plain": {"query": "SELECT 1.50 AS x, NULL AS y;"},
    }
    catalog = await shop.discover(streams=streams)
    totals = next(one for one in catalog.streams if one.name == "totals")
    assert totals.source_defined_primary_key == [["rest"]]
    assert totals.json_schema["properties"]["n"]["x-postgres-type"] == "bigint"
    got = await shop.read(streams=streams)
    assert [row["rest"] for row in got.rows["totals"]] == [1, 0]
    assert got.rows["other.plain"] == [{"x": "1.50", "y": None}]
    assert len(got.rows["public.t"]) == 10


async def test_a_server_that_ends_long_statements_does_not_end_a_reading(shop: Shop) -> None:
    """A table is one statement, which takes as long as the sinks do; a limit of the config's holds."""
    database = shop.dsn.rpartition("/")[2]
    shop.sql(f"ALTER DATABASE {database} SET statement_timeout = '50ms'")
    slow = {"slow": {"query": "SELECT 1 AS id FROM pg_sleep(0.2)"}}
    shop.sql("CREATE TABLE t (id int8 PRIMARY KEY)")
    assert (await shop.read(streams=slow)).ids("slow") == [1]
    limited = f"{shop.dsn}?options=-cstatement_timeout%3D50"
    with pytest.raises(ConnectorError, match="statement timeout"):
        await shop.read(streams=slow, connection_string=limited)


async def test_each_pass_reads_the_columns_that_there_are(shop: Shop) -> None:
    """The cursor goes beyond the rows, so what a column held would never be read."""
    shop.sql("CREATE TABLE t (id int8 PRIMARY KEY, old text)", "INSERT INTO t VALUES (1, 'a')")
    config = shop.config(read={"mode": "incrementing", "column": "id"})
    source = PostgresSource()
    (chosen,) = ConfiguredCatalog.from_catalog(await source.discover(config)).streams

    async def read_on(cursor: int) -> list[JsonObject]:
        parts = [part async for part in source.read_discovered(config, chosen, cursor)]
        return [row for part in parts if isinstance(part, Page) for row in part.records]

    assert await read_on(0) == [{"id": 1, "old": "a"}]
    shop.sql("ALTER TABLE t DROP old, ADD new text", "INSERT INTO t VALUES (2, 'b')")
    assert await read_on(2) == [{"id": 2, "new": "b"}]


async def test_a_snapshot_is_not_moved_by_others(shop: Shop) -> None:
    numbered(shop, 2000)
    config = shop.config(batch_size=100)
    source = PostgresSource()
    rows = source.read_partition(config, "public.t", {})
    ids: list[Any] = []
    async for part in rows:
        if not ids:
            shop.sql(
                "DELETE FROM t WHERE id > 1000", "UPDATE t SET v = 'x'", "INSERT INTO t VALUES (0)"
            )
        ids += [row["id"] for row in part.records]  # type: ignore[union-attr]  # no poison
        assert all(row["v"] != "x" for row in part.records)  # type: ignore[union-attr]  # no poison
    assert ids == list(range(1, 2001))


async def test_a_value_that_no_json_reader_takes_is_one_dead_letter(shop: Shop) -> None:
    shop.sql(
        "CREATE TABLE t (id int PRIMARY KEY, doc json)",
        "INSERT INTO t VALUES (1, '1'), (2, '1e400'), (3, '3')",
    )
    for read in ({"mode": "bulk"}, BY_ID):
        got = await shop.read(read=read)
        assert got.ids() == [1, 3]
        (letter,) = got.poison
        assert letter.stream == "public.t"
        assert b'"id":2' in letter.raw


async def test_only_the_chosen_fields_are_asked_for(shop: Shop) -> None:
    numbered(shop, 1)
    got = await shop.read(read=BY_TIME, fields=["v"])
    (row,) = got.rows["public.t"]
    assert set(row) == {"id", "at", "v"}
    got = await shop.read(read={**BY_ID}, fields=["v"])
    assert set(got.rows["public.t"][0]) == {"id", "v"}


async def test_pages_are_bounded_by_rows_and_by_bytes(shop: Shop) -> None:
    shop.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text)",
        "INSERT INTO t SELECT i, CASE WHEN i <= 5 THEN repeat('x', 600000) END FROM generate_series(1, 50) i",
    )
    got = await shop.read(batch_size=20, read=BY_ID)
    assert got.ids() == list(range(1, 51))
    assert got.pages[:3] == [2, 2, 20]


async def test_partitions_and_views_are_read_when_they_are_named(shop: Shop) -> None:
    shop.sql(
        "CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (10)",
        "CREATE VIEW v AS SELECT 7 AS id",
        "INSERT INTO parted VALUES (1)",
    )
    assert (await shop.read()).rows == {"public.parted": [{"id": 1}]}
    named = await shop.read(tables=["part1", "public.v"])
    assert named.rows == {"public.part1": [{"id": 1}], "public.v": [{"id": 7}]}


async def test_generated_columns_are_read(shop: Shop) -> None:
    shop.sql(
        "CREATE TABLE t (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)",
        "INSERT INTO t VALUES (4)",
    )
    assert (await shop.read()).rows["public.t"] == [{"id": 4, "twice": 8}]


async def test_a_hundred_streams_at_once(shop: Shop) -> None:
    shop.sql(*(f"CREATE TABLE t{n} AS SELECT {n} AS id" for n in range(100)))
    got: Got = await shop.read(concurrency=4)
    assert {name: rows for name, rows in got.rows.items() if rows} == {
        f"public.t{n}": [{"id": n}] for n in range(100)
    }


@pytest.mark.parametrize("plans", [False, True], ids=["rows", "ranges"])
async def test_a_reading_that_waits_for_a_lock_can_be_stopped(shop: Shop, plans: bool) -> None:
    numbered(shop, 50)
    shop.sql("ANALYZE t")
    source = PostgresSource()
    config = shop.config(partition_rows=10)
    await source.discover(config)
    with shop.session() as locking:
        locking.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        rows = source.read_partition(config, "public.t", {})
        waits = source.latest(config, "public.t") if plans else anext(rows)
        task = asyncio.ensure_future(waits)
        waiting = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        await asyncio.to_thread(shop.wait_until, waiting, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        shop.wait_until(waiting, 0)


async def test_nothing_is_changed_by_looking(shop: Shop) -> None:
    shop.sql("CREATE SEQUENCE s", "CREATE TABLE t (id int)")
    streams = {"q": {"query": "SELECT nextval('s') AS n"}}
    result = await PostgresSource().check(shop.config(streams=streams))
    assert result.passed, result
    assert shop.sql("SELECT last_value, is_called FROM s") == [(1, False)]


async def test_a_large_document(shop: Shop) -> None:
    doc = msgspec.json.encode({"n": [1.5] * 1000, "t": '\\ " é' * 1000})
    shop.sql(
        "CREATE TABLE t (id int PRIMARY KEY, doc json)",
        f"INSERT INTO t VALUES (1, '{doc.decode()}')",
    )
    got = await shop.read()
    assert got.rows["public.t"][0]["doc"] == msgspec.json.decode(doc)


async def test_missing_state_kinds_are_said(shop: Shop) -> None:
    numbered(shop, 3)
    first = await shop.read(read=BY_TIME)
    with pytest.raises(ConnectorError, match="up to a value of 'at'") as caught:
        await shop.read(first.state, read=BY_ID)
    assert caught.value.kind is ErrorKind.STATE
