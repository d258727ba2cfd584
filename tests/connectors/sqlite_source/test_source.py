"""What is read of real database files, and that nothing of them changes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rivven_connect import (
    ConfiguredCatalog,
    ConnectorError,
    EventBatch,
    JsonObject,
    Poison,
    State,
    SyncMode,
)
from rivven_connect.connectors.sqlite_source import SqliteSource
from rivven_connect.connectors.sqlite_source._generated import SqliteSourceConfig
from rivven_connect.connectors.sqlite_source.database import Reader
from rivven_connect.connectors.sqlite_source.queries import Query
from rivven_connect.connectors.sqlite_source.tables import Column, Described
from rivven_connect.testing.harness import note_state

HOSTILE = (
    'a"b',
    "semi;colon",
    "select",
    "x" * 80,
    "naïve ✓",
    "' OR 1=1 --",
    "{stream}",
    "%s",
    "new\nline",
)


class Shop:
    """A database file, and what a source gives of it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *statements: str, rows: Sequence[Sequence[Any]] = ()) -> None:
        """Run statements; the last one for each of the rows, if there are any."""
        with contextlib.closing(sqlite3.connect(self.path)) as database, database:
            for statement in statements[:-1] if rows else statements:
                database.execute(statement)
            if rows:
                database.executemany(statements[-1], rows)

    def config(self, *tables: JsonObject, **options: Any) -> SqliteSourceConfig:
        values = {"path": str(self.path), "batch_size": 3, **options}
        if tables:
            values["tables"] = [one["name"] for one in tables]
            values["streams"] = {one["name"]: _options(one) for one in tables}
        return SqliteSourceConfig.model_validate(values)

    def read(
        self,
        *tables: JsonObject,
        state: JsonObject | None = None,
        mode: SyncMode | None = None,
        **options: Any,
    ) -> Found:
        return asyncio.run(self._read(self.config(*tables, **options), state, mode))

    async def _read(
        self, config: SqliteSourceConfig, state: JsonObject | None, mode: SyncMode | None
    ) -> Found:
        source = SqliteSource()
        catalog = await source.discover(config)
        modes = {one.name: mode for one in catalog.streams} if mode else None
        chosen = ConfiguredCatalog.from_catalog(catalog, modes)
        found = Found()
        async for item in source.read(config, chosen, State.from_json(state) if state else None):
            if isinstance(item, Poison):
                found.poison.append(item)
                continue
            if isinstance(item, EventBatch):
                found.records.setdefault(item.stream, []).extend(item.rows())
            if note_state(found.state, item):
                found.states.append((len(found.of("t")), dict(found.state)))
        return found

    def catalog(self, *tables: JsonObject, **options: Any) -> Any:
        return asyncio.run(SqliteSource().discover(self.config(*tables, **options)))


def _options(table: JsonObject) -> JsonObject:
    """Return the options of a stream, given flat."""
    read = {key: value for key, value in table.items() if key not in {"name", "primary_key"}}
    key = {name: table[name] for name in ("primary_key",) if name in table}
    return {"read": {"mode": "bulk", **read}, **key}


class Found:
    """What came: records by stream, and every state on the way."""

    def __init__(self) -> None:
        self.records: dict[str, list[Any]] = {}
        self.poison: list[Poison] = []
        self.state: JsonObject = {}
        self.states: list[tuple[int, JsonObject]] = []

    def of(self, stream: str) -> list[Any]:
        return self.records.get(stream, [])

    def ids(self, stream: str = "t") -> list[Any]:
        return [record["id"] for record in self.of(stream)]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop #1?.db")


def test_every_table_is_a_stream_and_views_are_read_when_named(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE b (id INTEGER PRIMARY KEY)",
        "CREATE TABLE a (x)",
        "CREATE VIEW v AS SELECT id, id * 2 AS twice FROM b",
        "CREATE VIRTUAL TABLE f USING fts5(text)",
        "INSERT INTO b VALUES (1), (2), (3), (4)",
    )
    assert [one.name for one in shop.catalog().streams] == ["a", "b"]
    assert shop.read({"name": "v"}).of("v") == [{"id": n, "twice": 2 * n} for n in range(1, 5)]
    shop.run("INSERT INTO f (text) VALUES ('one'), ('two')")
    assert shop.read({"name": "f"}).of("f") == [{"text": "one"}, {"text": "two"}]


