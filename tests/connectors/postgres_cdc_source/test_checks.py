"""What `check` says before anything is read: what is wrong, and the SQL that puts it right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from rivven_connect import ConnectorError
from rivven_connect.connectors.postgres_cdc_source import PostgresCdcSource
from rivven_connect.connectors.postgres_cdc_source.place import Place
from rivven_connect.connectors.postgres_cdc_source.server import (
    Publication,
    Server,
    Slot,
    _switches,
    require_no_gap,
)
from services.postgres import postgres_server

from .cdc_kit import Database


async def failed(config: Any) -> dict[str, str]:
    """Return the checks that failed, and what they say."""
    result = await PostgresCdcSource().check(config)
    return {one.name: one.message or "" for one in result.checks if not one.passed}


async def test_a_server_where_all_is_well_is_said_to_be_fine_and_stays_as_it_is(
    database: Database,
) -> None:
    database.run("CREATE TABLE orders (id int PRIMARY KEY)")
    assert await failed(database.config()) == {}
    assert database.slot() is None
    assert database.run("SELECT FROM pg_publication") == []


@pytest.mark.parametrize(
    ("setup", "config", "check", "says"),
    [
        ((), {}, "tables", "no table in schema"),
        (("CREATE TABLE a (id int)",), {"tables": ["b"]}, "tables", "no table 'b'"),
        (("CREATE TABLE a (id int)",), {}, "tables", "REPLICA IDENTITY FULL"),
        (
            ("CREATE TABLE a (id int PRIMARY KEY)",),
            {"auto_create_publication": False},
            "publication",
            'CREATE PUBLICATION "rivven_pub" FOR TABLE ONLY "public"."a"',
        ),
        (
            ("CREATE TABLE a (id int PRIMARY KEY)", "CREATE PUBLICATION rivven_pub"),
            {},
            "publication",
            'ADD TABLE ONLY "public"."a"',
        ),
        (
            (
                "CREATE TABLE a (id int PRIMARY KEY)",
                "CREATE PUBLICATION rivven_pub FOR TABLE a WITH (publish = 'insert')",
            ),
            {},
            "publication",
            "does not send update, delete, truncate",
        ),
        (
            (
                "CREATE TABLE a (id int PRIMARY KEY) PARTITION BY LIST (id)",
                "CREATE TABLE b PARTITION OF a DEFAULT",
                "CREATE PUBLICATION rivven_pub FOR TABLE a",
            ),
            {},
            "publication",
            'ALTER PUBLICATION "rivven_pub" SET (publish_via_partition_root = true)',
        ),
        (
            ("CREATE UNLOGGED TABLE a (id int PRIMARY KEY)",),
            {},
            "tables",
            'ALTER TABLE "public"."a" SET LOGGED',
        ),
        (
            (
                "CREATE TABLE a (id int) PARTITION BY LIST (id)",
                "CREATE TABLE b PARTITION OF a DEFAULT",
                "ALTER TABLE a REPLICA IDENTITY FULL",
            ),
            {},
            "tables",
            'ALTER TABLE "public"."b" REPLICA IDENTITY FULL',
        ),
        (
            (
                "CREATE TABLE a (id int, twice int GENERATED ALWAYS AS (id * 2) STORED)",
                "ALTER TABLE a REPLICA IDENTITY FULL",
            ),
            {},
            "publication",
            "publish_generated_columns = stored",
        ),
        (
            ("CREATE TABLE a (id int PRIMARY KEY)",),
            {"auto_create_slot": False},
            "slot",
            "pg_create_logical_replication_slot",
        ),
    ],
)
async def test_each_check_says_what_to_do(
    database: Database, setup: tuple[str, ...], config: dict[str, Any], check: str, says: str
) -> None:
    for statement in setup:
        database.run(statement)
    found = await failed(database.config(**config))
    assert says in found[check]


async def test_a_role_that_may_not_replicate_or_read_is_told_so(database: Database) -> None:
    database.run("CREATE TABLE orders (id int PRIMARY KEY)")
    database.run('CREATE ROLE "cdc ""reader" LOGIN')
    try:
        dsn = psycopg.conninfo.make_conninfo(database.dsn, user='cdc "reader')
        found = await failed(database.config(connection_string=dsn))
    finally:
        database.run('DROP ROLE "cdc ""reader"')
    assert 'ALTER ROLE "cdc ""reader" REPLICATION' in found["replication"]
    assert "GRANT SELECT" in found["tables"]


async def test_a_role_that_may_not_publish_is_told_so_before_it_tries(database: Database) -> None:
    database.run('CREATE TABLE "or""ders" (id int PRIMARY KEY)')
    database.run("CREATE ROLE cdc_publisher LOGIN REPLICATION")
    try:
        database.run('GRANT SELECT ON "or""ders" TO cdc_publisher')
        dsn = psycopg.conninfo.make_conninfo(database.dsn, user="cdc_publisher")
        found = await failed(database.config(connection_string=dsn))
        assert set(found) == {"publication"}
        assert "it takes CREATE on the database" in found["publication"]
        assert 'somebody else owns "public"."or""ders"' in found["publication"]
        database.run("CREATE PUBLICATION rivven_pub FOR ALL TABLES")
        assert await failed(database.config(connection_string=dsn)) == {}
        database.run("DROP PUBLICATION rivven_pub")
        name = database.connection.info.dbname
        database.run(f'GRANT CREATE ON DATABASE "{name}" TO cdc_publisher')
        database.run('ALTER TABLE "or""ders" OWNER TO cdc_publisher')
        assert await failed(database.config(connection_string=dsn)) == {}
    finally:
        database.run("DROP OWNED BY cdc_publisher")
        database.run("DROP ROLE cdc_publisher")


@pytest.fixture(scope="module")
def plain_server() -> Iterator[str]:
    with postgres_server(wal_level="replica") as server:
        server.run_sql("CREATE TABLE orders (id int PRIMARY KEY)")
        yield server.dsn


async def test_a_server_without_logical_decoding_is_told_what_to_set(
    plain_server: str, database: Database
) -> None:
    found = await failed(database.config(connection_string=plain_server))
    assert "SET wal_level = 'logical'" in found["replication"]


HERE = Place("slot", "system", 2, 7, lsn=0x500)
SLOT = Slot(restart_lsn="0/100", confirmed_flush_lsn="0/500", wal_status="reserved")
SERVER = Server("system", 2, 0x600)
PUBLICATION = Publication(7, frozenset(), {})


def promoted(end: int) -> Server:
    """Return a server of the next timeline; ours ended at `end`."""
    return Server("system", 3, 0x900, {1: 0x200, 2: end})


def test_where_nothing_is_missing_there_is_no_gap() -> None:
    require_no_gap(HERE, SERVER, SLOT, PUBLICATION)
    require_no_gap(HERE, promoted(0x500), SLOT, PUBLICATION)


@pytest.mark.parametrize(
    ("server", "slot", "publication", "says"),
    [
        (promoted(0x4FF), SLOT, PUBLICATION, "which ended at 0/4FF"),
        (Server("system", 4, 0x900, {3: 0x700}), SLOT, PUBLICATION, "which it has not"),
        (Server("system", 1, 0x900), SLOT, PUBLICATION, "timeline 1"),
        (Server("system", 2, 0x4FF), SLOT, PUBLICATION, "older copy"),
        (Server("other", 2, 0x600), SLOT, PUBLICATION, "another server"),
        (SERVER, None, PUBLICATION, "is gone"),
        (SERVER, Slot(restart_lsn="0/1", wal_status="lost"), PUBLICATION, "its log was removed"),
        (SERVER, Slot(restart_lsn="0/1", invalidation_reason="x"), PUBLICATION, "invalidated (x)"),
        (SERVER, Slot(confirmed_flush_lsn="0/1"), PUBLICATION, "invalidated"),
        (
            SERVER,
            Slot(restart_lsn="0/1", confirmed_flush_lsn="0/501"),
            PUBLICATION,
            "on to 0/501",
        ),
        (SERVER, SLOT, None, "publication was dropped"),
        (SERVER, SLOT, Publication(8, frozenset(), {}), "and created again"),
    ],
)
def test_f35_each_gap_is_said(
    server: Server, slot: Slot | None, publication: Publication | None, says: str
) -> None:
    with pytest.raises(ConnectorError, match="gap: ") as caught:
        require_no_gap(HERE, server, slot, publication)
    assert says in str(caught.value)


def test_a_timeline_s_history_is_read_as_the_server_writes_it() -> None:
    history = b"1\t0/3000000\tno recovery target specified\n\n# x\n2\t1/A\tbefore 2024\n"
    assert _switches(history) == {1: 0x3000000, 2: 0x1_0000_000A}
