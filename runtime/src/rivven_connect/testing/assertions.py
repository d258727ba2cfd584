"""Questions and assertions about events, by sets of records and never by counts.

Each question returns a bool; each `assert_...` raises `AssertionError` that says what differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import Json, decode_json, encode_json

__all__ = [
    "all_have_field",
    "all_records",
    "assert_all_have_field",
    "assert_all_records",
    "assert_matches_schema",
    "assert_ordered_by",
    "assert_same_records",
    "ordered_by",
]

_SHOWN = 10


def all_records(events: Iterable[SourceEvent]) -> bool:
    """Whether every event is a plain record: no change, state or log."""
    return not _others(events)


def assert_all_records(events: Iterable[SourceEvent]) -> None:
    """Raise unless every event is a plain record."""
    others = _others(events)
    _require(not others, "events that are not records", others)


def all_have_field(events: Iterable[SourceEvent], field: str) -> bool:
    """Whether the record of every event has the field; a null counts."""
    return not _without(events, field)


def assert_all_have_field(events: Iterable[SourceEvent], field: str) -> None:
    """Raise unless the record of every event has the field."""
    missing = _without(events, field)
    _require(not missing, f"records without the field {field!r}", missing)


def ordered_by(events: Iterable[SourceEvent], field: str) -> bool:
    """Whether the field never goes down from one event to the next."""
    return _first_descent(list(events), field) is None


def assert_ordered_by(events: Iterable[SourceEvent], field: str) -> None:
    """Raise unless the field never goes down from one event to the next."""
    found = list(events)
    place = _first_descent(found, field)
    if place is not None:
        before, after = _value(found[place - 1], field), _value(found[place], field)
        raise AssertionError(
            f"not ordered by {field!r}: event {place} has {after!r} after {before!r}"
        )


def assert_same_records(
    actual: Iterable[SourceEvent | Json],
    expected: Iterable[SourceEvent | Json],
    *,
    key: str | Sequence[str] | None = None,
    allow_repeats: bool = False,
) -> None:
    """Raise unless both hold the same records, in any order.

    Args:
        actual: what there is: events, of which the record counts, or plain records.
        expected: what there should be.
        key: the field or fields that name a record; by default the whole record does.
        allow_repeats: accept a record more than once, as at-least-once delivery may give it.
    """
    fields = [key] if isinstance(key, str) else key
    found = Counter(_name(item, fields) for item in actual)
    wanted = Counter(_name(item, fields) for item in expected)
    differences = {
        "missing": sorted(wanted.keys() - found.keys()),
        "unexpected": sorted(found.keys() - wanted.keys()),
    }
    if not allow_repeats:
        both = found.keys() & wanted.keys()
        differences["repeated"] = sorted(name for name in both if found[name] > wanted[name])
        differences["too few"] = sorted(name for name in both if found[name] < wanted[name])
    lines = [
        f"{what} ({len(names)}): {_shown(names)}" for what, names in differences.items() if names
    ]
    if lines:
        raise AssertionError("\n".join(["records differ", *lines]))


def assert_matches_schema(records: Iterable[Json], schema: Mapping[str, Json]) -> None:
    """Raise unless every record fits the JSON Schema (2020-12); formats are annotations.

    Needs the extra `rivven-connect[testing]`.
    """
    import jsonschema_rs  # noqa: PLC0415  # an extra, and only this assertion needs it

    validator = jsonschema_rs.Draft202012Validator(dict(schema))
    problems: list[str] = []
    for index, record in enumerate(records):
        # Through JSON, because that is what sinks get: a date has become a text there.
        for error in validator.iter_errors(decode_json(encode_json(record))):
            place = "".join(f"/{part}" for part in error.instance_path) or "/"
            problems.append(f"record {index} at {place}: {error.message}")
    if problems:
        raise AssertionError(
            "\n".join([f"{len(problems)} breaches of the schema", *problems[:_SHOWN]])
        )


def canonical(value: Json) -> str:
    """Return a value as JSON text that is the same for equal values: keys sorted."""
    return msgspec.json.encode(value, order="sorted").decode()


def _name(item: SourceEvent | Json, fields: Sequence[str] | None) -> str:
    record = item.data if isinstance(item, SourceEvent) else item
    if fields is None:
        return canonical(record)
    if not isinstance(record, Mapping):
        return f"not an object: {canonical(record)}"
    named = [record.get(field) for field in fields]
    return canonical(named[0] if len(named) == 1 else named)


def _others(events: Iterable[SourceEvent]) -> list[str]:
    return [
        f"event {index} is {event.event_type.value}"
        for index, event in enumerate(events)
        if event.event_type is not EventType.RECORD
    ]


def _without(events: Iterable[SourceEvent], field: str) -> list[str]:
    return [
        f"event {index}"
        for index, event in enumerate(events)
        if not isinstance(event.after(), Mapping) or field not in event.after()
    ]


def _value(event: SourceEvent, field: str) -> Json:
    record = event.after()
    return record.get(field) if isinstance(record, Mapping) else None


def _first_descent(events: Sequence[SourceEvent], field: str) -> int | None:
    """Return the index of the first event whose field is below, or cannot be compared with, the last."""
    for index in range(1, len(events)):
        before, after = _value(events[index - 1], field), _value(events[index], field)
        try:
            descends = after < before
        except TypeError:
            descends = True
        if descends:
            return index
    return None


def _require(condition: bool, what: str, items: Sequence[str]) -> None:
    if not condition:
        raise AssertionError(f"{what} ({len(items)}): {_shown(items)}")


def _shown(items: Sequence[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more