def test_the_schema_says_what_the_columns_declare(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT NOT NULL, r DOUBLE, s VARCHAR(9),"
        " d DECIMAL(9,2), b BLOB, x, g INTEGER GENERATED ALWAYS AS (n + 1) VIRTUAL)"
    )
    (stream,) = shop.catalog().streams
    assert stream.source_defined_primary_key == [["id"]]
    found = stream.json_schema["properties"]
    assert {name: one["type"] for name, one in found.items()} == {
        "id": ["integer", "null"],
        "n": ["integer"],
        "r": ["number", "null"],
        "s": ["string", "null"],
        "d": ["number", "string", "null"],
        "b": ["string", "null"],
        "x": ["number", "string", "null"],
        "g": ["integer", "null"],
    }
    assert found["b"]["contentEncoding"] == "base64"
    shop.run("INSERT INTO t (n) VALUES (41)")
    assert shop.read().of("t")[0]["g"] == 42


def test_values_come_as_they_are(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, big INTEGER, real REAL, text TEXT, blob BLOB)",
        "INSERT INTO t VALUES (?, ?, ?, ?, ?)",
        rows=[
            (1, 2**63 - 1, 0.1, "ä\0✓", b"\0\xff"),
            (2, -(2**63), float("nan"), "", b""),
            (3, None, None, None, None),
        ],
    )
    assert shop.read().of("t") == [
        {"id": 1, "big": 2**63 - 1, "real": 0.1, "text": "ä\0✓", "blob": "AP8="},
        {"id": 2, "big": -(2**63), "real": None, "text": "", "blob": ""},
        {"id": 3, "big": None, "real": None, "text": None, "blob": None},
    ]


def test_what_json_cannot_hold_is_named_and_its_neighbours_come(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x REAL, s TEXT)",
        "INSERT INTO t VALUES (1, 1, 'a'), (2, 9e999, 'b'), (4, 4, 'd'), (6, 6, 'f')",
        "INSERT INTO t VALUES (3, 3, CAST(x'fffe41' AS TEXT)), (5, 'five', 'e')",
    )
    found = shop.read()
    assert found.ids() == [1, 4, 6]
    assert [(one.position, one.error.partition(";")[0]) for one in found.poison] == [
        ([2], "x is infinite, and JSON has no such number"),
        ([3], "s holds a text that is not UTF-8"),
        ([5], "x holds a text, which its declared type does not let expect"),
    ]
    assert base64.b64encode(b"\xff\xfeA") in found.poison[1].raw
    assert shop.read(types="any").ids() == [1, 4, 5, 6]


def test_a_whole_table_is_resumed_at_every_place(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE t (id TEXT, x)",
        "INSERT INTO t VALUES (?, 1)",
        rows=[(str(n),) for n in range(10)],
    )
    full = shop.read()
    assert full.ids() == [str(n) for n in range(10)]
    assert [after for after, _ in full.states[:-2]] == [3, 6, 9, 10]
    for after, state in full.states[:-2]:
        assert shop.read(state=state).ids() == full.ids()[after:]
    again = shop.read(state={**full.state})
    assert again.ids() == full.ids(), "the next run reads everything once more"


def test_a_table_without_rowid_is_resumed_by_its_key(shop: Shop) -> None:
    keys = [(b"\xff", 9), (b"", 1), ("b", 3), ("a", 2.5), (float("inf"), 0), (7, 7)]
    shop.run(
        "CREATE TABLE t (k, id, PRIMARY KEY (k, id)) WITHOUT ROWID",
        "INSERT INTO t VALUES (?, ?)",
        rows=keys,
    )
    shop.run("INSERT INTO t VALUES (CAST(x'ff41' AS TEXT), 4)")
    full = shop.read(batch_size=1)
    assert full.ids() == [7, 2.5, 3, 1, 9]
    assert len(full.poison) == 2
    for after, state in full.states[:-2]:
        assert shop.read(state=state, batch_size=1).ids() == full.ids()[after:]


