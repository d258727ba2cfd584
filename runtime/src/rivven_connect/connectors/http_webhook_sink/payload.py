"""What is posted of an event, and the key by which a receiver knows it again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from rivven_connect import JsonObject, SourceEvent
from rivven_connect._json import array_of, texts_in
from rivven_connect.connectors.http_webhook_sink.waves import Places

_encoder = msgspec.json.Encoder()

UNENCODABLE = (TypeError, ValueError, RecursionError)
"""What the encoder raises for a record that is not JSON."""


class _Envelope(msgspec.Struct, gc=False):
    stream: str
    event_type: str
    timestamp: object
    namespace: str | None
    data: object
    metadata: JsonObject


def encode_record(event: SourceEvent, *, envelope: bool) -> bytes:
    """Return the event's data as JSON, in an envelope or alone.

    Raises:
        TypeError: it has no JSON form; likewise ValueError and RecursionError.
    """
    if not envelope:
        return _encoder.encode(event.data)
    return _encoder.encode(
        _Envelope(
            event.stream,
            event.event_type,
            event.timestamp,
            event.namespace,
            event.data,
            _metadata(event),
        )
    )


class Records:
    """Encoded records; `alone` where a body is one record itself and no array."""

    def __init__(self, records: Sequence[bytes], *, alone: bool) -> None:
        self._records = records
        self._alone = alone

    def __len__(self) -> int:
        return len(self._records)

    def body(self, request: Places) -> bytes:
        """Return the body that holds the records of those places."""
        if self._alone:
            return self._records[request[0]]
        if isinstance(request, range):
            return array_of(self._records[request.start : request.stop])
        return array_of([self._records[place] for place in request])


class Arrays:
    """JSON arrays of `size` records each, but for the last: most requests are one of them."""

    def __init__(self, arrays: Sequence[bytes], count: int, size: int) -> None:
        self._arrays = arrays
        self._count = count
        self._size = size
        self._records: Records | None = None

    def __len__(self) -> int:
        return self._count

    def body(self, request: Places) -> bytes:
        """Return the body that holds the records of those places."""
        if isinstance(request, range):
            number, place = divmod(request.start, self._size)
            if place == 0 and request.stop == min(request.start + self._size, self._count):
                return self._arrays[number]
        if self._records is None:
            self._records = Records(texts_in(self._arrays), alone=False)
        return self._records.body(request)


def idempotency_key(events: Sequence[SourceEvent]) -> str | None:
    """Return the key of a request: the same for the same records in the same order.

    Made from position and content, so that a position which comes to mean another record makes
    another key. None where an event has no position: equal records would have equal keys.
    """
    if any(event.position is None for event in events):
        return None
    named = [
        (one.namespace, one.stream, one.event_type, one.position, one.sub_index, one.data)
        for one in events
    ]
    return hashlib.sha256(_encoder.encode(named)).hexdigest()


def _metadata(event: SourceEvent) -> JsonObject:
    found: JsonObject = {} if event.position is None else {"position": event.position}
    if event.sub_index:
        found["sub_index"] = event.sub_index
    if event.metadata is not None:
        found.update(msgspec.to_builtins(event.metadata))
    return found
