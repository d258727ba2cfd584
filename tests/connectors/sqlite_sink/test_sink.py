# ruff: noqa: ASYNC240  # a test has its loop for itself
from __future__ import annotations

import contextlib
import datetime
import decimal
import errno
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlite_warehouse import SqliteWarehouse
from warehouse import KEYED, UPSERT, event, stream

from rivven_connect import ConnectorError, DestinationSyncMode, EventType, SourceEvent
from rivven_connect._tables.names import folded
from rivven_connect.connectors.sqlite_sink import SqliteSink
from rivven_connect.connectors.sqlite_sink.tables import NAMING

HOSTILE = [
    'quo"te',
    "semi; DROP TABLE victim; --",
    "x" * 64,
    "ü" * 300,
    "y" * 5_000,
    "y" * 5_000 + "z",
    "select",
    "rowid",
    "_rivven_checkpoints",
    "_rivven_key",
    "_RIVVEN_sub",
    "sqlite_master",
    "SQLite_x",
    "_sqlite_master",
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
    "[brackets]",
    "`tick`",
    "?1",
    ":name",
    "{stream}",
    "victim",
]


async def test_columns_follow_the_schema_and_keep_every_kind_of_value(
    lake: SqliteWarehouse,
) -> None:
    types = ["integer", "number", "string", "boolean", "object", "array", ["null", "string"]]
    properties = {f"c{n}": {"type": kind} for n, kind in enumerate(types)}
    schema = {"type": "object", "properties": {**properties, "any": {}}}
    await lake.prepare(stream(schema=schema))
    assert [row[2] for row in lake.query("PRAGMA table_info(s)")] == [
        *("INTEGER", "REAL", "TEXT", "INTEGER", "TEXT", "TEXT", "TEXT", ""),
    ]
    full = {"c0": 2**63 - 1, "c1": 1.5, "c2": "", "c3": True, "c4": {"a": [None]}, "c5": [1, "x"]}
    result = await lake.write(event({**full, "c6": "n\0ul", "any": "1"}), event({"any": 2**53 + 1}))
    assert result.records_written == 2
    assert lake.rows() == [
        (2**63 - 1, 1.5, "", 1, '{"a":[null]}', '[1,"x"]', "n\0ul", "1"),
        (None,) * 7 + (2**53 + 1,),
    ]


@pytest.mark.parametrize(
    ("kind", "bad", "good"),
    [
        ("integer", "5", 5),
        ("integer", {"a": 1}, 1.5),
        ("integer", 2**63, -(2**63)),
        ("number", "5", 5),
        ("number", 2**53 + 1, 2**53),
        ("number", float("nan"), float("inf")),
        ("string", 5, "5"),
        ("string", True, "True"),
        ("string", "\ud800", "\U0001f600"),
        (None, float("nan"), 1e308),
        (None, [float("nan")], [None]),
        (None, {"a": [float("-inf")]}, {"a": ["-inf"]}),
        (None, object(), 1),
        (None, [object()], []),
        (None, {"a": "\ud800"}, {}),
        (None, 2**64, 2**62),
    ],
)
async def test_what_sqlite_would_change_fails_alone(
    lake: SqliteWarehouse, kind: str | None, bad: Any, good: Any
) -> None:
    schema = {"properties": {"id": {"type": "integer"}, "v": {"type": kind} if kind else {}}}
    await lake.prepare(stream(schema=schema))
    events = [event({"id": 1, "v": good}), event({"id": 2, "v": bad}), event({"id": 3, "v": good})]
    result = await lake.write(*events)
    assert [failed.event for failed in result.failed_events] == [events[1]]
    assert lake.rows("id") == [1, 3]
    assert lake.rows("v")[0] in (good, json.dumps(good, separators=(",", ":")))


async def test_nested_loops_and_depths_fail_alone(lake: SqliteWarehouse) -> None:
    loop: list[Any] = []
    loop.append(loop)
    result = await lake.write(event({"v": loop}), event({"v": 1}), event(None), event([1]))
    assert result.records_failed == 3
    assert lake.rows() == [1]


async def test_dates_decimals_and_bytes_take_their_json_form(lake: SqliteWarehouse) -> None:
    noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    await lake.write(event({"a": noon, "b": decimal.Decimal("1.50"), "c": b"ab"}))
    assert lake.rows() == [("2026-01-01T12:00:00Z", "1.50", "YWI=")]