def test_new_rows_are_found_by_their_number(shop: Shop) -> None:
    table = {"name": "t", "mode": "incrementing"}
    shop.run("CREATE TABLE t (id INTEGER PRIMARY KEY, x)", "INSERT INTO t VALUES (1, 1), (5, 5)")
    first = shop.read(table)
    assert first.ids() == [1, 5]
    wanted = {"cursor": 5, "cursor_field": "id", "seen": [[5]]}
    assert first.state["t"].items() >= wanted.items()
    shop.run("INSERT INTO t VALUES (2, 2), (6, 6), (9, 9)")
    assert shop.read(table, state=first.state).ids() == [6, 9]
    assert shop.read(table, mode=SyncMode.FULL_REFRESH).ids() == [1, 2, 5, 6, 9]


def test_a_table_without_a_number_shows_sqlite_s_own(shop: Shop) -> None:
    table = {"name": "t", "mode": "incrementing"}
    shop.run("CREATE TABLE t (rowid TEXT, x)", "INSERT INTO t VALUES ('a', 1), ('b', 2)")
    found = shop.read(table)
    assert found.of("t") == [
        {"rowid": "a", "x": 1, "_rowid_": 1},
        {"rowid": "b", "x": 2, "_rowid_": 2},
    ]
    shop.run("INSERT INTO t VALUES ('c', 3)")
    assert [one["x"] for one in shop.read(table, state=found.state).of("t")] == [3]


@pytest.mark.parametrize("keyed", [True, False])
def test_ties_are_resumed_without_loss_at_every_place(shop: Shop, keyed: bool) -> None:
    kind = "INTEGER PRIMARY KEY" if keyed else "INTEGER"
    table = {"name": "t", "mode": "timestamp", "column": "at"}
    shop.run(
        f"CREATE TABLE t (id {kind}, at TEXT)",
        "INSERT INTO t VALUES (?, ?)",
        rows=[(n, f"2026-01-{n // 7}") for n in range(30)],
    )
    full = shop.read(table)
    assert sorted(full.ids()) == list(range(30))
    for after, state in full.states:
        rest = shop.read(table, state=state).ids()
        wanted = set(range(30)) - set(full.ids()[:after])
        assert set(rest) >= wanted
        assert not keyed or (set(rest) == wanted and len(rest) == len(wanted))


def test_a_changed_row_comes_again_and_a_late_one_at_the_same_time_too(shop: Shop) -> None:
    table = {
        "name": "t",
        "mode": "timestamp_incrementing",
        "timestamp_column": "at",
        "incrementing_column": "id",
    }
    shop.run("CREATE TABLE t (id INTEGER, at INTEGER)", "INSERT INTO t VALUES (1, 10), (2, 20)")
    first = shop.read(table)
    shop.run("UPDATE t SET at = 30 WHERE id = 1", "INSERT INTO t VALUES (0, 20)")
    assert shop.read(table, state=first.state).ids() == [0, 1]


def test_a_row_without_a_time_is_never_overlooked(shop: Shop) -> None:
    shop.run("CREATE TABLE t (id, at)", "INSERT INTO t VALUES (1, 1), (2, NULL)")
    with pytest.raises(ConnectorError, match="null in a row, which would never be read"):
        shop.read({"name": "t", "mode": "timestamp", "column": "at"})


def test_a_view_is_read_by_its_time(shop: Shop) -> None:
    table = {"name": "v", "mode": "timestamp", "column": "at"}
    shop.run(
        "CREATE TABLE t (id, at)",
        "CREATE VIEW v AS SELECT id, at FROM t",
        "INSERT INTO t VALUES (?, ?)",
        rows=[(n, n) for n in range(9, -1, -1)],
    )
    found = shop.read(table)
    assert found.ids("v") == list(range(10))
    shop.run("INSERT INTO t VALUES (10, 10)")
    assert 10 in shop.read(table, state=found.state).ids("v")


