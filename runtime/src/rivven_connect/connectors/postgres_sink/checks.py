"""What can be known of a database without changing anything in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from rivven_connect import ConnectorError
from rivven_connect._tables.store import CHECKPOINTS
from rivven_connect.connectors.postgres_sink._generated import PostgresSinkConfig
from rivven_connect.connectors.postgres_sink.database import Database
from rivven_connect.connectors.postgres_sink.tables import SCHEMAS
from rivven_connect.postgres import translated

_RIGHTS = """
SELECT pg_catalog.pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
    n.oid IS NOT NULL,
    CASE WHEN n.oid IS NULL
        THEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
        ELSE pg_catalog.has_schema_privilege(n.oid, 'CREATE') END,
    EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid
        AND c.relkind IN ('r', 'p') AND pg_catalog.has_table_privilege(c.oid, 'INSERT')),
    current_user::text
FROM (SELECT $1::text AS name) AS wanted
LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.name
"""


def require_connection(config: PostgresSinkConfig) -> None:
    """Return if the database can be reached.

    Raises:
        ConnectorError: it cannot.
    """
    with _looking_at(config) as database:
        database.run("SELECT 1")


def require_rights(config: PostgresSinkConfig) -> None:
    """Return if tables can be made or are there to be written to.

    Raises:
        ConnectorError: they cannot, or the database takes no writes.
    """
    schemas = {config.default_schema}
    if "{" not in config.schema_:
        schemas.add(SCHEMAS.free_name(config.schema_, ()))
    with _looking_at(config) as database:
        for schema in sorted(schemas):
            _require(schema, database.run(_RIGHTS, (schema,)).fetchall()[0])


@contextlib.contextmanager
def _looking_at(config: PostgresSinkConfig) -> Iterator[Database]:
    with (
        contextlib.closing(Database(config)) as database,
        translated("checking"),
        database.transaction(),
    ):
        yield database


def _require(schema: str, rights: tuple[Any, ...]) -> None:
    is_read_only, exists, may_create, has_tables, user = rights
    if is_read_only:
        raise ConnectorError.configuration(
            "the server takes no writes: it is a standby, or its transactions are read-only; "
            "connect to the primary"
        )
    if may_create or has_tables:
        return
    if exists:
        raise ConnectorError.permission(
            f"role {user!r} may neither make tables in schema {schema!r} nor write to one; run "
            f"GRANT USAGE, CREATE ON SCHEMA ... TO ..., or make its tables and {CHECKPOINTS} yourself"
        )
    raise ConnectorError.permission(
        f"schema {schema!r} does not exist and role {user!r} may not make it; run CREATE SCHEMA as "
        "the database's owner and grant USAGE and CREATE on it"
    )
