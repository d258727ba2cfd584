"""Events as they were before somebody may change them in place."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Sequence

import msgspec

from rivven_connect._batch import EventBatch
from rivven_connect._events import EventMetadata, SourceEvent
from rivven_connect._json import UNENCODABLE, Json, decode_json, encode_json

_ENVELOPE = tuple(
    name for name in SourceEvent.__struct_fields__ if name not in {"data", "metadata"}
)
_envelope = operator.attrgetter(*_ENVELOPE)

_pack = msgspec.msgpack.Encoder().encode
_unpack: Callable[[bytes], Json] = msgspec.msgpack.Decoder().decode

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

    def restore(self, event: SourceEvent) -> None:
        """Make an event what it was; it stays the same object."""
        found = self.event()
        for name in event.__struct_fields__:
            setattr(event, name, getattr(found, name))


class Originals:
    """Many events as they were: one call of the cheapest encoder for all of them.

    That one is MessagePack's: numbers need no digits and texts no escapes. JSON is for what that
    would change, times, whose offset it drops, and for what it lacks, longer integers.
    """

    def __init__(self, records: Sequence[Json], event_at: Callable[[int], SourceEvent]) -> None:
        self._event_at = event_at
        self._records: list[Json] | None = None
        self._encode, self._decode = _pack, _unpack
        with contextlib.suppress(*UNENCODABLE, OverflowError):
            self._kept = _pack(records)
            if not _may_hold_times(self._kept, most=len(records)):
                return
        self._kept = encode_json(records)
        self._encode, self._decode = encode_json, decode_json

    @classmethod
    def of_batch(cls, batch: EventBatch) -> Originals:
        """Keep a batch whose events have not been made yet; nothing changes its columns.

        Raises:
            TypeError: a record has no JSON form; likewise ValueError and RecursionError.
        """
        return cls(batch.rows(), batch.event_at)

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

        return cls([one.data for one in events], event_at)

    def at(self, index: int) -> Original:
        """Return one of the events.

        Raises:
            TypeError: it cannot be JSON; likewise ValueError and RecursionError.
        """
        envelope = self._event_at(index)
        data = encode_json(self._record(index))
        return Original(envelope, data, _encoded(envelope.metadata))

    def restore(self, events: Sequence[SourceEvent]) -> None:
        """Make the events what they were; what is untouched keeps even what JSON would change."""
        for index, event in enumerate(events):
            if self._is_still(index, event):
                continue
            try:
                self.at(index).restore(event)
            except UNENCODABLE:
                self.put_back(index, event)

    def put_back(self, index: int, event: SourceEvent) -> None:
        """Make an event what it was, where JSON cannot say that."""
        envelope = self._event_at(index)
        try:
            envelope.data = self._record(index)
        except ValueError:
            return  # MessagePack cannot say it either
        for name in event.__struct_fields__:
            setattr(event, name, getattr(envelope, name))

    def _record(self, index: int) -> Json:
        if self._records is None:
            self._records = self._decode(self._kept)
        return self._records[index]

    def _is_still(self, index: int, event: SourceEvent) -> bool:
        """Whether an event is as it was, in the form that was kept: JSON has others for some."""
        envelope = self._event_at(index)
        if _envelope(envelope) != _envelope(event):
            return False
        try:
            now = self._encode(event.data), _encoded(event.metadata)
        except (*UNENCODABLE, OverflowError):
            return False
        return now == (self._encode(self._record(index)), _encoded(envelope.metadata))


def _may_hold_times(packed: bytes, *, most: int) -> bool:
    """Whether there may be a time in MessagePack; where many bytes look like one, none is ruled out.

    A time is an extension of type -1, behind `d6`, `d7` or `c7 0c`
    (https://github.com/msgpack/msgpack/blob/master/spec.md#timestamp-extension-type).
    """
    place = packed.find(b"\xff")
    for _ in range(most):
        if place < 0:
            return False
        if packed[place - 1] in b"\xd6\xd7" or packed[place - 2 : place] == b"\xc7\x0c":
            return True
        place = packed.find(b"\xff", place + 1)
    return place >= 0


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