def test_a_view_with_a_key_repeats_nothing(shop: Shop) -> None:
    table = {"name": "v", "mode": "timestamp", "column": "at", "primary_key": ["id"]}
    shop.run("CREATE TABLE t (id, at)", "CREATE VIEW v AS SELECT id, at FROM t")
    shop.run("INSERT INTO t VALUES (1, 5), (2, 5)")
    found = shop.read(table)
    shop.run("INSERT INTO t VALUES (3, 5)")
    assert shop.read(table, state=found.state).ids("v") == [3]


def test_one_way_of_reading_can_be_that_of_all_tables(shop: Shop) -> None:
    shop.run("CREATE TABLE a (id INTEGER PRIMARY KEY)", "CREATE TABLE b (x)")
    options = {"read": {"mode": "incrementing"}, "streams": {"b": {"read": {"mode": "bulk"}}}}
    found = {one.name: one.default_cursor_field for one in shop.catalog(**options).streams}
    assert found == {"a": "id", "b": None}


def test_hostile_names_are_names_and_nothing_else(shop: Shop) -> None:
    for name in HOSTILE:
        quoted = '"' + name.replace('"', '""') + '"'
        shop.run(
            f"CREATE TABLE {quoted} (id INTEGER PRIMARY KEY, {quoted} TEXT)",
            f"INSERT INTO {quoted} VALUES (1, 'x'), (2, 'y')",
        )
    found = shop.read()
    assert found.records == {name: [{"id": 1, name: "x"}, {"id": 2, name: "y"}] for name in HOSTILE}
    tables = [
        {
            "name": name,
            "mode": "timestamp_incrementing",
            "timestamp_column": name,
            "incrementing_column": "id",
        }
        for name in HOSTILE
    ]
    assert shop.read(*tables).records == found.records