async def test_order_is_kept_and_fields_that_come_late_become_columns(
    lake: SqliteWarehouse,
) -> None:
    await lake.prepare(stream())
    await lake.write(event({"id": 1}), event({"id": 2, "late": "x"}), event({}), event({"id": 4}))
    await lake.write(event({"later": [1]}))
    assert lake.rows("id, late, later") == [
        *((1, None, None), (2, "x", None), (None, None, None), (4, None, None)),
        (None, None, "[1]"),
    ]


async def test_an_empty_record_is_a_row_even_in_a_table_of_its_own(lake: SqliteWarehouse) -> None:
    await lake.write(event({}), event({}))
    assert len(lake.rows()) == 2


async def test_a_changed_schema_adds_columns_and_removes_none(lake: SqliteWarehouse) -> None:
    await lake.prepare(stream())
    await lake.write(event({"id": 1, "v": "old"}))
    schema = {"properties": {"id": {"type": "integer"}, "new": {"type": "number"}}}
    await lake.prepare(stream(schema=schema))
    await lake.write(event({"id": 2, "new": 1.5}))
    assert lake.rows() == [(1, "old", None), (2, None, 1.5)]


async def test_chosen_fields_alone_become_columns(lake: SqliteWarehouse) -> None:
    chosen = stream()
    chosen.fields = ["id"]
    await lake.prepare(chosen)
    assert [row[1] for row in lake.query("PRAGMA table_info(s)")] == ["id"]


async def test_a_table_has_a_bound_and_the_record_beyond_it_fails(lake: SqliteWarehouse) -> None:
    wide = event({f"f{n}": n for n in range(1_001)})
    result = await lake.write(event({"id": 1}), wide, event({"id": 2}))
    assert [failed.event for failed in result.failed_events] == [wide]
    assert lake.rows("id") == [1, 2]


@pytest.mark.parametrize("twice", [False, True])
async def test_no_stream_name_meets_another_or_another_table(
    opened: Callable[..., SqliteWarehouse], twice: bool
) -> None:
    lake = opened()
    lake.run("CREATE TABLE victim (name); INSERT INTO victim VALUES ('kept')")
    names = [name for name in HOSTILE if name != "victim"]
    await lake.commit(event({"n": -1}, to="plain"), changed={"plain": {"at": 1}})
    for start in (0, len(names)) if twice else (0,):
        lake = opened()
        events = [event({"n": start + n}, to=name) for n, name in enumerate(names)]
        assert (await lake.write(*events)).records_written == len(names)
        names.reverse()
    own = {"victim", "plain", "_rivven_checkpoints", "_rivven_writers", "_rivven_syncs"}
    tables = lake.tables() - own - {"sqlite_sequence"}
    assert len(tables) == len(names)
    found = [row for table in tables for row in lake.rows("n", table)]
    assert sorted(found) == list(range(len(names) * (1 + twice)))
    assert lake.rows("name", "victim") == ["kept"]
    assert {len(lake.rows("n", table)) for table in tables} == {1 + twice}


@pytest.mark.parametrize("mode", ["append", "upsert"])
async def test_no_field_name_meets_another_or_a_column_of_ours(
    opened: Callable[..., SqliteWarehouse], mode: str
) -> None:
    record = {name: n for n, name in enumerate(HOSTILE)}
    key = [["id"]] if mode == "upsert" else []
    target = stream(mode=UPSERT if key else DestinationSyncMode.APPEND, key=key, schema={})
    for turn in range(2):
        lake = opened()
        await lake.prepare(target)
        fields = list(record) if turn == 0 else list(reversed(record))
        assert (await lake.write(event({f: record[f] for f in fields}))).records_written == 1
    rows = lake.rows("*")
    assert len(rows) == (1 if key else 2)
    for row in rows:
        assert sorted(row)[-len(HOSTILE) :] == list(range(len(HOSTILE)))
    assert rows[0] == rows[-1]
    columns = [row[1] for row in lake.query("PRAGMA table_info(s)")]
    assert len(columns) == len(HOSTILE) + bool(key)


