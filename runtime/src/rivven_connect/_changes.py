"""Changes as rows: what a sink that only appends writes of an insert, an update or a delete."""

from __future__ import annotations

from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import Json

TYPE = "_rivven_type"
"""Field that says of each change what it is; not there for a record that is none."""

TAKEN = f"the field {TYPE} is the sink's own"
"""Why a change that has such a field already is refused."""


def record_of(event: SourceEvent) -> Json:
    """Return the record as it is now, or of a delete as it was."""
    return event.after() if event.event_type is EventType.UPDATE else event.data


def kind_of(event: SourceEvent) -> str | None:
    """Return what `TYPE` says of an event."""
    return None if event.event_type is EventType.RECORD else event.event_type.value
