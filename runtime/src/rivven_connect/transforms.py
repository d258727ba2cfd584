"""Helpers for transforms: look at an event's record, and change it.

Which record: `data` itself; for an update event, whose `data` is `{"before", "after"}`, it is
`after`. Functions that ask (`has_field`, `get_field`, `field_equals` ...) change nothing. All others
**change the event's record in place and return the same event**. Those that rename, remove or map
also do it to the `before` of an update, because a field that stays there is not removed. On control
events and on records that are not objects, every function that changes does nothing, and every
function that asks finds nothing.

Fields are top-level keys, with dots like any other character; only `get_nested_field` takes a path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import Json, JsonObject

__all__ = [
    "add_field",
    "copy_field",
    "field_contains",
    "field_ends_with",
    "field_equals",
    "field_starts_with",
    "get_field",
    "get_nested_field",
    "has_field",
    "keep_only_fields",
    "map_field",
    "merge_data",
    "remove_field",
    "remove_fields",
    "rename_field",
    "set_field",
]


def rename_field(event: SourceEvent, old: str, new: str) -> SourceEvent:
    """Rename `old` to `new`, in its place, replacing a field that has the new name already."""
    for record in _images(event):
        if old in record and old != new:
            entries = [(new if k == old else k, v) for k, v in record.items() if k != new]
            record.clear()
            record.update(entries)
    return event


def remove_field(event: SourceEvent, field: str) -> SourceEvent:
    """Remove a field, if it is there."""
    return remove_fields(event, [field])


def remove_fields(event: SourceEvent, fields: Iterable[str]) -> SourceEvent:
    """Remove those fields that are there."""
    names = list(fields)
    for record in _images(event):
        for name in names:
            record.pop(name, None)
    return event


def keep_only_fields(event: SourceEvent, fields: Iterable[str]) -> SourceEvent:
    """Remove all fields but these."""
    kept = frozenset(fields)
    for record in _images(event):
        for name in [name for name in record if name not in kept]:
            del record[name]
    return event


def map_field(event: SourceEvent, field: str, function: Callable[[Json], Json]) -> SourceEvent:
    """Replace a field's value, if it is there, by what `function` makes of it."""
    for record in _images(event):
        if field in record:
            record[field] = function(record[field])
    return event


def set_field(event: SourceEvent, field: str, value: Json) -> SourceEvent:
    """Set a field, new or not."""
    record = _record(event)
    if record is not None:
        record[field] = value
    return event


add_field = set_field
"""The original's second name for the same: it replaces a value that is there."""


def copy_field(event: SourceEvent, source: str, target: str) -> SourceEvent:
    """Set `target` to the value of `source`, if that is there; a nested value is shared."""
    record = _record(event)
    if record is not None and source in record:
        record[target] = record[source]
    return event


def merge_data(event: SourceEvent, values: Mapping[str, Json]) -> SourceEvent:
    """Set several fields, new or not; nested objects are replaced, not merged."""
    record = _record(event)
    if record is not None:
        record.update(values)
    return event


def has_field(event: SourceEvent, field: str) -> bool:
    """Whether the record has the field; a null counts."""
    record = _record(event)
    return record is not None and field in record


def get_field(event: SourceEvent, field: str, default: Json = None) -> Json:
    """Return a field's value, or `default` where there is none."""
    record = _record(event)
    return default if record is None else record.get(field, default)


def get_nested_field(event: SourceEvent, path: str, default: Json = None) -> Json:
    """Return the value at a dotted path such as `address.city`, or `default` where there is none.

    Only objects are entered; a list ends the path.
    """
    found: Json = _record(event)
    for key in path.split("."):
        if not isinstance(found, dict) or key not in found:
            return default
        found = found[key]
    return found


def field_equals(event: SourceEvent, field: str, value: Json) -> bool:
    """Whether the field is there and equals `value` as JSON: true is not 1, but 1.0 is."""
    record = _record(event)
    if record is None or field not in record:
        return False
    found = record[field]
    return isinstance(found, bool) is isinstance(value, bool) and bool(found == value)


def field_contains(event: SourceEvent, field: str, text: str) -> bool:
    """Whether the field is a string that contains `text`."""
    return text in found if (found := _text(event, field)) is not None else False


def field_starts_with(event: SourceEvent, field: str, text: str) -> bool:
    """Whether the field is a string that starts with `text`."""
    return found.startswith(text) if (found := _text(event, field)) is not None else False


def field_ends_with(event: SourceEvent, field: str, text: str) -> bool:
    """Whether the field is a string that ends with `text`."""
    return found.endswith(text) if (found := _text(event, field)) is not None else False


def _record(event: SourceEvent) -> JsonObject | None:
    """The object that the event is about, or None."""
    found = event.data
    if event.event_type is EventType.UPDATE and isinstance(found, dict):
        found = found.get("after")
    return found if event.is_data and isinstance(found, dict) else None


def _images(event: SourceEvent) -> list[JsonObject]:
    """The objects that hold the record: as it is and, for an update, as it was."""
    images = [_record(event)]
    if event.event_type is EventType.UPDATE and isinstance(event.data, dict):
        before = event.data.get("before")
        images.append(before if isinstance(before, dict) else None)
    return [image for image in images if image is not None]


def _text(event: SourceEvent, field: str) -> str | None:
    found = get_field(event, field)
    return found if isinstance(found, str) else None