def test_a_name_that_looks_like_a_marked_one_meets_none() -> None:
    names = [*HOSTILE, *(NAMING.free_name(name, ["ID", "victim"]) for name in HOSTILE)]
    taken: dict[str, str] = {}
    for name in dict.fromkeys(names):
        taken[name] = NAMING.free_name(name, taken.values())
    assert len({folded(name) for name in taken.values()}) == len(taken)
    again = {name: NAMING.free_name(name, taken.values()) for name in reversed(taken)}
    assert again == taken


def test_a_marked_name_stays_although_what_it_made_way_for_never_came() -> None:
    marked = NAMING.free_name("id", ["Id"])
    assert marked.startswith("id~")
    assert NAMING.free_name("id", [marked]) == marked


async def test_streams_that_share_a_table_are_refused_by_name(
    opened: Callable[..., SqliteWarehouse],
) -> None:
    lake = opened(table="{name}")
    with pytest.raises(ConnectorError, match=r"'a\.t' and 'b\.t' both go to table 't'"):
        await lake.prepare(stream("t", namespace="a"), stream("t", namespace="b"))


async def test_the_template_names_the_table(opened: Callable[..., SqliteWarehouse]) -> None:
    lake = opened(table="raw_{namespace}__{name}")
    await lake.prepare(stream("t", namespace="{name}"))
    assert lake.tables() == {"raw_{name}__t"}
    lake = opened()
    await lake.prepare(stream("t", namespace="a"))
    assert "a.t" in lake.tables()


async def test_overwriting_is_refused(lake: SqliteWarehouse) -> None:
    with pytest.raises(ConnectorError, match="does not overwrite") as caught:
        await lake.prepare(stream(mode=DestinationSyncMode.OVERWRITE))
    assert caught.value.fatal


async def test_changes_are_inserted_with_their_type(lake: SqliteWarehouse) -> None:
    await lake.prepare(stream())
    await lake.write(
        event({"id": 0}),
        SourceEvent.insert("s", {"id": 1}),
        SourceEvent.update("s", {"id": 1}, {"id": 2}),
        SourceEvent.delete("s", {"id": 2}),
        SourceEvent.update("s", {"id": 1}, None),
    )
    assert lake.rows("id, _rivven_type") == [(0, None), (1, "insert"), (2, "update"), (2, "delete")]


async def test_control_events_are_no_rows(lake: SqliteWarehouse) -> None:
    odd = SourceEvent(stream="_log", data={"level": "info"}, event_type=EventType.LOG)
    assert (await lake.write(odd, event({"id": 1}))).records_written == 2
    assert lake.tables() == {"s"}


async def test_a_constraint_of_a_foreign_table_fails_the_record(lake: SqliteWarehouse) -> None:
    lake.run("CREATE TABLE s (n INTEGER PRIMARY KEY, id INT CHECK (id < 5), at DEFAULT 'now')")
    result = await lake.write(event({"id": 1}), event({"id": 9}), event({"id": 2}))
    assert [failed.event.data["id"] for failed in result.failed_events] == [9]
    assert lake.rows() == [(1, 1, "now"), (2, 2, "now")]


async def test_a_table_that_somebody_else_changes_meanwhile_is_looked_at_again(
    lake: SqliteWarehouse,
) -> None:
    await lake.write(event({"id": 1}))
    lake.run("ALTER TABLE s ADD COLUMN v TEXT")
    result = await lake.write(event({"id": 2, "v": 5}), event({"id": 3, "v": "x"}))
    assert result.records_failed == 1
    lake.run("DROP TABLE s")
    await lake.write(event({"id": 4}))
    assert lake.rows() == [4]


