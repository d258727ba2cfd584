"""Databases of experiments: one server for the process, started when it is needed first."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from services.postgres import PostgresServer, postgres_server

_ADDRESS = "dsn"
PLACE = "place_of_row"
"""A column that numbers rows by their first writing; where a row lies says nothing after an update."""

_NUMBERS_ROWS = f"""
CREATE FUNCTION number_rows() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE made record;
BEGIN
    FOR made IN SELECT object_identity FROM pg_event_trigger_ddl_commands()
        WHERE command_tag = 'CREATE TABLE'
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN {PLACE} bigserial', made.object_identity);
    END LOOP;
END $$;
CREATE EVENT TRIGGER number_rows ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
    EXECUTE FUNCTION number_rows()
"""
_numbers = itertools.count()


_running = contextlib.ExitStack()


@functools.cache
def server() -> PostgresServer:
    """Return the server that experiments share, until `stop`."""
    return _running.enter_context(postgres_server())


def stop() -> None:
    """Stop the server, if it runs."""
    server.cache_clear()
    _running.close()


@contextlib.contextmanager
def database_of(folder: Path) -> Iterator[str]:
    """Make a database for the length of a block; give the file that holds its connection string."""
    with server().database(f"experiment_{next(_numbers)}") as dsn:
        server().run_sql(_NUMBERS_ROWS, dsn.rpartition("/")[2])
        path = folder / _ADDRESS
        path.touch(mode=0o600)
        path.write_text(dsn, encoding="utf-8")
        yield str(path)


@contextlib.contextmanager
def connected(folder: Path) -> Iterator[psycopg.Connection[Any]]:
    """Connect to the database of an experiment, as whoever looks at it from outside."""
    dsn = (folder / _ADDRESS).read_text(encoding="utf-8")
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection
