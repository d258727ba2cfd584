"""Messages of `pgoutput` as the manual describes them, written by other means than they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rivven_connect.connectors.postgres_cdc_source import pgoutput as pg
from rivven_connect.connectors.postgres_cdc_source import tuples


def number(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big", signed=value < 0)


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def row(columns: Sequence[Any]) -> bytes:
    parts = [number(len(columns), 2)]
    for one in columns:
        if one is None:
            parts.append(b"n")
        elif one is tuples.UNCHANGED:
            parts.append(b"u")
        else:
            parts.append(b"t" + number(len(one), 4) + one)
    return b"".join(parts)


def old(sent: bytes, *, is_key: bool) -> bytes:
    return (b"K" if is_key else b"O") + sent


def encode(  # noqa: C901, PLR0911, PLR0912  # one case a message
    message: pg.Message, xid: int | None = None
) -> bytes:
    """Return a message; `xid` is of those between `StreamStart` and `StreamStop`."""
    own = b"" if xid is None else number(xid, 4)
    match message:
        case pg.Begin():
            return (
                b"B"
                + number(message.final_lsn, 8)
                + number(message.time, 8)
                + number(message.xid, 4)
            )
        case pg.Commit():
            return b"C\0" + b"".join(
                number(one, 8) for one in (message.lsn, message.end_lsn, message.time)
            )
        case pg.Origin():
            return b"O" + number(message.lsn, 8) + text(message.name)
        case pg.Relation():
            columns = b"".join(
                number(one.is_key, 1)
                + text(one.name)
                + number(one.type_oid, 4)
                + number(one.type_modifier, 4)
                for one in message.columns
            )
            namespace = "" if message.namespace == "pg_catalog" else message.namespace
            head = number(message.oid, 4) + text(namespace) + text(message.name)
            identity = message.replica_identity.encode("latin-1")
            return b"R" + own + head + identity + number(len(message.columns), 2) + columns
        case pg.Type():
            return (
                b"Y" + own + number(message.oid, 4) + text(message.namespace) + text(message.name)
            )
        case pg.Insert():
            return b"I" + own + number(message.relation, 4) + b"N" + message.new
        case pg.Update():
            before = b"" if message.old is None else old(message.old, is_key=message.old_is_key)
            return b"U" + own + number(message.relation, 4) + before + b"N" + message.new
        case pg.Delete():
            before = old(message.old, is_key=message.old_is_key)
            return b"D" + own + number(message.relation, 4) + before
        case pg.Truncate():
            options = message.cascade + 2 * message.restart_identity
            oids = b"".join(number(one, 4) for one in message.relations)
            return b"T" + own + number(len(message.relations), 4) + number(options, 1) + oids
        case pg.LogicalMessage():
            head = number(message.transactional, 1) + number(message.lsn, 8) + text(message.prefix)
            return b"M" + own + head + number(len(message.content), 4) + message.content
        case pg.StreamStart():
            return b"S" + number(message.xid, 4) + number(message.is_first, 1)
        case pg.StreamStop():
            return b"E"
        case pg.StreamCommit():
            numbers = (message.lsn, message.end_lsn, message.time)
            return (
                b"c" + number(message.xid, 4) + b"\0" + b"".join(number(one, 8) for one in numbers)
            )
        case pg.StreamAbort():
            return b"A" + number(message.xid, 4) + number(message.subxid, 4)
