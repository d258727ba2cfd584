"""Connections to PostgreSQL: what is refused and how it is said, names, and the catalog."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from postgres_kit import Settings, Tls, connected, run, settings, table_of

from rivven_connect import ConnectorError, ErrorKind, Secret
from rivven_connect._network import set_network_policy
from rivven_connect._redaction import redact
from rivven_connect.postgres import (
    connect,
    connection_info,
    qualified,
    quoted,
    read_tables,
    read_types,
    table_schema,
    translated,
)
from services.ports import free_port
from services.postgres import PostgresServer

PASSWORD = "p@ss w'o\\rd/%?#"  # not a real one
NAMES = ['a"b', "x; DROP TABLE t; --", "select", "é" * 31, " ", "%s", "$1", "A", "{}", "\\"]


@pytest.fixture
def public_only() -> Iterator[None]:
    set_network_policy("public_only")
    yield
    set_network_policy("any")


@pytest.fixture
def locked(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """The server, with roles that need a password, whoever they are otherwise."""
    hba = postgres_server.folder / "data" / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text("host all locked 127.0.0.1/32 scram-sha-256\n" + before)
    quoted_password = PASSWORD.replace("'", "''")
    postgres_server.run_sql(f"CREATE ROLE locked LOGIN PASSWORD '{quoted_password}'")
    postgres_server.run_sql("SELECT pg_reload_conf()")
    yield postgres_server
    hba.write_text(before)
    postgres_server.run_sql("SELECT pg_reload_conf()")
    postgres_server.run_sql("DROP ROLE locked")


def parts(server: PostgresServer, **changes: object) -> Settings:
    values = {
        "host": "127.0.0.1",
        "port": server.port,
        "database": "postgres",
        "user": "locked",
        "password": Secret(PASSWORD),
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]  # as a config class parses them


def failure(given: Settings) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        connect(given).close()
    assert PASSWORD not in str(caught.value)
    return caught.value


def test_connects_by_parts_and_by_string(locked: PostgresServer) -> None:
    by_url = f"postgresql://locked:{quote(PASSWORD, safe='')}@127.0.0.1:{locked.port}/postgres"
    escaped = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
    by_pairs = f"host=127.0.0.1 port={locked.port} user=locked dbname=postgres password='{escaped}'"
    for given in (parts(locked), settings(by_url), settings(by_pairs)):
        with connect(given) as connection:
            row = connection.execute("SELECT current_user, $1::text", ["100%"]).fetchone()
            assert row == ("locked", "100%")


def test_the_password_in_a_connection_string_is_a_secret() -> None:
    connection_info(settings("host=h password='s3cret w\\'ith'"))
    assert redact("FATAL: s3cret w'ith was said") == "FATAL: *** was said"
    connection_info(settings("host=h password=hidden\\ word"))
    assert redact("no hidden word") == "no ***"
    connection_info(settings("postgresql://u:an%40other@h/d"))
    assert redact("no an@other") == "no ***"


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"password": Secret("wrong")}, ErrorKind.AUTH, "password authentication failed"),
        ({"password": Secret("")}, ErrorKind.AUTH, "no password supplied"),
        ({"password": None}, ErrorKind.AUTH, "no password supplied"),
        ({"database": "no such"}, ErrorKind.NOT_FOUND, 'database "no such" does not exist'),
        ({"user": "nobody there"}, ErrorKind.AUTH, 'role "nobody there" does not exist'),
        ({"host": "no-such-host.invalid"}, ErrorKind.CONNECTION, "no-such-host.invalid"),
        ({"tls": Tls(mode="require")}, ErrorKind.CONFIG, "does not support SSL"),
        (
            {"tls": Tls(mode="verify-full", ca_file="/no/such")},
            ErrorKind.CONFIG,
            "does not support",
        ),
    ],
)
def test_what_is_wrong_is_said(
    locked: PostgresServer, changes: dict[str, object], kind: ErrorKind, says: str
) -> None:
    error = failure(parts(locked, **changes))
    assert error.kind is kind
    assert says in str(error)
    assert "\n" not in str(error)


def test_what_kind_of_connection_it_is_says_the_connector(postgres: str) -> None:
    """Other tools want it in the URL; a connection that replicates takes no parameters."""
    with connected(f"{postgres}?replication=database") as connection:
        assert connection.execute(b"SELECT $1::int", [1]).fetchall() == [(1,)]


def test_nobody_listens() -> None:
    error = failure(Settings(host="127.0.0.1", port=free_port(), database="d", user="u"))
    assert error.kind is ErrorKind.CONNECTION
    assert error.retryable


@pytest.mark.parametrize(
    "text",
    [
        "nonsense s3cret-thing",
        "host='",
        "postgresql://u:s3cret%zz@h/",
        "postgresql://u:my@s3cret@127.0.0.1:1/d",
        "postgres://u:my/s3cret@127.0.0.1:1/d",
        "postgresql://u:5432/s3cret@127.0.0.1:1/d?connect_timeout=2",
        "postgresql://u:m?y@s3cret@127.0.0.1:1/d",
        "postgresql://u:m%40y@s3cret@127.0.0.1:1/d",
    ],
)
def test_a_string_that_cannot_be_read_is_not_repeated(text: str) -> None:
    error = failure(settings(text))
    assert error.kind is ErrorKind.CONFIG
    assert "s3cret" not in str(error)


def test_an_at_sign_that_is_encoded_is_only_that(postgres: str) -> None:
    server, _, database = postgres.rpartition("/")
    with connected(postgres) as connection:
        run(connection, 'CREATE DATABASE "my@db"')
        try:
            connected(f"{server}/my%40db").close()
            found = connection_info(settings(f"{server}/{database}?host=@abstract"))
        finally:
            run(connection, 'DROP DATABASE "my@db"')
    assert found["host"] == "@abstract"


@pytest.mark.usefixtures("public_only")
@pytest.mark.parametrize(
    "dsn",
    [
        "host=127.0.0.1 dbname=d",
        "host=localhost",
        "host=/var/run/postgresql",
        "dbname=d",
        "host=8.8.8.8,10.0.0.1",
        "host=example.com hostaddr=10.0.0.1",
        "service=prod host=8.8.8.8",
        "host=2130706433",
        "host=::ffff:127.0.0.1",
    ],
)
def test_public_only_refuses_before_it_connects(dsn: str) -> None:
    error = failure(settings(dsn))
    assert error.kind is ErrorKind.CONFIG
    assert "public_only" in str(error)


@pytest.mark.usefixtures("public_only")
def test_public_only_pins_all_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"a.example": ["8.8.8.8", "2606:4700::1111"], "b.example": ["1.1.1.1"]}
    monkeypatch.setattr(
        "socket.getaddrinfo",
        lambda host, *_, **__: [(0, 0, 0, "", (address, 0)) for address in names[host]],
    )
    info = connection_info(settings("host=a.example,b.example port=1,2 dbname=d"))
    assert info["host"] == "a.example,a.example,b.example"
    assert info["hostaddr"] == "8.8.8.8,2606:4700::1111,1.1.1.1"
    assert info["port"] == "1,1,2"
    info = connection_info(settings("host=b.example dbname=d"))
    assert (info["host"], info["hostaddr"], info["port"]) == ("b.example", "1.1.1.1", "")
    names["b.example"].append("10.0.0.1")
    with pytest.raises(ConnectorError, match=r"10\.0\.0\.1 is not a public address"):
        connection_info(settings("host=a.example,b.example dbname=d"))


@pytest.mark.usefixtures("public_only")
def test_public_only_connects_to_the_address_that_was_checked(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    monkeypatch.setattr("rivven_connect.postgres._connecting.require_allowed", checked.append)
    with connected(postgres.replace("127.0.0.1", "localhost")) as connection:
        assert connection.info.host == "localhost"
        assert connection.info.hostaddr in checked


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT * FROM nowhere", ErrorKind.NOT_FOUND),
        ("SELECT * FROM none.nowhere", ErrorKind.NOT_FOUND),
        ("SELECT 1 FRM x", ErrorKind.CONFIG),
        ("SELECT 'x'::int", ErrorKind.DATA),
        ("SELECT 1/0", ErrorKind.DATA),
        ("INSERT INTO t VALUES (1)", ErrorKind.DATA),
        ("SET ROLE powerless; SELECT * FROM t", ErrorKind.PERMISSION),
        ("DO $$ BEGIN RAISE deadlock_detected; END $$", ErrorKind.TRANSIENT),
        ("DO $$ BEGIN RAISE serialization_failure; END $$", ErrorKind.TRANSIENT),
        ("DO $$ BEGIN RAISE lock_not_available; END $$", ErrorKind.TRANSIENT),
        ("DO $$ BEGIN RAISE disk_full; END $$", ErrorKind.TRANSIENT),
        ("DO $$ BEGIN RAISE too_many_connections; END $$", ErrorKind.CONNECTION),
        ("DO $$ BEGIN RAISE query_canceled; END $$", ErrorKind.TIMEOUT),
        ("DO $$ BEGIN RAISE 'the trigger says no'; END $$", ErrorKind.DATA),
        ("DO $$ BEGIN RAISE program_limit_exceeded; END $$", ErrorKind.DATA),
        ("BEGIN READ ONLY; INSERT INTO t VALUES (2)", ErrorKind.CONFIG),
        ("SELECT pg_terminate_backend(pg_backend_pid())", ErrorKind.CONNECTION),
    ],
)
def test_what_the_server_says_has_a_kind(postgres: str, statement: str, kind: ErrorKind) -> None:
    with connected(postgres) as connection:
        run(
            connection,
            "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)",
            "DROP ROLE IF EXISTS powerless",
            "CREATE ROLE powerless",
        )
        try:
            with pytest.raises(ConnectorError) as caught, translated("trying"):
                run(connection, statement)
        finally:
            with connected(postgres) as other:
                run(other, "DROP ROLE powerless")
    assert caught.value.kind is kind
    assert str(caught.value).startswith("trying: ")
    assert caught.value.__cause__ is None


def test_what_is_not_the_driver_s_passes(postgres: str) -> None:
    with pytest.raises(ZeroDivisionError), translated("trying"):
        _ = 1 / 0


def test_a_row_that_is_refused_is_not_quoted(postgres: str) -> None:
    with connected(postgres) as connection:
        run(connection, "CREATE TABLE t (id text PRIMARY KEY, CHECK (id <> 'very private'))")
        with pytest.raises(ConnectorError) as caught, translated("writing"):
            run(connection, "INSERT INTO t VALUES ('very private')")
    assert "t_id_check" in str(caught.value)
    assert "private" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_name(postgres: str, name: str) -> None:
    with connected(postgres) as connection:
        run(connection, f"CREATE SCHEMA {quoted(name)}")
        run(connection, f"CREATE TABLE {qualified(name, name)} ({quoted(name)} int PRIMARY KEY)")
        table = table_of(connection, name, schema=name)
        run(connection, f"SELECT {quoted(name)} FROM {qualified(table.schema, table.name)}")
    assert (table.schema, table.name, table.primary_key) == (name, name, (name,))
    assert [column.name for column in table.columns] == [name]


@pytest.mark.parametrize("name", ["", "a" * 64, "é" * 32, "a\0b", "\ud800"])
def test_no_name_is_cut_off(name: str) -> None:
    with pytest.raises(ConnectorError, match="cannot be a name in PostgreSQL"):
        quoted(name)


def test_the_catalog_says_what_tables_look_like(postgres: str) -> None:
    with connected(postgres) as connection:
        run(
            connection,
            "CREATE TABLE orders (total numeric(10,2) NOT NULL, id int8 GENERATED ALWAYS AS IDENTITY,"
            " gone int, region varchar(5), twice numeric GENERATED ALWAYS AS (total * 2) STORED,"
            " tags text[] DEFAULT '{}', doc jsonb NOT NULL, made timestamptz, PRIMARY KEY (region, id))",
            "ALTER TABLE orders DROP COLUMN gone",
            "CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id)",
            "CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (9)",
            "CREATE TABLE keyless (a int, b int NOT NULL UNIQUE)",
            "ALTER TABLE keyless REPLICA IDENTITY USING INDEX keyless_b_key",
            "CREATE VIEW v AS SELECT 1 AS one",
        )
        tables = {one.name: one for one in read_tables(connection)}
        orders = tables["orders"]
        types = read_types(connection, [column.type_oid for column in orders.columns])
    assert set(tables) == {"orders", "parted", "part1", "keyless"}
    assert orders.primary_key == orders.identity_key == ("region", "id")
    assert [one.name for one in orders.columns if one.generated] == ["twice"]
    assert [one.name for one in orders.columns if one.identity] == ["id"]
    assert (tables["parted"].kind, tables["part1"].is_partition) == ("partitioned", True)
    assert tables["keyless"].identity_key == ("b",)
    assert (tables["keyless"].replica_identity, tables["keyless"].primary_key) == ("index", ())
    assert table_schema(orders.columns, types) == {
        "type": "object",
        "properties": {
            "total": {"type": "string", "x-postgres-type": "numeric(10,2)"},
            "id": {"type": "integer", "x-postgres-type": "bigint"},
            "region": {"type": "string", "x-postgres-type": "character varying(5)"},
            "twice": {"type": ["string", "null"], "x-postgres-type": "numeric"},
            "tags": {"type": ["array", "null"], "x-postgres-type": "text[]"},
            "doc": {"x-postgres-type": "jsonb"},
            "made": {
                "type": ["string", "null"],
                "format": "date-time",
                "x-postgres-type": "timestamp with time zone",
            },
        },
        "required": ["total", "id", "region", "doc"],
    }


def test_a_replication_connection_prints_values_the_same_way(postgres: str) -> None:
    with connect(settings(postgres), replication=True) as connection:
        found = connection.pgconn.exec_(b"SHOW TimeZone")
        assert found.get_value(0, 0) == b"UTC"
        assert connection.pgconn.exec_(b"IDENTIFY_SYSTEM").ntuples == 1


def test_without_the_driver_the_message_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from rivven_connect import ConnectorError\n"
        "import rivven_connect.postgres._driver as d\n"
        "try: d.driver()\n"
        "except ConnectorError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'rivven-connect[postgres]'" in done.stdout


def test_the_driver_s_connections_are_closed_when_the_session_cannot_be_set(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rivven_connect.postgres._connecting._SESSION", {"no_such": "1"})
    with pytest.raises(ConnectorError, match="no_such"):
        connect(settings(postgres))
    monkeypatch.undo()
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND application_name = 'rivven'"
    )
    deadline = time.monotonic() + 30
    with connected(postgres) as connection:
        while connection.execute(others).fetchone() != (0,):
            assert time.monotonic() < deadline
