"""Where a reading begins anew, ends or is stopped: what changed meanwhile is never passed over."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import psycopg
import pytest

from rivven_connect import (
    ConfiguredCatalog,
    ConnectorError,
    ErrorKind,
    EventBatch,
    EventType,
    State,
)
from rivven_connect.connectors.postgres_cdc_source import PostgresCdcSource
from rivven_connect.connectors.postgres_cdc_source.opening import open_readers

from .cdc_kit import Database, read, replica


@pytest.fixture
def shop(database: Database) -> Database:
    database.run("CREATE TABLE orders (id int PRIMARY KEY, note text)")
    database.run("INSERT INTO orders SELECT g, 'note ' || g FROM generate_series(1, 50) g")
    return database


async def test_f35_rows_that_were_read_before_their_slot_was_made_are_a_gap(shop: Database) -> None:
    """Nobody kept the changes between the end of the snapshot and the beginning of the slot."""
    first = await read(shop.config(snapshot={"mode": "initial_only"}))
    shop.run("UPDATE orders SET note = 'between' WHERE id <= 3")
    with pytest.raises(ConnectorError, match=r"gap: rows of public\.orders") as caught:
        await read(shop.config(), first.state)
    assert caught.value.kind is ErrorKind.STATE
    assert shop.slot() is None


async def test_a_busy_server_does_not_keep_a_reading_from_its_end(shop: Database) -> None:
    """Whoever takes the changes is slower than those who make them."""
    ends = threading.Event()

    def write(number: int) -> None:
        with psycopg.connect(shop.dsn, autocommit=True) as connection:
            while not ends.is_set():
                number += 1
                connection.execute("INSERT INTO orders VALUES (%s, 'late')", [number])

    source = PostgresCdcSource()
    config = shop.config()
    first = await read(config)
    writers = [asyncio.create_task(asyncio.to_thread(write, 10_000_000 * n)) for n in (1, 2)]
    try:
        catalog = ConfiguredCatalog.from_catalog(await source.discover(config))
        items = source.read(config, catalog, first.state)
        async with asyncio.timeout(20), contextlib.aclosing(items):
            async for _ in items:
                await asyncio.sleep(0.02)
    finally:
        ends.set()
        await asyncio.gather(*writers)
        await source.close()


async def test_a_reading_that_waits_for_its_slot_can_be_stopped(shop: Database) -> None:
    """A slot begins when all transactions that run have ended, which may take for ever."""
    config = shop.config()
    source = PostgresCdcSource()
    await source.open(config)
    catalog = ConfiguredCatalog.from_catalog(await source.discover(config))

    async def consume() -> None:
        async with contextlib.aclosing(source.read(config, catalog, None)) as items:
            async for item in items:
                if isinstance(item, EventBatch):
                    await source.acknowledge(config, State.from_json({"_state": item.state}))

    with psycopg.connect(shop.dsn) as other:
        other.execute("INSERT INTO orders VALUES (0, 'open')")
        reading = asyncio.create_task(consume())
        async with asyncio.timeout(30):
            while shop.slot() is None:  # noqa: ASYNC110  # the server has no event for that
                await asyncio.sleep(0.02)
        reading.cancel()
        done, _ = await asyncio.wait([reading], timeout=20)
        other.rollback()
    assert done
    await source.close()


async def test_rows_that_a_policy_hides_are_an_error(shop: Database) -> None:
    """The stream sends them, so that a snapshot without them would be a hole."""
    shop.run("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")
    shop.run("ALTER TABLE orders FORCE ROW LEVEL SECURITY")
    shop.run("CREATE POLICY high ON orders USING (id > 10)")
    name = shop.connection.info.dbname
    role = f"reader_{name}"
    shop.run(f"CREATE ROLE {role} LOGIN REPLICATION PASSWORD 'x'")
    try:
        shop.run(f"GRANT SELECT ON orders TO {role}")
        dsn = psycopg.conninfo.make_conninfo(shop.dsn, user=role, password="x")
        config = shop.config(connection_string=dsn, snapshot={"mode": "initial_only"})
        with pytest.raises(ConnectorError, match="row-level security") as caught:
            await read(config)
        assert caught.value.kind is ErrorKind.PERMISSION
    finally:
        shop.run(f"DROP OWNED BY {role}")
        shop.run(f"DROP ROLE {role}")


async def test_the_key_is_what_the_server_sends_of_an_old_row(database: Database) -> None:
    database.run("CREATE TABLE people (id int PRIMARY KEY, email text NOT NULL UNIQUE, n int)")
    database.run("ALTER TABLE people REPLICA IDENTITY USING INDEX people_email_key")
    database.run("INSERT INTO people SELECT g, 'p' || g, g FROM generate_series(1, 30) g")
    config = database.config(snapshot={"batch_size": 7})
    source = PostgresCdcSource()
    catalog = await source.discover(config)
    assert catalog.streams[0].source_defined_primary_key == [["email"]]
    first = await read(config)
    database.run("DELETE FROM people WHERE id = 1")
    database.run("UPDATE people SET email = 'moved' WHERE id = 2")
    second = await read(config, first.state)
    assert second.events[0].event_type is EventType.DELETE
    rows = replica([*first.events, *second.events], ["email"])
    assert rows == {
        (one[1],): dict(zip(("id", "email", "n"), one, strict=True))
        for one in database.run("TABLE people")
    }


async def test_a_table_whose_updates_would_fail_is_not_published(database: Database) -> None:
    database.run("CREATE TABLE log (line text)")
    with pytest.raises(ConnectorError, match="REPLICA IDENTITY FULL"):
        await read(database.config())
    database.run("INSERT INTO log VALUES ('a')")
    database.run("UPDATE log SET line = 'b'")


PARTITIONED = (
    "CREATE TABLE p (id int, big text STORAGE EXTERNAL) PARTITION BY RANGE (id)",
    "CREATE TABLE p_all PARTITION OF p FOR VALUES FROM (0) TO (100)",
    "ALTER TABLE p REPLICA IDENTITY FULL",
    "INSERT INTO p VALUES (1, repeat('x', 9000))",
)


async def test_partitions_whose_updates_would_fail_are_not_published(database: Database) -> None:
    """Each partition has a replica identity of its own, which it does not get from its table."""
    for statement in PARTITIONED:
        database.run(statement)
    with pytest.raises(ConnectorError, match=r'"public"\."p_all" REPLICA IDENTITY FULL'):
        await read(database.config())
    database.run("UPDATE p SET id = 2")
    database.run("ALTER TABLE p_all REPLICA IDENTITY FULL")
    first = await read(database.config())
    database.run("UPDATE p SET id = 3")
    (update,) = (await read(database.config(), first.state)).data("p")
    assert update == {
        "before": {"id": 2, "big": "x" * 9000},
        "after": {"id": 3, "big": "x" * 9000},
    }


async def test_old_rows_without_what_they_held_are_refused(database: Database) -> None:
    """The server calls them whole, and has NULL for what the partition's identity leaves out."""
    for statement in (*PARTITIONED, "ALTER TABLE p ADD PRIMARY KEY (id)"):
        database.run(statement)
    database.run(
        "CREATE PUBLICATION rivven_pub FOR TABLE p WITH (publish_via_partition_root = true)"
    )
    with pytest.raises(ConnectorError, match=r'"public"\."p_all" REPLICA IDENTITY FULL'):
        await read(database.config())
    database.run("ALTER TABLE p REPLICA IDENTITY DEFAULT")
    first = await read(database.config())
    database.run("UPDATE p SET id = 3")
    second = await read(database.config(), first.state)
    assert second.data("p") == [{"before": {"id": 1}, "after": {"id": 3}}]


