"""Events as they were before somebody may change them in place."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from rivven_connect._events import EventMetadata, SourceEvent
from rivven_connect._json import decode_json, encode_json

LONGEST_TEXT = 10_000
"""Characters that are kept of data that are not JSON."""


@dataclass(frozen=True, slots=True)
class Original:
    """One event as it was, its nested parts encoded: what was kept cannot be changed."""

    envelope: SourceEvent
    data: bytes
    metadata: bytes | None

    @classmethod
    def of(cls, event: SourceEvent) -> Original:
        """Keep an event.

        Raises:
            TypeError: its data are not JSON; likewise ValueError and RecursionError.
        """
        metadata = event.metadata
        return cls(
            msgspec.structs.replace(event),
            encode_json(event.data),
            msgspec.json.encode(metadata) if metadata is not None else None,
        )

    def event(self) -> SourceEvent:
        """Return a new event as it was."""
        metadata = self.metadata
        return msgspec.structs.replace(
            self.envelope,
            data=decode_json(self.data),
            metadata=msgspec.json.decode(metadata, type=EventMetadata) if metadata else None,
        )

    def restore(self, event: SourceEvent) -> None:
        """Make an event what it was; it stays the same object."""
        found = self.event()
        for name in event.__struct_fields__:
            setattr(event, name, getattr(found, name))


def unreadable(event: SourceEvent) -> SourceEvent:
    """Return an event of which something is not JSON, that replaced by what a person can read."""
    data, metadata = event.data, event.metadata
    if not _is_json(data):
        data = repr(data)[:LONGEST_TEXT]
    if metadata is not None and not _is_json(metadata):
        metadata = EventMetadata(extra={"unreadable": repr(metadata)[:LONGEST_TEXT]})
    return msgspec.structs.replace(event, data=data, metadata=metadata)


def _is_json(value: object) -> bool:
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
