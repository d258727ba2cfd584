"""Events as they were before somebody may change them in place."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from rivven_connect._events import EventMetadata, SourceEvent
from rivven_connect._json import UNENCODABLE, decode_json, encode_json, encode_lines

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
        return cls(
            msgspec.structs.replace(event), encode_json(event.data), _encoded(event.metadata)
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


class Originals:
    """Many events as they were, kept by columns: one call of the encoder for all of them."""

    def __init__(self, events: list[SourceEvent]) -> None:
        """Keep events.

        Raises:
            TypeError: something in them is not JSON; likewise ValueError and RecursionError.
        """
        self._lines = encode_lines([one.data for one in events])
        self._columns = {
            name: [getattr(one, name) for one in events]
            for name in SourceEvent.__struct_fields__
            if name not in {"data", "metadata"}
        }
        self._metadata = [_encoded(one.metadata) for one in events]
        self._split: list[bytes] = []

    def of(self, index: int) -> Original:
        """Return one of the events."""
        if not self._split:
            self._split = self._lines.split(b"\n")
        envelope = SourceEvent(**{name: each[index] for name, each in self._columns.items()})
        return Original(envelope, self._split[index], self._metadata[index])


def unreadable(event: SourceEvent) -> SourceEvent:
    """Return an event of which something is not JSON, that replaced by what a person can read."""
    data, metadata = event.data, event.metadata
    if not _is_json(data):
        data = repr(data)[:LONGEST_TEXT]
    if metadata is not None and not _is_json(metadata):
        metadata = EventMetadata(extra={"unreadable": repr(metadata)[:LONGEST_TEXT]})
    return msgspec.structs.replace(event, data=data, metadata=metadata)


def _encoded(metadata: EventMetadata | None) -> bytes | None:
    return None if metadata is None else msgspec.json.encode(metadata)


def _is_json(value: object) -> bool:
    try:
        msgspec.json.encode(value)
    except UNENCODABLE:
        return False
    return True
