from __future__ import annotations

import asyncio
import datetime
import decimal
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from postgres_warehouse import PostgresWarehouse, of_types
from warehouse import KEYED, OWN, UPSERT, event, records, stream

from rivven_connect import ConnectorError, DestinationSyncMode, EventType, SourceEvent
from rivven_connect.connectors.postgres_sink import PostgresSink
from services.postgres import PostgresServer

HOSTILE = [
    'quo"te',
    "semi; DROP TABLE victim; --",
    "x" * 63,
    "x" * 64,
    "ü" * 300,
    "y" * 5_000,
    "y" * 5_000 + "z",
    "select",
    "xmin",
    "CTID",
    "_rivven_checkpoints",
    "_rivven_key",
    "_RIVVEN_sub",
    "pg_class",
    "",
    " ",
    "nul\0",
    "nul_",
    "new\nline",
    "\ud800",
    "Id",
    "id",
    "ID",
    "id~b4dc0ffee000",
    "$1",
    "%s",
    "%",
    "?",
    "\\",
    "'",
    "{stream}",
    "victim",
]


async def test_columns_follow_the_schema_and_keep_every_kind_of_value(
    lake: PostgresWarehouse,
) -> None:
    types = ["integer", "number", "string", "boolean", "object", "array", ["null", "string"]]
    properties: dict[str, Any] = {f"c{n}": {"type": kind} for n, kind in enumerate(types)}
    properties["day"] = {"type": "string", "format": "date"}
    properties["at"] = {"type": "string", "format": "date-time"}
    await lake.prepare(stream(schema={"properties": {**properties, "any": {}}}))
    assert lake.types() == [
        *("bigint", "double precision", "text", "boolean", "jsonb", "jsonb", "text"),
        *("date", "text", "jsonb"),
    ]
    moment = "2026-01-01T12:00:00.123456789+02:00"
    full = {"c0": 2**63 - 1, "c1": 1.5, "c2": "", "c3": True, "c4": {"a": [None]}, "c5": [1, "x"]}
    more = {"c6": "tab\tback\\slash\nline\r\\N", "day": "2026-02-28", "at": moment, "any": "1"}
    result = await lake.write(event({**full, **more}), event({"any": 2**70}))
    assert result.records_written == 2
    day = datetime.date(2026, 2, 28)
    assert lake.rows() == [
        (2**63 - 1, 1.5, "", True, {"a": [None]}, [1, "x"], more["c6"], day, moment, "1"),
        (None,) * 9 + (2**70,),
    ]


@pytest.mark.parametrize(
    ("kind", "bad", "good"),
    [
        ("bigint", "5", 5),
        ("bigint", True, 5.0),
        ("bigint", 1.5, -(2**63)),
        ("bigint", 2**63, 0),
        ("bigint", [1], 1),
        ("double precision", "5", 5),
        ("double precision", 2**53 + 1, 2**53),
        ("double precision", "nan", "NaN"),
        ("double precision", {"a": 1}, "-Infinity"),
        ("text", 5, "5"),
        ("text", False, "f"),
        ("text", "\ud800", "\U0001f600"),
        ("text", "nul\0", "nul"),
        ("text", ["a"], '["a"]'),
        ("character varying(3)", "four", "tri"),
        ("numeric(4,2)", "100.00", "99.99"),
        ("numeric", "1,5", "1.5"),
        ("boolean", 1, True),
        ("boolean", "t", False),
        ("date", "2026-02-30", "2026-02-28"),
        ("timestamp with time zone", "noon", "2026-01-01T12:00:00+00:00"),
        ("uuid", "no-uuid", "6ecd8c99-4036-403d-bf84-cf8400f67836"),
        ("bytea", "YWI=", "\\x00ff"),
        ("jsonb", {"a": "nul\0"}, {"a": "nul"}),
        ("jsonb", [float("nan")], [None]),
        ("jsonb", object(), {}),
        ("jsonb", {"a": "\ud800"}, {}),
        ("integer[]", ["x"], [1, None]),
        ("integer[]", {"a": 1}, "[0:1]={1,2}"),
        ("integer[]", [[1], 2], [[1], [2]]),
        ("inet", "300.0.0.1", "10.0.0.1"),
        ("tsquery", "a b", "'a' & 'b'"),
        ("tsvector", "'a", "'a':1"),
        ("name", "ü" * 32, "ü" * 31),
        ('"char"', "ab", "\\303"),
        ('"char"', "ü", "a"),
    ],
)
async def test_what_a_column_cannot_hold_fails_alone(
    lake: PostgresWarehouse, kind: str, bad: Any, good: Any
) -> None:
    for mode, key in ((DestinationSyncMode.APPEND, []), (UPSERT, [["id"]])):
        target = stream(mode.value, mode=mode, key=key, schema=of_types(id="bigint", v=kind))
        await lake.prepare(target)
        events = [
            event({"id": n, "v": value}, to=mode.value) for n, value in enumerate((good, bad, good))
        ]
        result = await lake.write(*events)
        assert [failed.event for failed in result.failed_events] == [events[1]]
        assert sorted(lake.rows("id", mode.value)) == [0, 2]
        assert lake.rows("v IS NULL", mode.value) == [False, False]


