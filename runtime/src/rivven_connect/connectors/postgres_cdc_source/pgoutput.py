"""The messages of PostgreSQL's output plugin `pgoutput`, from bytes; no connection, no clock.

Protocol versions 1, and 2 with transactions that are streamed before they end. The formats are those of
"Logical Replication Message Formats" in PostgreSQL's manual. A row stays as it was sent until somebody
wants its columns: many rows are taken apart in a tenth of the time that each takes alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from rivven_connect.connectors.postgres_cdc_source.tuples import ProtocolError, columns_at


class Begin(msgspec.Struct, gc=False):
    """A transaction begins; `final_lsn` is where its commit record starts, `time` in microseconds."""

    final_lsn: int
    time: int
    xid: int


class Commit(msgspec.Struct, gc=False):
    """A transaction ends; from `end_lsn` on, everything is behind it."""

    lsn: int
    end_lsn: int
    time: int


class Origin(msgspec.Struct, gc=False):
    """The transaction was replicated from elsewhere."""

    lsn: int
    name: str


class RelationColumn(msgspec.Struct, frozen=True):
    """A column of a relation; `is_key` if it is part of the replica identity."""

    name: str
    type_oid: int
    type_modifier: int
    is_key: bool


class Relation(msgspec.Struct, frozen=True):
    """A table as it is from here on; comes before its first change and after each change of it."""

    oid: int
    namespace: str
    name: str
    replica_identity: str
    columns: tuple[RelationColumn, ...]


class Type(msgspec.Struct, gc=False):
    """A type that is not built in."""

    oid: int
    namespace: str
    name: str


class Insert(msgspec.Struct, gc=False):
    """A new row; rows are as they were sent, for `split_row` and `split_rows`."""

    relation: int
    new: bytes


class Update(msgspec.Struct, gc=False):
    """A row that changed; `old` is whole with replica identity FULL, else its key, if that changed."""

    relation: int
    old: bytes | None
    old_is_key: bool
    new: bytes


class Delete(msgspec.Struct, gc=False):
    """A row that is gone: whole with replica identity FULL, else its key and NULLs."""

    relation: int
    old: bytes
    old_is_key: bool


class Truncate(msgspec.Struct, gc=False):
    """Tables that were emptied."""

    relations: list[int]
    cascade: bool
    restart_identity: bool


class LogicalMessage(msgspec.Struct, gc=False):
    """What somebody wrote with `pg_logical_emit_message`."""

    transactional: bool
    lsn: int
    prefix: str
    content: bytes


class StreamStart(msgspec.Struct, gc=False):
    """Changes of a transaction that has not ended; up to `StreamStop`, each names its transaction."""

    xid: int
    is_first: bool


class StreamStop(msgspec.Struct, gc=False):
    """The end of such a block."""


class StreamCommit(msgspec.Struct, gc=False):
    """A transaction that was streamed ends."""

    xid: int
    lsn: int
    end_lsn: int
    time: int


class StreamAbort(msgspec.Struct, gc=False):
    """A streamed transaction, or one of its savepoints, was rolled back."""

    xid: int
    subxid: int


Message: TypeAlias = (
    Begin
    | Commit
    | Origin
    | Relation
    | Type
    | Insert
    | Update
    | Delete
    | Truncate
    | LogicalMessage
    | StreamStart
    | StreamStop
    | StreamCommit
    | StreamAbort
)

_begin = struct.Struct(">qqI").unpack_from
_commit = struct.Struct(">Bqqq").unpack_from
_int64 = struct.Struct(">q").unpack_from
_oid = struct.Struct(">I").unpack_from
_oid_and_tag = struct.Struct(">IB").unpack_from
_truncate = struct.Struct(">IB").unpack_from
_stream_start = struct.Struct(">IB").unpack_from
_stream_commit = struct.Struct(">IBqqq").unpack_from
_stream_abort = struct.Struct(">II").unpack_from
_count = struct.Struct(">H").unpack_from
_column = struct.Struct(">Ii").unpack_from

_NEW, _KEY, _OLD = b"NKO"


class Decoder:
    """Turns messages into objects; between `StreamStart` and `StreamStop` messages have another form."""

    def __init__(self) -> None:
        self._streamed = False
        self.xid = 0
        """The (sub)transaction of the last message, while a transaction is streamed."""

    def decode(self, data: bytes, start: int = 0) -> Message:
        """Return the message that `data` holds from `start` to its end.

        Raises:
            ProtocolError: that is no message.
        """
        try:
            kind = data[start]
            if kind == _INSERT and not self._streamed:  # most messages are
                _require(data[start + 5] == _NEW, data[start + 5])
                return Insert(int.from_bytes(data[start + 1 : start + 5]), data[start + 6 :])
            place = start + 1
            if self._streamed and kind in _WITH_XID:
                (self.xid,) = _oid(data, place)
                place += 4
            message: Message
            message, end = _DECODERS[kind](data, place)
        except KeyError as error:
            raise ProtocolError(f"there is no message of type {data[start]:#04x}") from error
        except (IndexError, struct.error, UnicodeDecodeError, ValueError) as error:
            raise ProtocolError(f"a message of {len(data) - start} bytes is broken") from error
        if end != len(data):
            raise ProtocolError(f"a message of {len(data) - start} bytes has another length")
        if kind in _BLOCK_ENDS:
            self._streamed = isinstance(message, StreamStart)
        return message


def _decode_begin(data: bytes, place: int) -> tuple[Begin, int]:
    return Begin(*_begin(data, place)), place + 20


def _decode_commit(data: bytes, place: int) -> tuple[Commit, int]:
    _, lsn, end_lsn, time = _commit(data, place)
    return Commit(lsn, end_lsn, time), place + 25


def _decode_origin(data: bytes, place: int) -> tuple[Origin, int]:
    (lsn,) = _int64(data, place)
    name, end = _string(data, place + 8)
    return Origin(lsn, name), end


def _decode_relation(data: bytes, place: int) -> tuple[Relation, int]:
    (oid,) = _oid(data, place)
    namespace, place = _string(data, place + 4)
    name, place = _string(data, place)
    identity = chr(data[place])
    (count,) = _count(data, place + 1)
    place += 3
    columns = []
    for _ in range(count):
        is_key = bool(data[place] & 1)
        column, place = _string(data, place + 1)
        type_oid, modifier = _column(data, place)
        columns.append(RelationColumn(column, type_oid, modifier, is_key))
        place += 8
    return Relation(oid, namespace or "pg_catalog", name, identity, tuple(columns)), place


def _decode_type(data: bytes, place: int) -> tuple[Type, int]:
    (oid,) = _oid(data, place)
    namespace, place = _string(data, place + 4)
    name, place = _string(data, place)
    return Type(oid, namespace or "pg_catalog", name), place


def _decode_insert(data: bytes, place: int) -> tuple[Insert, int]:
    oid, tag = _oid_and_tag(data, place)
    _require(tag == _NEW, tag)
    return Insert(oid, data[place + 5 :]), len(data)


def _decode_update(data: bytes, place: int) -> tuple[Update, int]:
    oid, tag = _oid_and_tag(data, place)
    old, place = None, place + 5
    is_key = tag == _KEY
    if is_key or tag == _OLD:
        _, end = columns_at(data, place)
        old = data[place:end]
        tag = data[end]
        place = end + 1
    _require(tag == _NEW, tag)
    return Update(oid, old, is_key, data[place:]), len(data)


def _decode_delete(data: bytes, place: int) -> tuple[Delete, int]:
    oid, tag = _oid_and_tag(data, place)
    _require(tag in (_KEY, _OLD), tag)
    return Delete(oid, data[place + 5 :], tag == _KEY), len(data)


def _decode_truncate(data: bytes, place: int) -> tuple[Truncate, int]:
    count, options = _truncate(data, place)
    place += 5
    end = place + 4 * count
    _require(end <= len(data), count)
    relations = list(struct.unpack_from(f">{count}I", data, place))
    return Truncate(relations, bool(options & 1), bool(options & 2)), end


def _decode_logical_message(data: bytes, place: int) -> tuple[LogicalMessage, int]:
    flags = data[place]
    (lsn,) = _int64(data, place + 1)
    prefix, place = _string(data, place + 9)
    (length,) = _oid(data, place)
    end = place + 4 + length
    return LogicalMessage(bool(flags & 1), lsn, prefix, data[place + 4 : end]), end


def _decode_stream_start(data: bytes, place: int) -> tuple[StreamStart, int]:
    xid, first = _stream_start(data, place)
    return StreamStart(xid, bool(first)), place + 5


def _decode_stream_stop(data: bytes, place: int) -> tuple[StreamStop, int]:
    return StreamStop(), place


def _decode_stream_commit(data: bytes, place: int) -> tuple[StreamCommit, int]:
    xid, _, lsn, end_lsn, time = _stream_commit(data, place)
    return StreamCommit(xid, lsn, end_lsn, time), place + 29


def _decode_stream_abort(data: bytes, place: int) -> tuple[StreamAbort, int]:
    return StreamAbort(*_stream_abort(data, place)), place + 8


def _string(data: bytes, place: int) -> tuple[str, int]:
    end = data.index(0, place)
    return data[place:end].decode(), end + 1


def _require(condition: bool, found: int) -> None:  # an assertion reads like one
    if not condition:
        raise ProtocolError(f"{found:#04x} is out of place")


_DECODERS: dict[int, Callable[[bytes, int], tuple[Any, int]]] = {
    ord("B"): _decode_begin,
    ord("C"): _decode_commit,
    ord("O"): _decode_origin,
    ord("R"): _decode_relation,
    ord("Y"): _decode_type,
    ord("I"): _decode_insert,
    ord("U"): _decode_update,
    ord("D"): _decode_delete,
    ord("T"): _decode_truncate,
    ord("M"): _decode_logical_message,
    ord("S"): _decode_stream_start,
    ord("E"): _decode_stream_stop,
    ord("c"): _decode_stream_commit,
    ord("A"): _decode_stream_abort,
}
_INSERT = ord("I")
_BLOCK_ENDS = b"SE"
_WITH_XID = frozenset(b"RYIUDTM")
