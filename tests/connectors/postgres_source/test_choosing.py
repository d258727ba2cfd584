"""Configs that do not fit the database, and servers that do not let us in: what is said."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from rivven_connect import AnySource, ConnectorError, ErrorKind
from rivven_connect.connectors.postgres_source import PostgresSource
from services.ports import free_port
from services.postgres import PostgresServer

from .shop import Shop

TABLE = "CREATE TABLE t (id int8 PRIMARY KEY, price numeric, name text, at timestamptz, doc jsonb)"


@pytest.mark.parametrize(
    ("config", "kind", "says"),
    [
        (
            {"tables": ["order"]},
            "not_found",
            "there is no table 'order' .*did you mean 'orders'",
        ),
        ({"tables": ["none.t"]}, "not_found", "there is no table 'none.t'"),
        (
            {"read": {"mode": "timestamp", "column": "att"}},
            "config",
            "no column 'att'; did you mean",
        ),
        ({"read": {"mode": "timestamp", "column": "name"}}, "config", "name is text: a timestamp"),
        (
            {"read": {"mode": "incrementing", "column": "price"}},
            "config",
            "price is numeric, which",
        ),
        ({"read": {"mode": "incrementing", "column": "doc"}}, "config", "doc is json, which"),
        ({"streams": {"public.x": {}}}, "config", "'public.x', which is no table that is read"),
        (
            {"streams": {"q": {"query": "SELECT 1 AS a, 2 AS a"}}},
            "config",
            "two columns called 'a'",
        ),
        (
            {"streams": {"q": {"query": "SELECT 1,, 2"}}},
            "config",
            "query of stream 'q': syntax error",
        ),
        ({"streams": {"q": {"query": "SELECT * FROM no_such"}}}, "not_found", "no_such"),
        ({"streams": {"q": {"query": "DELETE FROM t RETURNING id"}}}, "config", "syntax error"),
        ({"streams": {"public.t": {"query": "SELECT 1"}}}, "config", "two streams would be called"),
        ({"streams": {"public.t": {"primary_key": ["no"]}}}, "config", "no column 'no'"),
    ],
)
async def test_a_config_that_does_not_fit(
    shop: Shop, config: dict[str, Any], kind: str, says: str
) -> None:
    shop.sql(TABLE, "CREATE TABLE orders (id int, price numeric, name text, at date, doc json)")
    with pytest.raises(ConnectorError, match=says) as caught:
        await shop.discover(**config)
    assert caught.value.kind == kind
    assert caught.value.fatal
    result = await AnySource(PostgresSource).check_raw({"connection_string": shop.dsn, **config})
    assert [one.name for one in result.checks if not one.passed] == ["tables_readable"]


@pytest.fixture
def reader(shop: Shop) -> Iterator[str]:
    """The connection string of a role that may read one of two tables."""
    shop.sql(
        TABLE,
        "CREATE TABLE hidden (id int)",
        "CREATE ROLE reader LOGIN",
        "GRANT SELECT ON t TO reader",
    )
    yield shop.dsn.replace("postgres@", "reader@")
    shop.sql("DROP OWNED BY reader", "DROP ROLE reader")


async def test_tables_that_may_not_be_read(
    shop: Shop, reader: str, caplog: pytest.LogCaptureFixture
) -> None:
    limited = Shop(reader)
    catalog = await limited.discover()
    assert [one.name for one in catalog.streams] == ["t"]
    assert "public.hidden" in caplog.text
    with pytest.raises(ConnectorError, match=r"may not read public\.hidden: GRANT") as caught:
        await limited.discover(tables=["hidden"])
    assert caught.value.kind is ErrorKind.PERMISSION
    with pytest.raises(ConnectorError, match="permission denied"):
        await limited.discover(streams={"q": {"query": "SELECT * FROM hidden"}})


async def test_nothing_to_read_fails_the_check(shop: Shop) -> None:
    result = await PostgresSource().check(shop.config())
    assert not result.passed
    assert "no table that this role may read" in str(result.checks[1])


async def test_a_server_that_is_not_there() -> None:
    raw = {"connection_string": f"postgresql://u:s3cret-word@127.0.0.1:{free_port()}/d"}
    result = await AnySource(PostgresSource).check_raw(raw)
    assert [one.name for one in result.checks if not one.passed] == [
        "server_reachable",
        "tables_readable",
    ]
    assert "refused" in str(result.checks[0])
    assert "s3cret-word" not in str(result)


async def test_a_wrong_database_and_role(postgres_server: PostgresServer) -> None:
    base = {"host": "127.0.0.1", "port": postgres_server.port, "password": ""}
    for parts, says in (
        ({"database": "no_such", "user": "postgres"}, 'database "no_such" does not exist'),
        ({"database": "postgres", "user": "nobody there"}, 'role "nobody there" does not exist'),
    ):
        result = await AnySource(PostgresSource).check_raw({**base, **parts})
        assert says in str(result.checks[0])


async def test_the_same_full_name_twice_is_refused(shop: Shop) -> None:
    shop.sql(
        'CREATE SCHEMA a; CREATE SCHEMA "a.b"',
        'CREATE TABLE a."b.c" (id int); CREATE TABLE "a.b".c (id int)',
    )
    with pytest.raises(ConnectorError, match=r"two streams would be called 'a\.b\.c'"):
        await shop.discover()


def test_without_the_driver_the_connector_loads_and_says_what_to_install() -> None:
    code = (
        "import asyncio, sys\n"
        "sys.modules['psycopg'] = None\n"
        "from rivven_connect import AnySource\n"
        "from rivven_connect.connectors.postgres_source import PostgresSource\n"
        "print(PostgresSource.spec().connector_type)\n"
        "print(asyncio.run(AnySource(PostgresSource).check_raw({'connection_string': 'host=a'})))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("postgres\n")
    assert "pip install 'rivven-connect[postgres]'" in done.stdout