async def test_a_locked_database_is_worth_another_try(
    opened: Callable[..., SqliteWarehouse],
) -> None:
    lake = opened(busy_timeout_ms=1)
    await lake.write(event({"id": 1}))
    with contextlib.closing(sqlite3.connect(lake.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConnectorError, match="locked") as caught:
            await lake.write(event({"id": 2}))
    assert caught.value.retryable
    await lake.write(event({"id": 3}))
    assert lake.rows() == [1, 3]


async def test_a_reader_that_stays_lets_the_commit_be_tried_again(
    opened: Callable[..., SqliteWarehouse],
) -> None:
    lake = opened(busy_timeout_ms=1)
    await lake.write(event({"id": 1}))
    with contextlib.closing(sqlite3.connect(lake.path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM s").fetchall()
        with pytest.raises(ConnectorError, match="locked"):
            await lake.write(event({"id": 2}))
    await lake.write(event({"id": 2}))
    assert lake.rows() == [1, 2]


async def test_a_full_disk_is_told_as_one_and_leaves_nothing(
    lake: SqliteWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sqlite3.connect

    def small(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*args, **options)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)
    await lake.commit(event({"id": 1}), changed={"s": {"at": 1}})
    big = [event({"id": n, "v": "x" * 5_000}) for n in range(40)]
    with pytest.raises(OSError, match="No space") as caught:
        await lake.commit(*big, changed={"s": {"at": 2}})
    assert caught.value.errno == errno.ENOSPC
    await lake.commit(event({"id": 2}), changed={"s": {"at": 3}})
    assert lake.rows("id") == [1, 2]
    assert await lake.checkpoint() == {"s": {"at": 3}}


async def test_a_damaged_database_stops_the_pipeline(lake: SqliteWarehouse) -> None:
    await lake.write(*[event({"id": n, "v": "x" * 500}) for n in range(100)])
    await lake.sink.close()
    with lake.path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 20_000)
    with pytest.raises(ConnectorError, match="is damaged") as caught:
        await lake.write(event({"id": 1}))
    assert caught.value.fatal


@pytest.mark.parametrize("journal", ["delete", "wal"])
async def test_a_file_that_is_deleted_meanwhile_is_an_error(
    opened: Callable[..., SqliteWarehouse], journal: str
) -> None:
    lake = opened(journal_mode=journal)
    await lake.write(event({"id": 1}))
    lake.path.unlink()
    with pytest.raises(ConnectorError, match="was deleted"):
        await lake.write(event({"id": 2}))


@pytest.mark.parametrize("path", [":memory:", "file:a.db?mode=memory", "new/folder/ä b.db"])
async def test_every_path_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    lake = SqliteWarehouse(Path(path))
    await lake.write(event({"id": 1}))
    await lake.sink.close()
    lake.path = tmp_path / path
    assert lake.rows() == [1]


async def test_the_journal_mode_is_the_databases_own_unless_one_is_named(
    opened: Callable[..., SqliteWarehouse],
) -> None:
    for options, mode in (({}, "delete"), ({"journal_mode": "wal"}, "wal"), ({}, "wal")):
        lake = opened(**options)
        await lake.write(event({"id": 1}))
        assert lake.query("PRAGMA journal_mode") == [(mode,)]
        await lake.sink.close()


async def test_the_check_says_what_is_wrong_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello, this is no database")
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    verdicts = {}
    for name in ("new/a.db", "text", "empty", "pipe", "text/a.db"):
        lake = SqliteWarehouse(tmp_path / name)
        verdicts[name] = (await lake.sink.check(lake.config)).message
    assert verdicts["new/a.db"] is None
    assert verdicts["empty"] is None
    assert "is no SQLite database" in str(verdicts["text"])
    assert "is not a regular file" in str(verdicts["pipe"])
    assert "is not a folder" in str(verdicts["text/a.db"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "pipe", "text"]


async def test_the_loop_never_waits_for_sqlite(lake: SqliteWarehouse) -> None:
    await lake.prepare(stream())
    names = {thread.name for thread in threading.enumerate()}
    assert sum(name.startswith("rivven-sqlite-sink") for name in names) == 1
    await lake.sink.close()
    assert not any(t.name.startswith("rivven-sqlite-sink") for t in threading.enumerate())
    await SqliteSink().close()


async def test_a_table_with_doubled_keys_is_refused_and_one_without_is_used(
    opened: Callable[..., SqliteWarehouse],
) -> None:
    lake = opened()
    lake.run("CREATE TABLE s (id INTEGER, v TEXT); INSERT INTO s VALUES (1, 'a'), (1, 'b')")
    with pytest.raises(ConnectorError, match="several rows of one key"):
        await lake.prepare(KEYED)
    lake.run("DELETE FROM s WHERE v = 'b'")
    await lake.prepare(KEYED)
    await lake.write(event({"id": 1, "v": "c"}))
    assert lake.rows("id, v") == [(1, "c")]
