"""Events as they were before somebody may change them in place."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

import msgspec

from rivven_connect._batch import EventBatch
from rivven_connect._events import EventMetadata, SourceEvent
from rivven_connect._json import UNENCODABLE, decode_json, encode_json, encode_lines

_ENVELOPE = tuple(
    name for name in SourceEvent.__struct_fields__ if name not in {"data", "metadata"}
)
_envelope = operator.attrgetter(*_ENVELOPE)

LONGEST_TEXT = 10_000
"""Characters that are kept of data that are not JSON."""


class Original(msgspec.Struct, frozen=True):
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

    def is_still(self, event: SourceEvent) -> bool:
        """Whether an event is as it was."""
        try:
            now = Original.of(event)
        except UNENCODABLE:
            return False
        same = (self.data, self.metadata) == (now.data, now.metadata)
        return same and _envelope(self.envelope) == _envelope(event)

    def restore(self, event: SourceEvent) -> None:
        """Make an event what it was; it stays the same object."""
        found = self.event()
        for name in event.__struct_fields__:
            setattr(event, name, getattr(found, name))


class Originals:
    """Many events as they were: one call of the encoder for all of them."""

    def __init__(self, lines: bytes, event_at: Callable[[int], SourceEvent]) -> None:
        self._lines = lines
        self._event_at = event_at
        self._split: list[bytes] = []

    @classmethod
    def of_batch(cls, batch: EventBatch) -> Originals:
        """Keep a batch whose events have not been made yet; nothing changes its columns.

        Raises:
            TypeError: a record has no JSON form; likewise ValueError and RecursionError.
        """
        return cls(batch.lines(), batch.event_at)

    @classmethod
    def of_events(cls, events: Sequence[SourceEvent]) -> Originals:
        """Keep events.

        Raises:
            TypeError: something in them is not JSON; likewise ValueError and RecursionError.
        """
        envelopes = list(map(_envelope, events))
        metadata = [_encoded(one.metadata) for one in events]

        def event_at(index: int) -> SourceEvent:
            known = metadata[index]
            found = SourceEvent(**dict(zip(_ENVELOPE, envelopes[index], strict=True)))
            if known is not None:
                found.metadata = msgspec.json.decode(known, type=EventMetadata)
            return found

        return cls(encode_lines([one.data for one in events]), event_at)

    def at(self, index: int) -> Original:
        """Return one of the events."""
        if not self._split:
            self._split = self._lines.split(b"\n")
        envelope = self._event_at(index)
        return Original(envelope, self._split[index], _encoded(envelope.metadata))

    def restore(self, events: Sequence[SourceEvent]) -> None:
        """Make the events what they were; what is untouched keeps even what JSON would change."""
        for index, event in enumerate(events):
            original = self.at(index)
            if not original.is_still(event):
                original.restore(event)


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
