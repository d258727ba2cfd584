"""Fields of records by dotted path, for transforms that leave what they were given untouched.

A record may be shared: by the sinks of one topic, and by the dead letter of a later failure. So
nothing here changes an object; what changes is made anew along the path, and the rest is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from rivven_connect._errors import ConnectorError
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import Json, JsonObject

MISSING: Final = object()
"""No value; not even null."""

Change = Callable[[Any], Any]
"""Returns what takes the place of a value; `MISSING` removes the field."""


def find_field(record: Json, path: str) -> Any:
    """Return the value at a dotted path, or `MISSING`.

    A field that has the dots in its name goes first. Only objects are entered; a list ends the path.
    """
    if isinstance(record, dict) and path in record:
        return record[path]
    found = record
    for key in path.split("."):
        if not isinstance(found, dict) or key not in found:
            return MISSING
        found = found[key]
    return found


def change_field(record: Json, path: str, change: Change) -> Any:
    """Return the record with `change` applied to every value that the path can mean.

    Those are fields with dots in their names as well as nested ones; of a list on the way, every
    element is entered. What does not change is shared with the record.
    """
    return _changed(record, path.split("."), change)


def _changed(value: Any, keys: Sequence[str], change: Change) -> Any:
    if isinstance(value, list):
        return [_changed(item, keys, change) for item in value]
    if not isinstance(value, dict):
        return value
    found = value
    for length in range(1, len(keys) + 1):
        name = ".".join(keys[:length])
        if name not in value:
            continue
        old, rest = value[name], keys[length:]
        new = _changed(old, rest, change) if rest else change(old)
        if new is old:
            continue
        if found is value:
            found = dict(value)
        if new is MISSING:
            del found[name]
        else:
            found[name] = new
    return found


def put_field(record: JsonObject, path: str, value: Json, *, overwrite: bool) -> JsonObject:
    """Return the record with a value at a dotted path; objects on the way are made as needed.

    Without `overwrite`, a value that is there stays.

    Raises:
        ConnectorError: something that is no object stands on the way; it would be lost.
    """
    if path in record:
        return {**record, path: value} if overwrite else record
    return _put(record, path.split("."), value, overwrite=overwrite)


def _put(record: JsonObject, keys: Sequence[str], value: Json, *, overwrite: bool) -> JsonObject:
    key, *rest = keys
    if not rest:
        return record if key in record and not overwrite else {**record, key: value}
    inner = record.get(key, {})
    if not isinstance(inner, dict):
        raise ConnectorError.data(f"field {key!r} is no object, so nothing can be put into it")
    return {**record, key: _put(inner, rest, value, overwrite=overwrite)}


def current_record(event: SourceEvent) -> Json:
    """Return the record as it is; of a delete, as it was."""
    after = event.after()
    return event.before() if after is None else after


def change_record(
    event: SourceEvent, change: Callable[[JsonObject], JsonObject], *, past: bool = True
) -> SourceEvent:
    """Return the event with `change` applied to its record; the given event stays as it is.

    Of an update, that is both sides, or with `past=False` the present one alone. Control events and
    records that are no objects come back as they are.
    """
    data = event.data
    if not isinstance(data, dict) or not event.is_data:
        return event
    if event.event_type is EventType.UPDATE:
        sides = {
            side: change(image)
            for side, image in data.items()
            if isinstance(image, dict) and (past or side == "after")
        }
        return msgspec.structs.replace(event, data={**data, **sides})
    return msgspec.structs.replace(event, data=change(data))
