"""What an event says of a row, and what tells it from others."""

from __future__ import annotations

from collections.abc import Sequence

from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import Json, JsonObject, encode_sorted


class Unfit(Exception):
    """A record that cannot be stored as it is; the text says why, without the record's values."""


UNFIT = (Unfit, UnicodeEncodeError, OverflowError, RecursionError)
"""What a value raises that neither JSON nor a table can take; the others are a lone surrogate, an integer
beyond 64 bits and a loop."""


def record_of(event: SourceEvent) -> JsonObject:
    """Return the record of an event: as it is now, or of a delete as it was; of a truncate, nothing.

    Raises:
        Unfit: it is no object, hence no row.
    """
    record = {} if event.event_type is EventType.TRUNCATE else event.data
    if event.event_type is EventType.UPDATE:
        record = event.after()
    if not isinstance(record, dict):
        raise Unfit(f"the record is not an object but a {type(record).__name__}")
    return record


def type_of(event: SourceEvent) -> str | None:
    """Return insert, update, delete or truncate; None for a plain record."""
    return None if event.event_type is EventType.RECORD else event.event_type.value


def our_key(event: SourceEvent) -> str:
    """Return what names an event in its stream.

    Raises:
        Unfit: nothing does.
    """
    if event.position is None:
        raise Unfit(
            "nothing tells this record from others: its stream has no primary key and its source gives "
            "no position; write it with mode append"
        )
    return canonical_json([event.position, event.sub_index])


def part_at(record: JsonObject, path: Sequence[str]) -> Json:
    """Return what a record has at a path, None for nothing."""
    found: Json = record
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    return found


def canonical_json(value: Json) -> str:
    """Return JSON that is equal for equal values.

    Raises:
        Unfit: the value has no JSON form.
    """
    try:
        return encode_sorted(value).decode()
    except TypeError as error:
        raise Unfit(f"a position has no JSON form: {error}") from None


def unfit_reason(error: Exception) -> str:
    """Return one of `UNFIT` in words."""
    if isinstance(error, OverflowError):
        return "an integer is beyond 64 bits, the most that a table stores"
    if isinstance(error, UnicodeEncodeError):
        return "a text holds half of a surrogate pair, which UTF-8 lacks"
    if isinstance(error, RecursionError):
        return "the record is nested too deeply, or in itself"
    return str(error)
