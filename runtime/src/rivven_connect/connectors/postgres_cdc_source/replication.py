"""The frames of the streaming replication protocol, from and to bytes, and positions in the log.

Formats: "Streaming Replication Protocol" in PostgreSQL's manual.
"""

from __future__ import annotations

import datetime
import re
import struct

import msgspec

from rivven_connect.connectors.postgres_cdc_source.tuples import ProtocolError

DATA = ord("w")
"""The first byte of a frame that holds a message of the plugin."""

PAYLOAD = 25
"""Where that message begins."""

_LSN = re.compile("([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
_EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_keepalive = struct.Struct(">qqB").unpack_from
_status = struct.Struct(">cqqqqB").pack


class Keepalive(msgspec.Struct, gc=False):
    """The server has sent everything before `end_lsn`; it may want an answer."""

    end_lsn: int
    wants_reply: bool


def decode_keepalive(frame: bytes) -> Keepalive:
    """Return what a frame that does not begin with `DATA` says.

    Raises:
        ProtocolError: it is no keepalive.
    """
    if frame[:1] != b"k" or len(frame) != 18:
        raise ProtocolError(f"a frame of {len(frame)} bytes is neither data nor a keepalive")
    end_lsn, _, wants_reply = _keepalive(frame, 1)
    return Keepalive(end_lsn, bool(wants_reply))


def encode_status(lsn: int, now: datetime.datetime, *, wants_reply: bool = False) -> bytes:
    """Return the answer that everything before `lsn` is durable here."""
    microseconds = (now - _EPOCH) // datetime.timedelta(microseconds=1)
    return _status(b"r", lsn, lsn, lsn, microseconds, wants_reply)


def moment(microseconds: int) -> datetime.datetime:
    """Return a time that the server sent: microseconds since 2000-01-01 00:00 UTC.

    Raises:
        ProtocolError: it is beyond the years 1 to 9999.
    """
    try:
        return _EPOCH + datetime.timedelta(microseconds=microseconds)
    except OverflowError as error:
        raise ProtocolError("a time is beyond the year 9999") from error


def lsn_text(lsn: int) -> str:
    """Return a position in the log as PostgreSQL writes it: `16/B374D848`."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def parse_lsn(text: str) -> int:
    """Return the position that a text names.

    Raises:
        ValueError: it names none.
    """
    found = _LSN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no position in the log")
    return int(found[1], 16) << 32 | int(found[2], 16)
