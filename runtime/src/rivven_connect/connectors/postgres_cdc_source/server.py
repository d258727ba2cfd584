"""What the server says about itself, its slot and its publication; and whether something is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from rivven_connect import ConnectorError
from rivven_connect.connectors.postgres_cdc_source.place import Place, advice
from rivven_connect.connectors.postgres_cdc_source.replication import lsn_text, parse_lsn
from rivven_connect.postgres import Table, qualified, quoted, translated

if TYPE_CHECKING:
    import psycopg

_OPERATIONS = ("insert", "update", "delete", "truncate")


class Server(msgspec.Struct, frozen=True):
    """A server: which one, on which timeline, and up to where its log is on its disk."""

    system: str
    timeline: int
    lsn: int
    switches: Mapping[int, int] = {}
    """Where each timeline before this one ended."""


class Slot(msgspec.Struct, frozen=True):
    """A replication slot; fields of newer servers are None with older ones."""

    plugin: str | None = None
    database: str | None = None
    active_pid: int | None = None
    restart_lsn: str | None = None
    confirmed_flush_lsn: str | None = None
    wal_status: str | None = None
    invalidation_reason: str | None = None


class Published(msgspec.Struct, frozen=True):
    """What a publication sends of a table: columns (None: all), and the rows that fulfil SQL."""

    columns: tuple[str, ...] | None
    row_filter: str | None


class Publication(msgspec.Struct, frozen=True):
    """A publication: operations that it sends, and tables by schema and name."""

    oid: int
    operations: frozenset[str]
    tables: Mapping[tuple[str, str], Published]
    via_root: bool = True
    """Whether changes of partitions come as those of the table above them."""


def read_server(replication: psycopg.Connection[Any]) -> Server:
    """Ask a replication connection where the server is."""
    with translated("asking the server where it is"):
        row = replication.execute("IDENTIFY_SYSTEM").fetchone() or ("", 0, "0/0", "")
        timeline = int(row[1])
        switches: Mapping[int, int] = {}
        if timeline > 1:
            history = replication.execute(f"TIMELINE_HISTORY {timeline}".encode()).fetchone()
            switches = _switches(history[1] if history else b"")
    return Server(str(row[0]), timeline, parse_lsn(str(row[2])), switches)


def _switches(history: bytes | str) -> dict[int, int]:
    """Return where timelines ended: lines of number, tab, position, tab, reason."""
    text = history.decode("utf-8", "replace") if isinstance(history, bytes) else history
    found = {}
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) >= 2 and fields[0].isdigit():
            found[int(fields[0])] = parse_lsn(fields[1])
    return found


def read_slot(connection: psycopg.Connection[Any], name: str) -> Slot | None:
    """Return the slot of that name, or None."""
    with translated(f"looking for the slot {name!r}"):
        # As JSON, because servers of different versions have different columns.
        row = connection.execute(
            b"SELECT pg_catalog.to_jsonb(s) FROM pg_catalog.pg_replication_slots s WHERE slot_name = $1",
            [name],
        ).fetchone()
    return None if row is None else msgspec.convert(row[0], Slot)


def read_publication(connection: psycopg.Connection[Any], name: str) -> Publication | None:
    """Return the publication of that name, or None."""
    with translated(f"looking for the publication {name!r}"):
        row = connection.execute(
            b"SELECT oid::int8, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot "
            b"FROM pg_catalog.pg_publication WHERE pubname = $1",
            [name],
        ).fetchone()
        if row is None:
            return None
        tables = connection.execute(
            b"SELECT schemaname::text, tablename::text, pg_catalog.to_jsonb(t) "
            b"FROM pg_catalog.pg_publication_tables t WHERE pubname = $1",
            [name],
        ).fetchall()
    return Publication(
        row[0],
        frozenset(name for name, is_sent in zip(_OPERATIONS, row[1:5], strict=True) if is_sent),
        {
            (schema, table): Published(
                tuple(more["attnames"]) if more.get("attnames") else None, more.get("rowfilter")
            )
            for schema, table, more in tables
        },
        row[5],
    )


def creation_of(name: str, tables: Sequence[Table]) -> str:
    """Return the SQL that creates the publication of some tables."""
    listed = ", ".join(_only(table) for table in tables)
    # Changes of partitions come as those of the table that was chosen.
    return f"CREATE PUBLICATION {quoted(name)} FOR TABLE {listed} WITH (publish_via_partition_root = true)"


def _only(table: Table) -> str:
    only = "" if table.kind == "partitioned" else "ONLY "
    return f"{only}{qualified(table.schema, table.name)}"


def require_identity(tables: Sequence[Table]) -> None:
    """Return if tables can be published: without a replica identity every UPDATE and DELETE fails.

    Raises:
        ConnectorError: one cannot; with what changes that.
    """
    keyless = [
        one.full_name() for one in tables if one.replica_identity != "full" and not one.identity_key
    ]
    if keyless:
        raise ConnectorError.configuration(
            f"{', '.join(keyless)}: without a primary key or a replica identity, UPDATE and DELETE fail "
            "once the table is published: add a primary key, or ALTER TABLE ... REPLICA IDENTITY FULL"
        )


def require_published(name: str, publication: Publication, tables: Sequence[Table]) -> None:
    """Return if a publication sends all changes of some tables.

    Raises:
        ConnectorError: it does not; with the SQL that changes that.
    """
    if publication.operations != set(_OPERATIONS):
        lacking = ", ".join(one for one in _OPERATIONS if one not in publication.operations)
        raise ConnectorError.configuration(
            f"publication {name!r} does not send {lacking}, which would be missed: ALTER PUBLICATION "
            f"{quoted(name)} SET (publish = '{', '.join(_OPERATIONS)}')"
        )
    missing = [one for one in tables if (one.schema, one.name) not in publication.tables]
    if not publication.via_root and any(one.kind == "partitioned" for one in missing):
        raise ConnectorError.configuration(
            f"publication {name!r} sends changes of partitions as their own: ALTER PUBLICATION "
            f"{quoted(name)} SET (publish_via_partition_root = true)"
        )
    if missing:
        listed = ", ".join(_only(one) for one in missing)
        raise ConnectorError.configuration(
            f"publication {name!r} lacks tables that are to be read: ALTER PUBLICATION {quoted(name)} "
            f"ADD TABLE {listed}; or choose fewer `streams`"
        )


def require_usable(name: str, slot: Slot, database: str) -> None:
    """Return if a slot can be read by us.

    Raises:
        ConnectorError: it is another kind of slot.
    """
    if slot.plugin != "pgoutput" or slot.database != database:
        raise ConnectorError.configuration(
            f"slot {name!r} is of plugin {slot.plugin!r} and database {slot.database!r}, not of "
            f"pgoutput and {database!r}; name another `slot_name`, or drop it"
        )


def require_no_gap(
    place: Place, server: Server, slot: Slot | None, publication: Publication | None
) -> None:
    """Return if the server can continue exactly where we are.

    Raises:
        ConnectorError: of kind `state`; changes are missing, which the message tells.
    """
    found = _gap(place, server, slot, publication)
    if found is not None:
        at = lsn_text(place.lsn)
        raise ConnectorError.state(
            f"gap: {found}. Changes behind {at} are not to be had; {advice(place.slot)}"
        )


def _gap(  # noqa: PLR0911  # one line a kind of gap
    place: Place, server: Server, slot: Slot | None, publication: Publication | None
) -> str | None:
    """Return what is missing, or None."""
    if server.system != place.system:
        return f"this is another server (system {server.system}, not {place.system})"
    if server.timeline != place.timeline:
        end = server.switches.get(place.timeline)
        if end is None or end < place.lsn:
            at = "which it has not" if end is None else f"which ended at {lsn_text(end)}"
            return (
                f"the server is on timeline {server.timeline} and we were on {place.timeline}, {at}: "
                "it was promoted or restored without what had been delivered"
            )
    if server.lsn < place.lsn:
        return (
            f"the server's log ends at {lsn_text(server.lsn)}: it was promoted or restored from an "
            "older copy, without what had been delivered"
        )
    if slot is None:
        return f"slot {place.slot!r} is gone"
    if slot.invalidation_reason or slot.wal_status == "lost" or slot.restart_lsn is None:
        reason = slot.invalidation_reason or "its log was removed"
        return f"slot {place.slot!r} was invalidated ({reason})"
    confirmed = parse_lsn(slot.confirmed_flush_lsn or "0/0")
    if confirmed > place.lsn:
        return f"somebody else has moved slot {place.slot!r} on to {lsn_text(confirmed)}"
    if publication is None or publication.oid != place.publication:
        return "the publication was dropped" + (" and created again" if publication else "")
    return None
