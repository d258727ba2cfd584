"""Rows as `pgoutput` sends them, taken apart (PostgreSQL, "Logical Replication Message Formats", TupleData)."""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence
from typing import Final, TypeAlias


class ProtocolError(ValueError):
    """Bytes that are no message, or one that nobody asked for."""


class Unchanged(enum.Enum):
    """Stands for a value that was stored apart (TOAST), was not touched, and so was not sent."""

    VALUE = "unchanged"


UNCHANGED: Final = Unchanged.VALUE

Columns: TypeAlias = list[bytes | Unchanged | None]
"""The text of each column of a row, None for NULL."""


_count = struct.Struct(">H").unpack_from
_TEXT, _NULL, _UNTOUCHED = b"tnu"
_SHORT_TEXT = b"t\0\0\0"
"""Before the last byte of the length of a text of less than 256 bytes."""


def split_row(row: bytes) -> Columns:
    """Return the columns of a row.

    Raises:
        ProtocolError: it is none.
    """
    try:
        found, end = columns_at(row, 0)
    except (IndexError, struct.error) as error:
        raise ProtocolError(f"a row of {len(row)} bytes is broken") from error
    if end != len(row):
        raise ProtocolError(f"a row of {len(row)} bytes has another length")
    return found


def split_rows(rows: Sequence[bytes], count: int) -> Sequence[Sequence[bytes | Unchanged | None]]:
    """Return the values of each of `count` columns of rows; without columns, nothing.

    Raises:
        ProtocolError: one is none, or has another number of columns.
    """
    # A text has no zero byte, so that what looks like the head of a short one is nothing else.
    parts = b"".join([row[2:] for row in rows]).split(_SHORT_TEXT)
    first = parts.pop(0)
    if not first and len(parts) == count * len(rows):
        texts = [part[1:] for part in parts]
        heads = [part[0] for part in parts if part]
        number = count.to_bytes(2)
        if list(map(len, texts)) == heads and all(
            [row.startswith(number) for row in rows]  # noqa: C419  # a list is twice as fast
        ):
            return [texts[place::count] for place in range(count)]
    found = list(map(split_row, rows))
    if any(len(row) != count for row in found):
        raise ProtocolError(f"a row has not the {count} columns of its table")
    return list(zip(*found, strict=True))


def columns_at(data: bytes, place: int) -> tuple[Columns, int]:
    """Return columns and where they end; a length that is too large shows there."""
    (count,) = _count(data, place)
    place += 2
    found: Columns = []
    for _ in range(count):
        kind = data[place]
        if kind == _TEXT:
            start = place + 5
            place = start + int.from_bytes(data[place + 1 : start])
            found.append(data[start:place])
        elif kind == _NULL:
            found.append(None)
            place += 1
        else:
            if kind != _UNTOUCHED:
                raise ProtocolError(f"{kind:#04x} is no kind of a value")
            found.append(UNCHANGED)
            place += 1
    return found, place