@pytest.mark.parametrize("columns", ["a int, s int {} PRIMARY KEY", "a int, s int {}"])
async def test_a_table_whose_generated_columns_would_make_updates_fail_is_not_published(
    database: Database, columns: str
) -> None:
    computed = columns.format("GENERATED ALWAYS AS (a * 2) STORED")
    database.run(f"CREATE TABLE g ({computed})")
    if "KEY" not in columns:
        database.run("ALTER TABLE g REPLICA IDENTITY FULL")
    database.run("INSERT INTO g VALUES (1)")
    with pytest.raises(ConnectorError, match="generated columns"):
        await read(database.config())
    database.run("UPDATE g SET a = 2")
    database.run(
        "CREATE PUBLICATION rivven_pub FOR TABLE g WITH (publish_generated_columns = stored)"
    )
    first = await read(database.config())
    database.run("UPDATE g SET a = 3")
    (update,) = (await read(database.config(), first.state)).data("g")
    assert update["after"] == {"a": 3, "s": 6}


async def test_a_table_whose_changes_are_in_no_log_is_said(database: Database) -> None:
    database.run("CREATE UNLOGGED TABLE cache (id int PRIMARY KEY)")
    database.run("INSERT INTO cache VALUES (1)")
    with pytest.raises(ConnectorError, match="SET LOGGED"):
        await read(database.config())
    once = await read(database.config(snapshot={"mode": "initial_only"}))
    assert once.data("cache") == [{"id": 1}]


async def test_f35_a_table_that_was_left_out_and_is_chosen_again_is_a_gap(shop: Database) -> None:
    shop.run("CREATE TABLE more (id int PRIMARY KEY)")
    config = shop.config()
    first = await read(config)
    second = await read(config, first.state, streams=["orders"])
    shop.run("INSERT INTO more VALUES (1)")
    third = await read(config, second.state, streams=["orders"])
    with pytest.raises(ConnectorError, match=r"gap: public\.more: .* not chosen") as caught:
        await read(config, third.state)
    assert caught.value.kind is ErrorKind.STATE
    state = third.state
    state.remove_stream("public.more")
    assert (await read(config, state)).data("more") == [{"id": 1}]


async def test_f35_another_table_of_the_same_name_is_a_gap(shop: Database) -> None:
    config = shop.config(tables=["orders"])
    first = await read(config)
    shop.run("ALTER TABLE orders RENAME TO old")
    shop.run("CREATE TABLE orders (id int PRIMARY KEY, note text)")
    shop.run("INSERT INTO orders VALUES (77, 'not published yet')")
    shop.run("ALTER PUBLICATION rivven_pub ADD TABLE orders")
    with pytest.raises(ConnectorError, match=r"gap: public\.orders: .* another table") as caught:
        await read(config, first.state)
    assert caught.value.kind is ErrorKind.STATE


async def test_a_server_that_ends_long_transactions_does_not_end_a_snapshot(shop: Database) -> None:
    name = shop.connection.info.dbname
    shop.run(f"""ALTER DATABASE "{name}" SET transaction_timeout = '300s'""")
    (reader,) = open_readers(shop.config(), 1, None)
    with contextlib.closing(reader):
        assert reader.execute(b"SHOW transaction_timeout").fetchall() == [("0",)]


async def test_a_key_that_may_be_broken_for_a_while_identifies_no_row(database: Database) -> None:
    """The server would refuse every update of the table once it is published."""
    database.run("CREATE TABLE late (id int PRIMARY KEY DEFERRABLE)")
    with pytest.raises(ConnectorError, match="REPLICA IDENTITY FULL"):
        await read(database.config())
