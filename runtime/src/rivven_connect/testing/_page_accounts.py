"""Which records of a simulated service a source has given: by name, never by count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rivven_connect._catalog import ConfiguredStream
from rivven_connect._events import SourceEvent
from rivven_connect._json import Json, JsonObject
from rivven_connect._streams import value_at
from rivven_connect.testing._reading import is_of
from rivven_connect.testing.assertions import canonical

if TYPE_CHECKING:
    from rivven_connect.testing.simulator._sources import StreamService


def lost(
    service: StreamService, streams: Sequence[ConfiguredStream], events: Sequence[SourceEvent]
) -> set[str]:
    """Return the names of the records that the service has and no event brought."""
    missing: set[str] = set()
    for chosen in streams:
        records = service.streams[chosen.stream.full_name()].records()
        missing |= keys(chosen, records, records) - _delivered(chosen, records, events)
    return missing


def invented(
    service: StreamService, streams: Sequence[ConfiguredStream], events: Sequence[SourceEvent]
) -> set[str]:
    """Return the names of the records that events brought and the service does not have."""
    found: set[str] = set()
    for chosen in streams:
        records = service.streams[chosen.stream.full_name()].records()
        found |= _delivered(chosen, records, events) - keys(chosen, records, records)
    return found


def _delivered(
    chosen: ConfiguredStream, records: Sequence[JsonObject], events: Sequence[SourceEvent]
) -> set[str]:
    found = [e.after() for e in events if is_of(e, chosen)]
    return keys(chosen, [one for one in found if isinstance(one, dict)], records)


def keys(
    chosen: ConfiguredStream, records: Sequence[JsonObject], served: Sequence[JsonObject]
) -> set[str]:
    """Return what names each record: its primary key, else all fields that the service has."""
    paths = [tuple(path) for path in chosen.primary_key or ()]
    fields = sorted({name for one in served for name in one})
    name = chosen.stream.full_name()
    found: set[str] = set()
    for one in records:
        key: Json = (
            [value_at(one, path) for path in paths]
            if paths
            else {field: one[field] for field in fields if field in one}
        )
        found.add(f"{name} {canonical(key)}")
    return found
