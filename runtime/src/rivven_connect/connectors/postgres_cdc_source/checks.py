"""What can be wrong before the first change is read; each says how to put it right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rivven_connect import ConnectorError
from rivven_connect.connectors.postgres_cdc_source._generated import PostgresCdcSourceConfig
from rivven_connect.connectors.postgres_cdc_source.identity import (
    require_followable,
    require_sent_identity,
)
from rivven_connect.connectors.postgres_cdc_source.server import (
    creation_of,
    read_publication,
    read_slot,
    require_identity,
    require_published,
    require_usable,
)
from rivven_connect.connectors.postgres_cdc_source.tables import chosen_tables
from rivven_connect.postgres import Table, connect, qualified, quoted, translated

if TYPE_CHECKING:
    import psycopg

_SETTINGS = b"""
SELECT pg_catalog.current_setting('wal_level'),
    pg_catalog.current_setting('max_replication_slots')::int
        - (SELECT count(*) FROM pg_catalog.pg_replication_slots)::int,
    pg_catalog.current_setting('max_wal_senders')::int
        - (SELECT count(*) FROM pg_catalog.pg_stat_replication)::int,
    EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = $1),
    (SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
    current_user::text
"""

_RIGHTS = b"""
SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
    ARRAY(
        SELECT name FROM pg_catalog.unnest($1::text[]) name
        JOIN pg_catalog.pg_class ON pg_class.oid = name::regclass
        WHERE NOT pg_catalog.pg_has_role(relowner, 'USAGE')
    )
"""


def check_replication(config: PostgresCdcSourceConfig) -> None:
    """Return if the server and our role may replicate logically.

    Raises:
        ConnectorError: with what to set.
    """
    with translated("asking for settings"), connect(config) as connection:
        found = connection.execute(_SETTINGS, [config.slot_name]).fetchone()
    level, slots, senders, has_slot, is_allowed, role = found or ("", 0, 0, False, False, "")
    if level != "logical":
        raise ConnectorError.configuration(
            f"the server's wal_level is {level!r}: ALTER SYSTEM SET wal_level = 'logical', and restart it"
        )
    if slots < 1 and not has_slot:
        raise ConnectorError.configuration(
            "all replication slots are taken: raise max_replication_slots and restart the server, or "
            "drop a slot that nobody reads (pg_replication_slots)"
        )
    if senders < 1:
        raise ConnectorError.configuration(
            "all replication connections are taken: raise max_wal_senders and restart the server"
        )
    if not is_allowed:
        raise ConnectorError.permission(
            f"role {role!r} may not replicate: ALTER ROLE {quoted(role)} REPLICATION"
        )


def check_tables(config: PostgresCdcSourceConfig) -> None:
    """Return if the tables exist, may be read, and send what of them changes.

    Raises:
        ConnectorError: with the SQL that changes that.
    """
    with translated("reading the catalog"), connect(config) as connection:
        tables = chosen_tables(connection, config)
        barred = [one.full_name() for one in tables if not one.can_select]
        if barred:
            raise ConnectorError.permission(
                f"we may not read {', '.join(barred)}: GRANT SELECT on them"
            )
        if config.snapshot.mode != "initial_only":
            require_identity(tables)
            require_followable(connection, tables)


def require_publication(config: PostgresCdcSourceConfig) -> None:
    """Return if the publication sends the tables, or will be created.

    Raises:
        ConnectorError: with the SQL that changes that.
    """
    name = config.publication_name
    with translated("reading the publication"), connect(config) as connection:
        tables = chosen_tables(connection, config)
        publication = read_publication(connection, name)
        if publication is None:
            require_sent_identity(connection, tables)
        lacking = [] if publication else _lacking_rights(connection, tables)
    if publication is not None:
        require_published(name, publication, tables)
    elif not config.auto_create_publication:
        raise ConnectorError.configuration(
            f"there is no publication {name!r}: {creation_of(name, tables)}; or let "
            "`auto_create_publication` be true"
        )
    if lacking:
        raise ConnectorError.permission(
            f"we may not create publication {name!r} ({'; '.join(lacking)}): let the tables' owner do "
            f"it: {creation_of(name, tables)}"
        )


def _lacking_rights(connection: psycopg.Connection[Any], tables: Sequence[Table]) -> list[str]:
    """Return what our role lacks to publish the tables."""
    names = [qualified(one.schema, one.name) for one in tables]
    found = connection.execute(_RIGHTS, [names]).fetchone()
    may_create, foreign = found or (False, [])
    lacking = [] if may_create else ["it takes CREATE on the database"]
    if foreign:
        lacking.append(f"somebody else owns {', '.join(foreign)}")
    return lacking


def check_slot(config: PostgresCdcSourceConfig) -> None:
    """Return if the slot can be read, or will be created.

    Raises:
        ConnectorError: with what to do.
    """
    name = config.slot_name
    with translated("looking for the slot"), connect(config) as connection:
        slot = read_slot(connection, name)
        database = connection.info.dbname
    if slot is None:
        if not config.auto_create_slot:
            raise ConnectorError.configuration(
                f"there is no slot {name!r}: SELECT pg_create_logical_replication_slot('{name}', "
                "'pgoutput'), and `snapshot.mode: never`; or let `auto_create_slot` be true"
            )
        return
    require_usable(name, slot, database)
    if slot.invalidation_reason or slot.wal_status == "lost":
        raise ConnectorError.state(
            f"slot {name!r} was invalidated ({slot.invalidation_reason or 'its log was removed'}); what "
            "was in it is lost: drop it, reset the source's state, and start anew"
        )
