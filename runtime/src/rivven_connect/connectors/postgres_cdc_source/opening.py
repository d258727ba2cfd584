"""The start of a reading: look at the server, and decide where to begin. All of it blocks."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import msgspec

from rivven_connect import ConnectorError
from rivven_connect.connectors.postgres_cdc_source._generated import PostgresCdcSourceConfig
from rivven_connect.connectors.postgres_cdc_source.identity import (
    require_followable,
    require_sent_identity,
)
from rivven_connect.connectors.postgres_cdc_source.place import Place
from rivven_connect.connectors.postgres_cdc_source.replication import parse_lsn
from rivven_connect.connectors.postgres_cdc_source.server import (
    Publication,
    creation_of,
    read_publication,
    read_server,
    read_slot,
    require_identity,
    require_no_gap,
    require_published,
    require_usable,
)
from rivven_connect.connectors.postgres_cdc_source.snapshot import TablePlan
from rivven_connect.connectors.postgres_cdc_source.tables import chosen_tables, table_plans
from rivven_connect.postgres import Table, Types, connect, quoted, read_types, translated

if TYPE_CHECKING:
    import psycopg

_log = logging.getLogger("rivven_connect.postgres_cdc_source")


_NO_TRANSACTION_TIMEOUT = b"""
SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings
WHERE name = 'transaction_timeout'
"""
"""Servers before version 17 do not know it."""


class Opening(msgspec.Struct, frozen=True):
    """What a reading begins with; `place` is None where no changes will be read."""

    plans: list[TablePlan]
    types: Types
    place: Place | None
    needs_slot: bool


def look(
    connection: psycopg.Connection[Any],
    config: PostgresCdcSourceConfig,
    chosen: Collection[str],
    saved: Place | None,
) -> Opening:
    """Look at the server, create the publication if that is ours to do, and say where to begin.

    `chosen` are the full names of the tables.

    Raises:
        ConnectorError: changes are missing, or something is not as it must be.
    """
    with translated("looking at the server"):
        tables = [one for one in chosen_tables(connection, config) if one.full_name() in chosen]
        place, needs_slot = None, False
        if config.snapshot.mode != "initial_only":
            place, needs_slot = _place(connection, config, tables, saved)
        plans = table_plans(connection, tables, config)
        oids = {column.type_oid for plan in plans for column in plan.columns}
        return Opening(plans, read_types(connection, oids), place, needs_slot)


def _place(
    connection: psycopg.Connection[Any],
    config: PostgresCdcSourceConfig,
    tables: list[Table],
    saved: Place | None,
) -> tuple[Place, bool]:
    """Return where to begin, and whether a slot has to be created first."""
    with connect(config, replication=True) as replication:
        server = read_server(replication)
    slot = read_slot(connection, config.slot_name)
    if slot is not None:
        require_usable(config.slot_name, slot, connection.info.dbname)
    publication = read_publication(connection, config.publication_name)
    require_followable(connection, tables)
    if saved is not None and saved.phase == "streaming":
        require_no_gap(saved, server, slot, publication)
    elif publication is None:
        publication = _create_publication(connection, config, tables)
    if publication is not None:
        require_published(config.publication_name, publication, tables)
    oid = publication.oid if publication is not None else 0
    if saved is not None and saved.phase == "streaming":
        return msgspec.structs.replace(saved, timeline=server.timeline), False
    begun = Place(config.slot_name, server.system, server.timeline, oid, phase="creating")
    if slot is None:
        if not config.auto_create_slot:
            raise ConnectorError.configuration(
                f"there is no slot {config.slot_name!r}, and `auto_create_slot` is false"
            )
        return begun, True
    if config.snapshot.mode == "never":
        at = parse_lsn(slot.confirmed_flush_lsn or "0/0")
        found = msgspec.structs.replace(begun, phase="streaming", lsn=at)
        require_no_gap(found, server, slot, publication)
        return found, False
    if saved is None or (saved.slot, saved.system) != (begun.slot, begun.system):
        raise ConnectorError.state(
            f"slot {config.slot_name!r} exists already, and nothing is known of what was read from it. "
            f"If nobody uses it: SELECT pg_drop_replication_slot('{config.slot_name}'); to go on where it "
            "is, without the rows that are there: `snapshot.mode: never`; or name another `slot_name`"
        )
    # A run before this one said that it would create it, and ended before it read anything from it.
    connection.execute(b"SELECT pg_catalog.pg_drop_replication_slot($1)", [config.slot_name])
    return begun, True


def _create_publication(
    connection: psycopg.Connection[Any], config: PostgresCdcSourceConfig, tables: list[Table]
) -> Publication:
    name = config.publication_name
    statement = creation_of(name, tables)
    if not config.auto_create_publication:
        raise ConnectorError.configuration(f"there is no publication {name!r}: {statement}")
    require_identity(tables)
    require_sent_identity(connection, tables)
    with translated(f"creating publication {name!r} (or let its owner do it: {statement})"):
        connection.execute(statement.encode())
    found = read_publication(connection, name)
    if found is None:
        raise ConnectorError.internal(f"publication {name!r} was created and is not there")
    return found


def create_slot(
    replication: psycopg.Connection[Any],
    config: PostgresCdcSourceConfig,
    place: Place,
    readers: int,
) -> tuple[Place, list[psycopg.Connection[Any]]]:
    """Create the slot; return where it begins, and connections that see exactly that moment.

    The server waits for all transactions that run, however long they do.

    Raises:
        ConnectorError: the server refuses.
    """
    snapshot = "EXPORT_SNAPSHOT" if readers else "NOEXPORT_SNAPSHOT"
    command = f"CREATE_REPLICATION_SLOT {quoted(place.slot)} LOGICAL pgoutput {snapshot}"
    with translated(f"creating slot {place.slot!r}"):
        row = replication.execute(command.encode()).fetchone() or ("", "0/0", "")
    _log.warning(
        "slot %r was created: the server keeps its log until a pipeline reads it, or you drop it",
        place.slot,
    )
    begun = msgspec.structs.replace(place, phase="streaming", lsn=parse_lsn(str(row[1])))
    # The moment is held by this connection until others hold it.
    return begun, open_readers(config, readers, str(row[2])) if readers else []


def open_readers(
    config: PostgresCdcSourceConfig, count: int, snapshot: str | None
) -> list[psycopg.Connection[Any]]:
    """Return connections that all see one moment: that of an exported snapshot, or now."""
    with contextlib.ExitStack() as stack, translated("beginning to read tables"):
        found = []
        for _ in range(count):
            connection = stack.enter_context(contextlib.closing(connect(config)))
            # A table may take longer to be read than the server lets statements take.
            connection.execute(b"SET statement_timeout = 0")
            connection.execute(b"SET idle_in_transaction_session_timeout = 0")
            connection.execute(_NO_TRANSACTION_TIMEOUT)
            # Policies do not hide changes, so rows that they hide would be a hole: an error instead.
            connection.execute(b"SET row_security = off")
            connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            if snapshot is None:
                row = connection.execute(b"SELECT pg_catalog.pg_export_snapshot()").fetchone()
                snapshot = str(row[0]) if row else ""
            else:
                name = snapshot.replace("'", "''")
                connection.execute(f"SET TRANSACTION SNAPSHOT '{name}'".encode())
            found.append(connection)
        stack.pop_all()
        return found