@pytest.mark.parametrize("kind", ["bigint", "numeric", "jsonb"])
async def test_an_integer_of_thousands_of_digits_fails_alone(
    lake: PostgresWarehouse, kind: str
) -> None:
    await lake.prepare(stream(schema=of_types(id=kind)))
    events = [event({"id": 1}), event({"id": 10**5_000}), event({"id": 2})]
    result = await lake.write(*events)
    assert [failed.event for failed in result.failed_events] == events[1:2]


@pytest.mark.parametrize(
    ("kind", "bad", "says"),
    [
        ("uuid", 'tell"nobody', 'invalid input syntax for type uuid: "..." (22P02)'),
        ("tsquery", "tell nobody", 'syntax error in tsquery: "..." (42601)'),
    ],
)
async def test_a_refusal_does_not_say_the_value(
    lake: PostgresWarehouse, kind: str, bad: str, says: str
) -> None:
    await lake.prepare(stream(schema=of_types(id=kind)))
    result = await lake.write(event({"id": bad}))
    assert result.errors == [says]


VALUES = {
    "boolean": ["true", "false"],
    "smallint": ["-32768"],
    "integer": ["0"],
    "bigint": ["-9223372036854775808"],
    "oid": ["4294967295"],
    "real": ["0.1", "'NaN'", "'-Infinity'", "1e-40"],
    "double precision": ["0.1", "'NaN'", "'Infinity'", "1e308", "5e-324"],
    "numeric": ["1.10", "'NaN'", "'Infinity'", "1e-30", repr(10**100), "0.000"],
    "numeric(12,3)": ["123456789.125"],
    "text": ["''", "'NULL'", "E'\\\\N'", "E'a\\tb\\nc\\rd\\\\e'", "'🙂'", "'{\"a\": 1}'"],
    "character varying(20)": ["'trailing  '"],
    "character(5)": ["'ab'"],
    '"char"': ["'x'"],
    "name": ["'n'"],
    "bytea": ["'\\x00ff'", "''"],
    "uuid": ["'6ECD8C99-4036-403D-BF84-CF8400F67836'"],
    "date": ["'2026-02-28'", "'infinity'", "'0044-03-15 BC'"],
    "time without time zone": ["'23:59:59.999999'"],
    "time with time zone": ["'12:00:00+02:30'"],
    "timestamp without time zone": ["'2026-01-01 12:00:00.000001'", "'-infinity'"],
    "timestamp(3) with time zone": ["'2026-01-01 12:00:00.123+05'", "'0044-03-15 12:00:00+00 BC'"],
    "interval": ["'1 year -2 mons 3 days -04:05:06.789'"],
    "json": ['\'{"a": [1, null, "x"]}\'', "'\"text\"'", "'5'"],
    "jsonb": ['\'{"b": {"c": 1.5}, "a": []}\'', "'true'"],
    "inet": ["'10.0.0.1/8'", "'::1'"],
    "cidr": ["'10.0.0.0/8'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "bit(4)": ["B'1010'"],
    "bit varying(8)": ["B'101'"],
    "money": ["12.34"],
    "tsvector": ["'a:1 b:2'"],
    "point": ["'(1.5,2)'"],
    "int4range": ["'[1,5)'", "'empty'"],
    "datemultirange": ["'{[2026-01-01,2026-01-02)}'"],
    "integer[]": ["'{1,NULL,3}'", "'{}'", "'{{1,2},{3,4}}'"],
    "text[]": ["ARRAY['a,b', 'NULL', NULL, E'quo\"te\\\\', '', '{}']"],
    "numeric(5,1)[]": ["'{1.5,NaN}'"],
    "boolean[]": ["'{t,f}'"],
    "timestamp with time zone[]": ["'{2026-01-01 12:00:00+00}'"],
    "bytea[]": ["ARRAY['\\x00'::bytea]"],
    "jsonb[]": ["ARRAY['{\"a\": [1]}'::jsonb, '[1,2]'::jsonb]"],
}


@pytest.mark.parametrize("mode", ["append", "upsert"])
async def test_a_replica_equals_the_primary_in_every_type(
    lake: PostgresWarehouse, mode: str
) -> None:
    """Rows as the PostgreSQL sources give them, into a table made by the sink."""
    columns = {f"c{n}": kind for n, kind in enumerate(VALUES)}
    most = max(map(len, VALUES.values()))
    lake.run(
        "CREATE TABLE origin (id int PRIMARY KEY, "
        + ", ".join(f"{name} {kind}" for name, kind in columns.items())
        + ")"
    )
    for number in range(most + 1):
        values = [(each[number : number + 1] or ["NULL"])[0] for each in VALUES.values()]
        lake.run(f"INSERT INTO origin VALUES ({number}, {', '.join(values)})")
    schema, rows = lake.as_source("origin")
    upserts = mode == "upsert"
    await lake.prepare(
        stream(
            "copy",
            mode=UPSERT if upserts else DestinationSyncMode.APPEND,
            key=[["id"]] if upserts else [],
            schema=schema,
        )
    )
    for _ in range(1 + upserts):
        result = await lake.write(*(event(row, to="copy") for row in rows))
        assert result.errors == []
    assert lake.types("copy") == lake.types("origin")
    # A source gives the value of a json and not its text, so white space may differ.
    texts = "id::text, " + ", ".join(
        f"{name}::{'jsonb::text' if kind == 'json' else 'text'}" for name, kind in columns.items()
    )
    assert sorted(lake.rows(texts, "copy")) == sorted(lake.rows(texts, "origin"))


async def test_a_table_that_is_there_keeps_its_types_and_what_is_its_own(
    lake: PostgresWarehouse,
) -> None:
    lake.run(
        "CREATE TYPE mood AS ENUM ('fine', 'so so'); CREATE DOMAIN age AS int CHECK (VALUE >= 0);"
        "CREATE TABLE s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v mood, years age, "
        "price numeric(6,2), double numeric GENERATED ALWAYS AS (price * 2) STORED, "
        "tags text[], note text DEFAULT 'ours', seen timestamptz DEFAULT now())"
    )
    await lake.prepare(KEYED)
    good = {"id": 1, "v": "fine", "years": 30, "price": "12.34", "double": 1, "tags": ["a"]}
    bad = [{**good, "v": "bad"}, {**good, "years": -1}, {**good, "price": "12345.678"}]
    result = await lake.write(event(good), *map(event, bad))
    assert [failed.event.data for failed in result.failed_events] == bad
    lake.run("UPDATE s SET note = 'by hand'")
    assert not (await lake.write(event({**good, "v": "so so", "new": 1}))).has_failures()
    assert lake.rows("id, v, years, price::text, double::text, tags, note, new") == [
        (1, "so so", 30, "12.34", "24.68", ["a"], "by hand", 1)
    ]


async def test_without_a_unique_index_an_upsert_says_what_to_run(lake: PostgresWarehouse) -> None:
    lake.run("CREATE TABLE s (id bigint, v jsonb); INSERT INTO s VALUES (1, '1'), (1, '2')")
    with pytest.raises(ConnectorError, match="no unique index on its key") as caught:
        await lake.prepare(KEYED)
    assert caught.value.fatal
    statement = str(caught.value).partition("run ")[2].partition(";")[0]
    lake.run("DELETE FROM s WHERE v = '1'")
    lake.run(statement)
    await lake.prepare(KEYED)
    await lake.write(event({"id": 1, "v": 3}), event({"id": 2, "v": 4}))
    assert sorted(lake.rows("id, v")) == [(1, 3), (2, 4)]


async def test_an_index_of_others_allows_one_record_a_key(lake: PostgresWarehouse) -> None:
    lake.run("CREATE TABLE s (id bigint PRIMARY KEY, v jsonb)")
    await lake.prepare(KEYED)
    shared = [event({"id": 1, "v": n}, position=1, sub=n) for n in range(3)]
    result = await lake.write(*shared, *(event({"id": n}, position=2, sub=n) for n in range(2, 5)))
    assert [failed.event for failed in result.failed_events] == shared[1:]
    assert sorted(lake.rows("id")) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("kind", "same"),
    [
        ("numeric", ("1.0", "1.00")),
        ("uuid", (str(uuid.UUID(int=10)).upper(), str(uuid.UUID(int=10)))),
    ],
)
async def test_keys_that_postgresql_takes_for_the_same_stay_in_order(
    lake: PostgresWarehouse, kind: str, same: tuple[str, str]
) -> None:
    one, other = same
    await lake.prepare(
        stream(mode=UPSERT, key=[["id"]], schema=of_types(id=kind, v="text", w="text"))
    )
    await lake.write(event({"id": one, "v": "a"}), SourceEvent.delete("s", {"id": other}))
    assert lake.rows("v") == []
    await lake.write(SourceEvent.delete("s", {"id": one}), event({"id": other, "v": "b", "w": "c"}))
    await lake.write(SourceEvent.update("s", {"id": other}, {"id": one, "v": "d"}))
    assert lake.rows("id::text, v, w") == [(one.lower(), "d", "c")]


