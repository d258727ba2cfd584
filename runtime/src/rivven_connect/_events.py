"""One event, and the functions that make one."""

from __future__ import annotations

import datetime
import enum
import uuid
from typing import Any, Self

import msgspec

from rivven_connect._json import Json, JsonObject, encode_json

ENVELOPE_BYTES = 70
"""What `estimated_size` adds for everything that is not `data`."""


def full_name(stream: str, namespace: str | None) -> str:
    """Return `namespace.stream`, or the stream alone."""
    return f"{namespace}.{stream}" if namespace else stream


class EventType(enum.StrEnum):
    """What an event says about its record."""

    RECORD = "record"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    TRUNCATE = "truncate"
    """All records of the stream are gone; `data` is None. Only sinks with `truncates` see it."""
    STATE = "state"
    LOG = "log"
    SCHEMA = "schema"


_REMOVALS = frozenset({EventType.DELETE, EventType.TRUNCATE})
_CHANGES = frozenset({EventType.INSERT, EventType.UPDATE}) | _REMOVALS
CONTROLS = frozenset({EventType.STATE, EventType.LOG, EventType.SCHEMA})
"""Events for the runtime; every other one carries a record."""


class LogLevel(enum.StrEnum):
    """Severity of a log event."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class EventMetadata(msgspec.Struct, gc=False, omit_defaults=True):
    """Where an event stands in its source."""

    position: str | None = None
    transaction_id: str | None = None
    sequence: int | None = None
    schema_id: int | None = None
    schema_subject: str | None = None
    extra: JsonObject = {}


class SourceEvent(msgspec.Struct, gc=False, kw_only=True):
    """One event of one stream; it never refers to its batch.

    `state` means "everything up to and including this event": the runtime saves it once the event
    is durable in every sink. `None` is not a resume point. `timestamp` may be None until the
    runtime fills it, once per batch. `position` and `sub_index` name the event for record keys.
    """

    stream: str
    data: Json = None
    event_type: EventType = EventType.RECORD
    namespace: str | None = None
    timestamp: datetime.datetime | None = None
    metadata: EventMetadata | None = None
    state: JsonObject | None = None
    position: Json = None
    sub_index: int = 0

    @classmethod
    def record(cls, stream: str, data: Json) -> Self:
        """A record as the source has it now."""
        return cls(stream=stream, data=data)

    @classmethod
    def insert(cls, stream: str, data: Json) -> Self:
        """A record that came to be."""
        return cls(stream=stream, data=data, event_type=EventType.INSERT)

    @classmethod
    def update(cls, stream: str, before: Json, after: Json) -> Self:
        """A record that changed; `before` is None where the source does not say."""
        data = {"before": before, "after": after}
        return cls(stream=stream, data=data, event_type=EventType.UPDATE)

    @classmethod
    def delete(cls, stream: str, before: Json) -> Self:
        """A record that is gone, as it was or as its key."""
        return cls(stream=stream, data=before, event_type=EventType.DELETE)

    @classmethod
    def truncate(cls, stream: str, namespace: str | None = None) -> Self:
        """All records of a stream are gone."""
        return cls(stream=stream, namespace=namespace, event_type=EventType.TRUNCATE)

    @classmethod
    def log(cls, level: LogLevel | str, message: str) -> Self:
        """A line for the log, in the order of the data."""
        data = {"level": LogLevel(level).value, "message": message}
        return cls(stream="_log", data=data, event_type=EventType.LOG)

    @classmethod
    def builder(cls) -> EventBuilder:
        """Start an event that is put together step by step."""
        return EventBuilder()

    @property
    def is_data(self) -> bool:
        """Whether the event carries a record."""
        return self.event_type not in CONTROLS

    @property
    def is_cdc(self) -> bool:
        """Whether the event is a change: insert, update, delete or truncate."""
        return self.event_type in _CHANGES

    @property
    def is_control(self) -> bool:
        """Whether the event is for the runtime: state, log or schema."""
        return self.event_type in CONTROLS

    def full_name(self) -> str:
        """Return `namespace.stream`, or the stream alone."""
        return full_name(self.stream, self.namespace)

    def before(self) -> Json:
        """Return the record as it was, or None."""
        if self.event_type is EventType.UPDATE and isinstance(self.data, dict):
            return self.data.get("before")
        return self.data if self.event_type is EventType.DELETE else None

    def after(self) -> Json:
        """Return the record as it is now, or None for one that is gone."""
        if self.event_type is EventType.UPDATE and isinstance(self.data, dict):
            return self.data.get("after")
        return None if self.event_type in _REMOVALS else self.data

    def data_bytes(self) -> bytes:
        """Return `data` as JSON, UTF-8."""
        return encode_json(self.data)

    def estimated_size(self) -> int:
        """Return the encoded size of `data` in bytes, plus a fixed sum for the envelope."""
        return len(self.data_bytes()) + ENVELOPE_BYTES

    def to_cloudevent(self, source: str) -> JsonObject:
        """Return the event as a CloudEvents 1.0 object (JSON format, section 3).

        Args:
            source: the URI reference that names the producer.
        """
        event: JsonObject = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": source,
            "type": f"rivven.{self.stream}.{self.event_type.value}",
            "datacontenttype": "application/json",
            "rivvenstream": self.stream,
            "rivvenop": self.event_type.value,
            "data": self.data,
        }
        if self.timestamp is not None:
            event["time"] = self.timestamp.isoformat()
        if self.namespace is not None:
            event["rivvennamespace"] = self.namespace
        return event


class EventBuilder:
    """Puts an event together; every method returns the builder, `build()` the event."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {"stream": "default"}
        self._metadata: dict[str, Any] = {}
        self._extra: JsonObject = {}
        self._state: JsonObject = {}

    def _set(self, **fields: object) -> Self:
        self._fields.update(fields)
        return self

    def event_type(self, event_type: EventType | str) -> Self:
        """Set what the event says about its record."""
        return self._set(event_type=EventType(event_type))

    def stream(self, stream: str) -> Self:
        """Set the stream's name."""
        return self._set(stream=stream)

    def namespace(self, namespace: str) -> Self:
        """Set the stream's namespace."""
        return self._set(namespace=namespace)

    def timestamp(self, timestamp: datetime.datetime) -> Self:
        """Set when the event happened."""
        return self._set(timestamp=timestamp)

    def data(self, data: Json) -> Self:
        """Set the record."""
        return self._set(data=data)

    def position(self, position: str) -> Self:
        """Set where the event stands in its source."""
        self._metadata["position"] = position
        return self._set(position=position)

    def transaction_id(self, transaction_id: str) -> Self:
        """Set the source transaction."""
        self._metadata["transaction_id"] = transaction_id
        return self

    def sequence(self, sequence: int) -> Self:
        """Set the ordinal inside the source."""
        self._metadata["sequence"] = sequence
        return self

    def meta(self, key: str, value: Json) -> Self:
        """Add one entry of free metadata."""
        self._extra[key] = value
        return self

    def state(self, key: str, value: Json) -> Self:
        """Attach a checkpoint entry, saved once this event is durable."""
        self._state[key] = value
        return self

    def build(self) -> SourceEvent:
        """Return the event."""
        if self._extra:
            self._metadata["extra"] = self._extra
        if self._metadata:
            self._fields["metadata"] = EventMetadata(**self._metadata)
        if self._state:
            self._fields["state"] = dict(self._state)
        return SourceEvent(**self._fields)


def record(stream: str, data: Json) -> SourceEvent:
    """Return a record event."""
    return SourceEvent.record(stream, data)


def state(data: JsonObject) -> SourceEvent:
    """Return an event that saves `data` as the source's global state."""
    return SourceEvent(stream="_state", data=data, event_type=EventType.STATE)


def log_event(level: LogLevel | str, message: str) -> SourceEvent:
    """Return a log event."""
    return SourceEvent.log(level, message)