def test_a_column_that_went_away_is_an_error_and_not_a_text(shop: Shop) -> None:
    """SQLite takes a quoted name that it does not know for a text."""
    shop.run("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    query = Query(Described("t", (Column("gone"),), ("rowid",)), None)
    with (
        contextlib.closing(Reader(shop.config())) as reader,
        pytest.raises(ConnectorError, match="no such column"),
    ):
        reader.chunk(*query.first(None))


def test_a_table_that_went_away_is_an_error(shop: Shop) -> None:
    shop.run("CREATE TABLE t (id INTEGER PRIMARY KEY, gone)", "INSERT INTO t VALUES (1, 2)")

    async def work() -> None:
        source, config = SqliteSource(), shop.config()
        chosen = ConfiguredCatalog.from_catalog(await source.discover(config))
        shop.run("DROP TABLE t")
        async for _ in source.read(config, chosen, None):
            pass

    with pytest.raises(ConnectorError, match="is gone"):
        asyncio.run(work())


def test_nothing_is_created_or_changed(shop: Shop) -> None:
    shop.run("CREATE TABLE t (id)", "INSERT INTO t VALUES (1)")
    before = shop.path.read_bytes()
    shop.path.chmod(0o444)
    shop.read()
    asyncio.run(SqliteSource().check(shop.config()))
    assert shop.path.read_bytes() == before
    assert [one.name for one in shop.path.parent.iterdir()] == [shop.path.name]


def test_a_check_leaves_no_trace_of_a_database_in_wal_mode(shop: Shop) -> None:
    shop.run("PRAGMA journal_mode = wal", "CREATE TABLE t (id)", "INSERT INTO t VALUES (1)")
    config = shop.config({"name": "t"})
    assert asyncio.run(SqliteSource().check(config)).is_success()
    assert [one.name for one in shop.path.parent.iterdir()] == [shop.path.name]
    with contextlib.closing(sqlite3.connect(shop.path)) as writer, writer:
        writer.execute("CREATE TABLE late (id)")
        writer.commit()
        assert asyncio.run(SqliteSource().check(shop.config({"name": "late"}))).is_success()
        assert shop.read().ids() == [1]


def test_what_a_crashed_writer_has_begun_is_not_read(shop: Shop, tmp_path: Path) -> None:
    shop.run("CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
    shop.run("INSERT INTO t VALUES (?, ?)", rows=[(n, "a" * 500) for n in range(2000)])
    left = Shop(tmp_path / "left.db")
    with contextlib.closing(sqlite3.connect(shop.path, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 1")  # so that pages are written before the commit
        writer.execute("BEGIN")
        writer.execute("UPDATE t SET x = 'b' || x")
        for suffix in ("", "-journal"):
            shutil.copy(f"{shop.path}{suffix}", f"{left.path}{suffix}")
    with pytest.raises(ConnectorError, match="open it once with a program that may write"):
        left.read()
    left.run("DELETE FROM t WHERE id > 0")
    assert left.read().of("t") == [{"id": 0, "x": "a" * 500}]


def test_a_writer_goes_on_while_the_source_reads(shop: Shop) -> None:
    shop.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    shop.run("INSERT INTO t VALUES (?)", rows=[(n,) for n in range(10)])

    async def work() -> list[int]:
        source, config = SqliteSource(), shop.config(batch_size=1)
        chosen = ConfiguredCatalog.from_catalog(await source.discover(config))
        found: list[int] = []
        async for item in source.read(config, chosen, None):
            if isinstance(item, EventBatch) and item.records:
                if not found:
                    await asyncio.to_thread(shop.run, "INSERT INTO t VALUES (100)")
                found += [row["id"] for row in item.rows()]
        return found

    assert asyncio.run(work()) == [*range(10), 100]


def test_a_locked_database_is_tried_again(shop: Shop) -> None:
    shop.run("CREATE TABLE t (id)")
    with contextlib.closing(sqlite3.connect(shop.path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ConnectorError, match="locked by another program") as caught:
            shop.read(busy_timeout_ms=0)
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ([{"name": "order"}], "did you mean 'orders'"),
        ([{"name": "orders", "mode": "timestamp", "column": "att"}], "did you mean 'at'"),
        ([{"name": "v", "mode": "incrementing"}], "name a `column`"),
        ([{"name": "v", "primary_key": ["no"]}], "has no column 'no'"),
    ],
)
def test_check_says_what_to_fix(shop: Shop, tables: list[JsonObject], says: str) -> None:
    shop.run("CREATE TABLE orders (id, at)", "CREATE VIEW v AS SELECT * FROM orders")
    result = asyncio.run(SqliteSource().check(shop.config(*tables)))
    told = [one.message or "" for one in result.checks if not one.passed]
    assert len(told) == 1
    assert says in told[0]


def test_a_file_that_is_no_database_is_said_to_be_none(shop: Shop, tmp_path: Path) -> None:
    for content, says in ((None, "does not exist"), (b"id,name\n1,x\n", "is no SQLite database")):
        if content is not None:
            shop.path.write_bytes(content)
        result = asyncio.run(SqliteSource().check(shop.config()))
        assert says in str(result.checks[0].message)
        with pytest.raises(ConnectorError, match=says):
            shop.read()
    assert content is not None
    shop.path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
    with pytest.raises(ConnectorError, match="damaged"):
        shop.read()


@pytest.mark.parametrize(
    "saved",
    [
        {"cursor": [1, 2]},
        {"cursor": [[]]},
        {"cursor": [{"blob": "?"}]},
        {"cursor": {}},
        {"cursor": 1},
    ],
)
def test_a_state_of_something_else_is_refused(shop: Shop, saved: JsonObject) -> None:
    shop.run("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    with pytest.raises(ConnectorError, match="rivven state reset"):
        shop.read(state={"t": saved})
    if saved["cursor"] != 1:
        with pytest.raises(ConnectorError, match="rivven state reset"):
            shop.read({"name": "t", "mode": "incrementing"}, state={"t": saved})


def test_large_rows_come_few_at_a_time(shop: Shop) -> None:
    shop.run("CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB)")
    shop.run("INSERT INTO t VALUES (?, zeroblob(300000))", rows=[(n,) for n in range(60)])

    async def sizes() -> list[int]:
        source, config = SqliteSource(), shop.config(batch_size=1000)
        chosen = ConfiguredCatalog.from_catalog(await source.discover(config))
        return [
            len(item)
            async for item in source.read(config, chosen, None)
            if isinstance(item, EventBatch)
        ]

    found = asyncio.run(sizes())
    assert sum(found) == 60
    assert max(found) <= 10