async def test_an_update_of_a_column_that_may_not_be_null_may_leave_it_out(
    lake: PostgresWarehouse,
) -> None:
    lake.run("CREATE TABLE s (id bigint PRIMARY KEY, v jsonb, w text NOT NULL)")
    await lake.prepare(KEYED)
    await lake.write(event({"id": 1, "v": 1, "w": "large"}))
    missing = SourceEvent.update("s", None, {"id": 2, "v": 2})
    result = await lake.write(SourceEvent.update("s", None, {"id": 1, "v": 2}), missing)
    assert [failed.event for failed in result.failed_events] == [missing]
    assert lake.rows() == [(1, 2, "large")]


async def test_constraints_triggers_and_deferred_checks_fail_the_record(
    lake: PostgresWarehouse,
) -> None:
    lake.run(
        "CREATE TABLE parent (id bigint PRIMARY KEY); INSERT INTO parent VALUES (1), (2), (3);"
        "CREATE TABLE s (id bigint REFERENCES parent DEFERRABLE INITIALLY DEFERRED, v jsonb);"
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.v = '13' THEN RAISE 'unlucky'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER t BEFORE INSERT ON s FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    events = [event({"id": id_, "v": v}) for id_, v in ((1, 1), (9, 1), (2, 13), (3, 1))]
    result = await lake.write(*events)
    assert [failed.event for failed in result.failed_events] == events[1:3]
    assert lake.rows("id") == [1, 3]


@pytest.mark.parametrize("twice", [False, True])
async def test_no_stream_name_meets_another_or_another_table(
    opened: Callable[..., PostgresWarehouse], twice: bool
) -> None:
    lake = opened()
    lake.run("CREATE TABLE victim (name text); INSERT INTO victim VALUES ('kept')")
    names = [name for name in HOSTILE if name != "victim"]
    await lake.commit(event({"n": -1}, to="plain"), changed={"plain": {"at": 1}})
    for start in (0, len(names)) if twice else (0,):
        lake = opened()
        events = [event({"n": start + n}, to=name) for n, name in enumerate(names)]
        assert (await lake.write(*events)).errors == []
        names.reverse()
    tables = lake.tables() - {"victim", "plain", *OWN}
    assert len(tables) == len(names)
    found = [row for table in tables for row in lake.rows("n", table)]
    assert sorted(found) == list(range(len(names) * (1 + twice)))
    assert lake.rows("name", "victim") == ["kept"]


@pytest.mark.parametrize("mode", ["append", "upsert"])
async def test_no_field_name_meets_another_or_a_column_of_ours(
    opened: Callable[..., PostgresWarehouse], mode: str
) -> None:
    record = {name: n for n, name in enumerate(HOSTILE)}
    key = [["id"], ["new\nline"]] if mode == "upsert" else []
    target = stream(mode=UPSERT if key else DestinationSyncMode.APPEND, key=key, schema={})
    for turn in range(2):
        lake = opened()
        await lake.prepare(target)
        fields = list(record) if turn == 0 else list(reversed(record))
        written = await lake.write(event({field: record[field] for field in fields}))
        assert written.errors == []
    rows = lake.rows()
    assert len(rows) == (1 if key else 2)
    for row in rows:
        assert sorted(row) == list(range(len(HOSTILE)))
    if key:
        gone = {"id": record["id"], "new\nline": record["new\nline"]}
        await lake.write(SourceEvent.update("s", gone, {**gone, "id": -1, "Id": "moved"}))
        (row,) = lake.rows()
        others = [value for name, value in record.items() if name not in ("id", "Id")]
        assert Counter(row) == Counter([-1, "moved", *others])
        await lake.write(SourceEvent.delete("s", {**gone, "id": -1}))
        assert lake.rows() == []


async def test_hostile_schemas_and_types_never_become_statements(
    opened: Callable[..., PostgresWarehouse],
) -> None:
    for n, name in enumerate(("pg_temp", 'Quo"te; DROP SCHEMA public', "z" * 70, "_rivven", "a.b")):
        lake = opened()
        types = (
            "text); DROP TABLE x; --",
            "integer[][]",
            "int4; --",
            "bit(1)(2)",
            "char(0)",
            "TEXT",
            "mood",
            "bigint primary key",
        )
        schema = of_types(*types)
        await lake.prepare(stream("t", namespace=name, schema=schema))
        await lake.write(SourceEvent(stream="t", namespace=name, data={"c0": n, "c4": "x"}))
    kinds = lake.query(
        "SELECT DISTINCT format_type(atttypid, -1) FROM pg_attribute a JOIN pg_class c "
        "ON c.oid = attrelid WHERE relname = 't' AND attnum > 0"
    )
    assert kinds == [("jsonb",)]
    assert lake.query("SELECT count(*) FROM pg_tables WHERE tablename = 't'") == [(5,)]


async def test_schema_and_table_come_from_the_templates(
    opened: Callable[..., PostgresWarehouse],
) -> None:
    await opened().prepare(stream("t", namespace="shop"), stream("bare"))
    lake = opened(schema="raw", table="{namespace}__{name}", default_schema="ours")
    await lake.prepare(stream("t", namespace="{name}"))
    await lake.commit(changed={"s": {"at": 1}})
    assert lake.tables("shop") == {"t"}
    assert lake.tables("public") == {"bare"}
    assert lake.tables("raw") == {"{name}__t"}
    assert lake.tables("ours") == OWN
    with pytest.raises(ConnectorError, match="both go to table"):
        await opened().prepare(stream("t", namespace="public"), stream("t"))


async def test_a_table_that_somebody_else_changes_meanwhile_is_looked_at_again(
    opened: Callable[..., PostgresWarehouse],
) -> None:
    lake = opened()
    await lake.prepare(KEYED)
    await lake.write(event({"id": 1, "v": 1, "w": 1}))
    for change in (
        "ALTER TABLE s DROP COLUMN w",
        "ALTER TABLE s ALTER COLUMN v TYPE text USING v::text",
        "ALTER TABLE s DROP COLUMN x, ADD COLUMN x integer",
        "DROP TABLE s",
        "DROP SCHEMA public CASCADE",
    ):
        lake.run(change)
        written = await lake.write(event({"id": 1, "v": "2", "w": 2, "x": 3}))
        assert written.errors == [], change
    assert lake.rows("id, v, w, x") == [(1, "2", 2, 3)]


async def test_two_sinks_that_make_one_table_at_once_both_write(
    opened: Callable[..., PostgresWarehouse],
) -> None:
    sinks = [opened() for _ in range(4)]
    writes = [one.commit(*records(n), changed={f"s{n}": {"at": n}}) for n, one in enumerate(sinks)]
    found = await asyncio.gather(*writes, return_exceptions=True)
    for one in found:
        assert not isinstance(one, BaseException) or "another process" in str(one)
    assert sinks[0].tables() >= {"s"}


async def test_dates_decimals_and_bytes_take_their_json_form(lake: PostgresWarehouse) -> None:
    await lake.prepare(stream(schema=of_types(a="text", b="numeric", c="bytea")))
    noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    await lake.write(event({"a": noon, "b": decimal.Decimal("1.50"), "c": b"\0b"}))
    assert lake.rows("a, b::text, c") == [("2026-01-01T12:00:00Z", "1.50", b"\0b")]


async def test_overwriting_is_refused(lake: PostgresWarehouse) -> None:
    with pytest.raises(ConnectorError, match="does not overwrite") as caught:
        await lake.prepare(stream(mode=DestinationSyncMode.OVERWRITE))
    assert caught.value.fatal


async def test_control_events_are_no_rows(lake: PostgresWarehouse) -> None:
    odd = SourceEvent(stream="_log", data={"level": "info"}, event_type=EventType.LOG)
    assert (await lake.write(odd, event({"id": 1}))).records_written == 2
    assert lake.tables() == {"s"}


async def test_a_table_has_a_bound_and_the_record_beyond_it_fails(lake: PostgresWarehouse) -> None:
    wide = event({f"f{n}": n for n in range(1_001)})
    result = await lake.write(event({"id": 1}), wide, event({"id": 2}))
    assert [failed.event for failed in result.failed_events] == [wide]
    assert lake.rows("id") == [1, 2]


async def test_an_empty_record_is_a_row(lake: PostgresWarehouse) -> None:
    await lake.write(event({}), event({}))
    await lake.write(event({"id": 1}), event({}))
    assert len(lake.rows()) == 4


async def test_the_check_says_what_is_missing_and_changes_nothing(
    opened: Callable[..., PostgresWarehouse], postgres_server: PostgresServer, postgres: str
) -> None:
    lake = opened()
    lake.run("DROP ROLE IF EXISTS guest")
    lake.run("CREATE ROLE guest LOGIN; CREATE SCHEMA private")
    before = lake.query("SELECT count(*) FROM pg_class")
    guest = postgres.replace("postgres@", "guest@")
    expected = {
        "": None,
        "public": "may neither make tables in schema 'public'",
        "private": "may neither make tables in schema 'private'",
        "new": "schema 'new' does not exist",
    }
    assert (await lake.sink.check(lake.config)).message is None
    for schema, message in expected.items():
        if schema:
            one = PostgresWarehouse(guest, default_schema=schema)
            assert message is not None
            assert message in str((await one.sink.check(one.config)).message)
    lake.run("GRANT USAGE, CREATE ON SCHEMA public TO guest")
    one = PostgresWarehouse(guest)
    assert (await one.sink.check(one.config)).message is None
    assert lake.query("SELECT count(*) FROM pg_class") == before
    nowhere = PostgresWarehouse(postgres.rsplit("/", 1)[0] + "/nowhere")
    assert "nowhere" in str((await nowhere.sink.check(nowhere.config)).message)
    lake.run("DROP OWNED BY guest; DROP ROLE guest")


async def test_a_commit_is_durable_whatever_the_role_s_setting(lake: PostgresWarehouse) -> None:
    name = lake.dsn.rsplit("/", 1)[1]
    lake.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    lake.run(
        "CREATE TABLE s (id bigint, v text);"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "NEW.v = current_setting('synchronous_commit'); RETURN NEW; END $$;"
        "CREATE TRIGGER t BEFORE INSERT ON s FOR EACH ROW EXECUTE FUNCTION note()"
    )
    await lake.write(event({"id": 1}))
    assert lake.rows("v") == ["on"]


async def test_the_loop_never_waits_for_postgresql(lake: PostgresWarehouse) -> None:
    await lake.prepare(stream())
    names = {thread.name for thread in threading.enumerate()}
    assert sum(name.startswith("rivven-postgres-sink") for name in names) == 1
    await lake.sink.close()
    assert not any(t.name.startswith("rivven-postgres-sink") for t in threading.enumerate())
    await PostgresSink().close()
