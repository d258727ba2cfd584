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
    """Return an event whose data are not JSON with what a person can read of them."""
    return msgspec.structs.replace(event, data=repr(event.data)[:LONGEST_TEXT])
