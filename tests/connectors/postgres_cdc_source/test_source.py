"""A real server: the joint between rows and changes, resuming, values, schemas, and what is refused."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import psycopg
import pytest

from rivven_connect import ConfiguredCatalog, ConnectorError, ErrorKind, EventType, State
from rivven_connect.connectors.postgres_cdc_source import PostgresCdcSource
from rivven_connect.connectors.postgres_cdc_source.changes import MOST_CHANGES
from rivven_connect.connectors.postgres_cdc_source.place import saved_place
from rivven_connect.connectors.postgres_cdc_source.replication import lsn_text, parse_lsn
from services.postgres import postgres_server

from .cdc_kit import Database, Read, read, replica

INSERT, UPDATE, DELETE = EventType.INSERT, EventType.UPDATE, EventType.DELETE
TRUNCATE, RECORD = EventType.TRUNCATE, EventType.RECORD
ALL_TYPES = {
    "a_bool": ("bool", "true"),
    "a_small": ("smallint", "-32768"),
    "an_int": ("int", "2147483647"),
    "a_big": ("bigint", "-9223372036854775808"),
    "a_real": ("real", "'NaN'"),
    "a_double": ("float8", "0.1"),
    "a_numeric": ("numeric(20,5)", "123456789012345.67890"),
    "a_free_numeric": ("numeric", "'Infinity'"),
    "a_text": (
        "text",
        "E'tab\\there, newline\\n, back\\\\slash, \\\"quotes\\\", snow \u2603, \\\\N'",
    ),
    "an_empty": ("text", "''"),
    "a_varchar": ("varchar(9)", "'t'"),
    "a_char": ("char(4)", "'ab'"),
    "a_bytes": ("bytea", "'\\x00ff5c'"),
    "a_date": ("date", "'0044-03-15 BC'"),
    "a_time": ("time", "'12:34:56.789'"),
    "a_timetz": ("timetz", "'12:34:56+02'"),
    "a_timestamp": ("timestamp", "'infinity'"),
    "a_timestamptz": ("timestamptz", "'2024-02-29 12:00:00.123456+05:30'"),
    "an_interval": ("interval", "'1 year -2 days 3.5 seconds'"),
    "a_uuid": ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
    "a_json": ("json", '\'{"a": [1, null, "x"]}\''),
    "a_jsonb": ("jsonb", '\'{"b": 1e3, "c": "\\u00e9"}\''),
    "a_null": ("int", "NULL"),
    "an_array": ("int[]", "'{1,NULL,3}'"),
    "a_matrix": ("text[]", '\'{{a,"b,c"},{NULL,"NULL"}}\''),
    "an_enum": ("mood", "'so so'"),
    "a_domain": ("positive", "7"),
    "a_composite": ("pair", "ROW(1, 'x,y')"),
    "a_range": ("int4range", "'[1,5)'"),
    "an_inet": ("inet", "'10.0.0.1/8'"),
    "a_bit": ("bit(3)", "B'101'"),
    "a_point": ("point", "'(1,2)'"),
    "a_money": ("money", "12.34"),
    "a_tsvector": ("tsvector", "'a cat'"),
}


@pytest.fixture
def shop(database: Database) -> Database:
    database.run("CREATE TABLE orders (id int PRIMARY KEY, note text)")
    database.run("INSERT INTO orders SELECT g, 'note ' || g FROM generate_series(1, 2500) g")
    return database


async def test_rows_then_changes_are_the_table(shop: Database) -> None:
    config = shop.config(snapshot={"batch_size": 700})
    first = await read(config)
    assert first.kinds("orders") == [RECORD] * 2500
    assert [one.position for one in first.events][:1] == [["snapshot", "1"]]
    shop.run("UPDATE orders SET note = 'new' WHERE id <= 3")
    shop.run("UPDATE orders SET id = -4 WHERE id = 4")
    shop.run("DELETE FROM orders WHERE id = 5")
    shop.run("INSERT INTO orders VALUES (9000, NULL)")
    second = await read(config, first.state)
    assert second.kinds("orders") == [UPDATE] * 4 + [DELETE, INSERT]
    assert second.events[3].data == {"before": {"id": 4}, "after": {"id": -4, "note": "note 4"}}
    rows = replica([*first.events, *second.events], ["id"])
    assert rows == {
        (one[0],): dict(zip(("id", "note"), one, strict=True)) for one in shop.run("TABLE orders")
    }
    third = await read(config, second.state)
    assert third.events == []


async def test_rows_written_while_tables_are_read_come_once(shop: Database) -> None:
    """No gap and no overlap: a row is in the snapshot or in the stream, never in both or in neither."""
    ends = threading.Event()

    def write() -> None:
        with psycopg.connect(shop.dsn, autocommit=True) as connection:
            number = 10_000
            while not ends.is_set():
                number += 1
                connection.execute("INSERT INTO orders VALUES (%s, 'late')", [number])

    writer = asyncio.create_task(asyncio.to_thread(write))
    config = shop.config(mode="follow", snapshot={"batch_size": 200})

    try:
        async with asyncio.timeout(60):
            found = await read(config, enough=lambda one: one.kinds("orders").count(INSERT) > 500)
    finally:
        ends.set()
        await writer
    rest = await read(shop.config(), found.state)
    taken = found.events[: found.states[-1][0]]
    ids = [one.data["id"] for one in [*taken, *rest.events] if isinstance(one.data, dict)]
    assert len(ids) == len(set(ids))
    assert set(ids) == {row[0] for row in shop.run("SELECT id FROM orders")}


async def test_all_types_are_the_same_in_the_snapshot_and_in_the_stream(database: Database) -> None:
    database.run("CREATE TYPE mood AS ENUM ('ok', 'so so')")
    database.run("CREATE DOMAIN positive AS int CHECK (value > 0)")
    database.run("CREATE TYPE pair AS (a int, b text)")
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in ALL_TYPES.items())
    values = ", ".join(value for _, value in ALL_TYPES.values())
    # What a role or a database sets for itself changes no value.
    name = database.connection.info.dbname
    for setting in (
        "timezone = 'Asia/Kathmandu'",
        "datestyle = 'German'",
        "bytea_output = 'escape'",
    ):
        database.run(f'ALTER DATABASE "{name}" SET {setting}')
    database.run(f"CREATE TABLE kinds (id int PRIMARY KEY, {columns})")
    database.run(f"INSERT INTO kinds VALUES (1, {values})")
    config = database.config()
    first = await read(config)
    database.run(f"INSERT INTO kinds VALUES (2, {values})")
    database.run("INSERT INTO kinds (id) VALUES (3)")
    second = await read(config, first.state)
    (snapshot,) = first.data("kinds")
    stream, empty = second.data("kinds")
    assert isinstance(snapshot, dict)
    assert isinstance(stream, dict)
    assert snapshot | {"id": 2} == stream
    assert empty == dict.fromkeys(snapshot, None) | {"id": 3}
    assert stream["a_numeric"] == "123456789012345.67890"
    assert stream["a_text"] == 'tab\there, newline\n, back\\slash, "quotes", snow \u2603, \\N'
    assert stream["a_timestamptz"] == "2024-02-29T06:30:00.123456+00:00"
    assert stream["a_matrix"] == [["a", "b,c"], [None, "NULL"]]


async def test_values_stored_apart_are_left_out_unless_the_old_row_has_them(
    database: Database,
) -> None:
    database.run("CREATE TABLE docs (id int PRIMARY KEY, body text, n int)")
    database.run("ALTER TABLE docs ALTER body SET STORAGE EXTERNAL")
    config = database.config()
    first = await read(config)
    database.run("INSERT INTO docs VALUES (1, repeat('x', 10000), 1)")
    database.run("UPDATE docs SET n = 2")
    database.run("ALTER TABLE docs REPLICA IDENTITY FULL")
    database.run("UPDATE docs SET n = 3")
    second = await read(config, first.state)
    _, partial, whole = second.data("docs")
    assert partial == {"before": None, "after": {"id": 1, "n": 2}}
    row = {"id": 1, "body": "x" * 10_000}
    assert whole == {"before": {**row, "n": 2}, "after": {**row, "n": 3}}


async def test_a_truncate_empties_each_table(shop: Database) -> None:
    shop.run("CREATE TABLE lines (id int PRIMARY KEY REFERENCES orders)")
    config = shop.config()
    first = await read(config)
    shop.run("TRUNCATE orders CASCADE")
    shop.run("INSERT INTO orders VALUES (1, 'again')")
    second = await read(config, first.state)
    assert second.kinds("orders") == [TRUNCATE, INSERT]
    assert second.kinds("lines") == [TRUNCATE]
    second.events = [one for one in second.events if one.stream == "orders"]
    assert replica([*first.events, *second.events], ["id"]) == {(1,): {"id": 1, "note": "again"}}


async def test_columns_come_and_go_between_two_rows(shop: Database) -> None:
    config = shop.config()
    first = await read(config)
    shop.run("INSERT INTO orders VALUES (9001, 'a')")
    shop.run("ALTER TABLE orders ADD COLUMN extra jsonb")
    shop.run("""INSERT INTO orders VALUES (9002, 'b', '{"x": 1}')""")
    shop.run("ALTER TABLE orders DROP COLUMN note")
    shop.run("INSERT INTO orders VALUES (9003, '[]')")
    second = await read(config, first.state)
    assert second.data("orders") == [
        {"id": 9001, "note": "a"},
        {"id": 9002, "note": "b", "extra": {"x": 1}},
        {"id": 9003, "extra": []},
    ]
    found = [sorted(one.data["properties"]) for one in second.schemas if isinstance(one.data, dict)]
    assert found == [["id", "note"], ["extra", "id", "note"], ["extra", "id"]]


async def test_hostile_names_are_only_names(database: Database) -> None:
    table = 'or"ders; DROP TABLE x'
    column = "sel'ect %s {} \u2603"
    name = column.replace('"', '""')
    database.run('CREATE SCHEMA "Sch""ema"')
    quoted = '"Sch""ema"."or""ders; DROP TABLE x"'
    database.run(f'CREATE TABLE {quoted} ("{name}" text PRIMARY KEY, "group" int)')
    database.run(f"INSERT INTO {quoted} SELECT chr(39) || g, g FROM generate_series(1, 25) g")
    config = database.config(
        schemas=['Sch"ema'], publication_name='pub"lic', snapshot={"batch_size": 10}
    )
    first = await read(config)
    assert len(first.data(table)) == 25
    database.run(f'UPDATE {quoted} SET "group" = 0 WHERE "group" = 1')
    second = await read(config, first.state)
    assert second.data(table) == [{"before": None, "after": {column: "'1", "group": 0}}]
    assert second.events[0].namespace == 'Sch"ema'


async def test_partitions_are_rows_of_their_table(database: Database) -> None:
    database.run(
        "CREATE TABLE logs (id int, day int, PRIMARY KEY (id, day)) PARTITION BY LIST (day)"
    )
    for day in (1, 2):
        database.run(f"CREATE TABLE logs_{day} PARTITION OF logs FOR VALUES IN ({day})")
    database.run("INSERT INTO logs VALUES (1, 1), (2, 2)")
    config = database.config()
    first = await read(config)
    database.run("INSERT INTO logs VALUES (3, 1), (4, 2)")
    second = await read(config, first.state)
    assert {one.stream for one in [*first.events, *second.events]} == {"logs"}
    assert len(first.events) == len(second.events) == 2


async def test_columns_and_rows_that_a_publication_leaves_out_are_left_out_everywhere(
    shop: Database,
) -> None:
    shop.run("ALTER TABLE orders ADD COLUMN secret text DEFAULT 'hush'")
    shop.run("CREATE PUBLICATION a_part FOR TABLE orders (id, note) WHERE (id > 2490)")
    config = shop.config(publication_name="a_part")
    first = await read(config)
    shop.run("INSERT INTO orders VALUES (1000000, 'in'), (-1, 'out')")
    second = await read(config, first.state)
    assert [sorted(one) for one in first.data("orders") if isinstance(one, dict)] == [
        ["id", "note"]
    ] * 10
    assert second.data("orders") == [{"id": 1_000_000, "note": "in"}]


async def test_from_every_state_of_a_snapshot_reading_goes_on(shop: Database) -> None:
    shop.run("CREATE TABLE empty (id int PRIMARY KEY)")
    shop.run("CREATE TABLE keyless (x int)")
    shop.run("ALTER TABLE keyless REPLICA IDENTITY FULL")
    shop.run("INSERT INTO keyless SELECT generate_series(1, 30)")
    config = shop.config(snapshot={"batch_size": 500, "parallel_tables": 2})
    whole = await read(config, acknowledges=False)
    shop.run("DELETE FROM orders WHERE id % 2 = 0")
    shop.run("INSERT INTO orders SELECT g, 'later' FROM generate_series(5000, 5100) g")
    wanted = {(one[0],): {"id": one[0], "note": one[1]} for one in shop.run("TABLE orders")}
    begun = [one for one in whole.states if one[1]["_state"]["phase"] == "streaming"]
    assert len(begun) > 5
    for taken, saved in begun:
        rest = await read(config, State.from_json(dict(saved)), acknowledges=False)
        events = [*whole.events[:taken], *rest.events]
        assert replica([one for one in events if one.stream == "orders"], ["id"]) == wanted
        assert {one.data["x"] for one in events if one.stream == "keyless"} == {*range(1, 31)}


async def test_stopped_anywhere_and_read_on_the_replica_is_the_table(shop: Database) -> None:
    """Nothing is acknowledged but what was taken; each reading stops after one more batch."""
    config = shop.config(snapshot={"batch_size": 600})
    events: list[Any] = []
    state: State | None = None
    for turn in range(60):
        if turn < 20:
            shop.run("UPDATE orders SET note = note || '+' WHERE id % 20 = $1", [turn])
            shop.run("DELETE FROM orders WHERE id = $1", [turn])
            shop.run("INSERT INTO orders VALUES ($1, 'new')", [10_000 + turn])
            shop.run("UPDATE orders SET id = id + 20000 WHERE id = $1", [100 + turn])
        steps = len(events)
        found = await read(config, state, enough=lambda one: len(one.states) > 3)
        taken, saved = found.states[-1]
        events += found.events[:taken]
        state = State.from_json(dict(saved))
        if turn >= 20 and len(events) == steps and len(found.states) <= 3:
            break
    wanted = {(one[0],): {"id": one[0], "note": one[1]} for one in shop.run("TABLE orders")}
    assert replica(events, ["id"]) == wanted


async def test_a_large_transaction_is_read_on_from_inside(shop: Database) -> None:
    config = shop.config(snapshot={"mode": "never"})
    first = await read(config)
    count = 3 * MOST_CHANGES + 10
    shop.run(f"INSERT INTO orders SELECT g, 'big' FROM generate_series(10000, {9_999 + count}) g")
    whole = await read(config, first.state, acknowledges=False)
    inside = [one for one in whole.states if "skip" in one[1]["_state"]]
    assert len(inside) == 3
    for taken, saved in inside:
        rest = await read(config, State.from_json(dict(saved)), acknowledges=False)
        assert rest.events == whole.events[taken:], "the same events at the same positions"


async def test_only_what_is_committed_is_told_to_the_server(shop: Database) -> None:
    config = shop.config(heartbeat_interval_ms=100, mode="follow")
    complete = {"snapshot": "complete"}
    started = await read(
        config, enough=lambda one: one.states[-1][1].get("public.orders") == complete
    )
    slot = shop.slot()
    assert slot is not None
    shop.run("INSERT INTO orders VALUES (9001, 'a')")
    unsaved = await read(
        config, started.state, enough=lambda one: len(one.events) > 0, acknowledges=False
    )
    assert len(unsaved.events) == 1
    after = shop.slot()
    assert after is not None
    assert after["confirmed_flush_lsn"] == slot["confirmed_flush_lsn"]
    again = await read(shop.config(), started.state)
    assert again.events == unsaved.events
    confirmed = shop.slot()
    assert confirmed is not None
    place = saved_place(again.state)
    assert place is not None
    assert parse_lsn(str(confirmed["confirmed_flush_lsn"])) <= place.lsn
    assert parse_lsn(str(confirmed["confirmed_flush_lsn"])) > parse_lsn(
        str(slot["confirmed_flush_lsn"])
    )


async def test_an_idle_source_lets_go_of_the_log_that_others_write(
    shop: Database, postgres_server: Any
) -> None:
    config = shop.config(heartbeat_interval_ms=100, mode="follow")
    goal: list[int] = []

    def others_write(found: Read) -> bool:
        place = saved_place(found.state) if found.states else None
        if place is None or place.lsn == 0 or "public.orders" not in found.states[-1][1]:
            return False
        if not goal and found.states[-1][1]["public.orders"] == {"snapshot": "complete"}:
            postgres_server.run_sql("CREATE TABLE elsewhere AS SELECT generate_series(1, 1000)")
            postgres_server.run_sql("DROP TABLE elsewhere")
            goal.append(parse_lsn(shop.lsn()))
        return bool(goal) and place.lsn >= goal[0]

    async with asyncio.timeout(60):
        found = await read(config, enough=others_write)
    assert found.kinds("orders") == [RECORD] * 2500

    def confirmed() -> int:
        return parse_lsn(str((shop.slot() or {})["confirmed_flush_lsn"]))

    async with asyncio.timeout(30):
        while confirmed() < goal[0]:  # noqa: ASYNC110  # the server has no event for that
            await asyncio.sleep(0.02)


async def refused(config: Any, state: State | None = None) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        await read(config, state)
    return caught.value


async def test_a_crash_between_the_slot_and_its_first_state_costs_nothing(shop: Database) -> None:
    config = shop.config()
    announced = await read(config, enough=lambda one: len(one.states) == 1)
    assert saved_place(announced.state).phase == "creating"  # type: ignore[union-attr]  # it is there
    shop.run(f"SELECT pg_create_logical_replication_slot('{config.slot_name}', 'pgoutput')")
    shop.run("INSERT INTO orders VALUES (9001, 'a')")
    found = await read(config, announced.state)
    assert len(found.data("orders")) == 2501
    assert saved_place(found.state).phase == "streaming"  # type: ignore[union-attr]  # it is there


async def test_a_slot_that_somebody_else_made_is_not_taken(shop: Database) -> None:
    config = shop.config()
    shop.run(f"SELECT pg_create_logical_replication_slot('{config.slot_name}', 'pgoutput')")
    error = await refused(config)
    assert error.kind is ErrorKind.STATE
    assert "pg_drop_replication_slot" in str(error)
    assert "snapshot.mode: never" in str(error)
    assert shop.slot() is not None
    shop.run(f"SELECT pg_drop_replication_slot('{config.slot_name}')")
    shop.run(f"SELECT pg_create_physical_replication_slot('{config.slot_name}')")
    try:
        assert "not of pgoutput" in str(await refused(config))
    finally:
        shop.run(f"SELECT pg_drop_replication_slot('{config.slot_name}')")


async def test_with_never_reading_goes_on_where_the_slot_is(shop: Database) -> None:
    config = shop.config(snapshot={"mode": "never"})
    shop.run("CREATE PUBLICATION rivven_pub FOR TABLE orders")
    shop.run(f"SELECT pg_create_logical_replication_slot('{config.slot_name}', 'pgoutput')")
    shop.run("INSERT INTO orders VALUES (9001, 'a')")
    found = await read(config)
    assert found.data("orders") == [{"id": 9001, "note": "a"}]


async def test_a_table_that_is_chosen_later_is_read_from_its_start(shop: Database) -> None:
    shop.run("CREATE TABLE more (id int PRIMARY KEY)")
    shop.run("INSERT INTO more VALUES (1), (2)")
    config = shop.config()
    first = await read(config, streams=["orders"])
    error = await refused(config, first.state)
    assert 'ADD TABLE ONLY "public"."more"' in str(error)
    shop.run("ALTER PUBLICATION rivven_pub ADD TABLE ONLY more")
    shop.run("INSERT INTO more VALUES (3)")
    second = await read(config, first.state)
    assert set(replica(second.events, ["id"])) == {(1,), (2,), (3,)}
    assert {one.stream for one in second.events} == {"more"}


async def streaming(shop: Database, **more: Any) -> tuple[Any, State]:
    config = shop.config(**more)
    found = await read(config)
    shop.run("INSERT INTO orders VALUES (9001, 'a')")
    return config, found.state


async def gap(config: Any, state: State) -> str:
    error = await refused(config, state)
    assert error.kind is ErrorKind.STATE
    assert str(error).startswith("gap: ")
    assert "rivven state reset" in str(error)
    return str(error)


async def test_f35_a_slot_that_is_gone_is_a_gap(shop: Database) -> None:
    config, state = await streaming(shop)
    shop.run(f"SELECT pg_drop_replication_slot('{config.slot_name}')")
    assert "is gone" in await gap(config, state)
    assert shop.slot() is None, "it is not created again"


async def test_f35_a_slot_that_others_read_from_is_a_gap(shop: Database) -> None:
    config, state = await streaming(shop)
    shop.run(
        f"SELECT pg_replication_slot_advance('{config.slot_name}', pg_current_wal_flush_lsn())"
    )
    assert "somebody else has moved" in await gap(config, state)


@pytest.mark.parametrize("again", [False, True])
async def test_f35_a_publication_that_was_dropped_is_a_gap(shop: Database, again: bool) -> None:
    config, state = await streaming(shop)
    shop.run("DROP PUBLICATION rivven_pub")
    if again:
        shop.run("CREATE PUBLICATION rivven_pub FOR TABLE orders")
    assert "publication was dropped" in await gap(config, state)


async def test_f35_a_state_of_another_server_is_a_gap(shop: Database) -> None:
    config, state = await streaming(shop)
    saved = state.to_json()
    saved["_state"]["system"] = "7"
    assert "another server" in await gap(config, State.from_json(dict(saved)))


async def test_f35_a_log_that_ends_before_our_place_is_a_gap(shop: Database) -> None:
    config, state = await streaming(shop)
    saved = state.to_json()
    saved["_state"]["lsn"] = lsn_text(parse_lsn(shop.lsn()) + (1 << 32))
    assert "older copy" in await gap(config, State.from_json(dict(saved)))
    saved["_state"]["timeline"] = 9
    assert "timeline 1" in await gap(config, State.from_json(dict(saved)))


async def test_a_state_that_is_none_of_ours_is_refused(shop: Database) -> None:
    config, state = await streaming(shop)
    for broken in ({"lsn": "?"}, {"lsn": 5}, {}, {"skip": "x"}):
        saved = {
            **state.to_json(),
            "_state": {**state.to_json()["_state"], **broken} if broken else {"a": 1},
        }
        error = await refused(config, State.from_json(dict(saved)))
        assert error.kind is ErrorKind.STATE


async def test_f35_a_reader_that_is_held_up_is_not_dropped_by_the_server() -> None:
    """The server ends connections that say nothing for a second; nobody reads for three."""
    with (
        postgres_server(wal_sender_timeout="1s") as server,
        psycopg.connect(server.dsn, autocommit=True, cursor_factory=psycopg.RawCursor) as own,
    ):
        database = Database(server.dsn, own)
        database.run("CREATE TABLE orders (id int PRIMARY KEY, note text)")
        config = database.config(mode="follow", heartbeat_interval_ms=200)
        source = PostgresCdcSource()
        catalog = ConfiguredCatalog.from_catalog(await source.discover(config))
        found = Read()
        async with contextlib.aclosing(source.read(config, catalog, None)) as items:
            try:
                async for item in items:
                    if found.take(item):
                        await source.acknowledge(config, found.state)
                    if found.states[-1][1].get("public.orders") and not found.events:
                        database.run(
                            "INSERT INTO orders SELECT g, 'x' FROM generate_series(1, 50000) g"
                        )
                    if 0 < len(found.events) <= MOST_CHANGES:
                        process = (database.slot() or {})["active_pid"]
                        await asyncio.sleep(3)
                    if len(found.events) == 50_000:
                        break
                assert (database.slot() or {})["active_pid"] == process
            finally:
                await source.close()
