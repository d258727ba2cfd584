"""Many events of one stream: the unit that moves."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

import msgspec
import msgspec.structs

from rivven_connect._events import EventMetadata, EventType, SourceEvent, full_name
from rivven_connect._json import Json, JsonObject, array_of, encode_lines, field_values

R = TypeVar("R")

_COLUMNS = ("event_types", "positions", "sub_indexes", "timestamps", "metadata")


@runtime_checkable
class ArrowBatch(Protocol):
    """A columnar batch (the Arrow PyCapsule interface); pyarrow itself stays optional."""

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...


@dataclasses.dataclass(slots=True)
class EventBatch:
    """Many events of one stream under one envelope; columns only where events differ.

    `records` is a list of JSON values, or a `pyarrow.RecordBatch`. `state` means "after the last
    record"; None is not a resume point. A batch with no records and a state is legal: it moves the
    checkpoint. `flush` asks the sinks to flush now. `size` is the encoded size in bytes, where the
    maker knows it. `timestamp` is filled once, by the runtime, and `timestamps` is the column where
    events of several moments are in one batch.
    """

    stream: str
    records: Any
    state: JsonObject | None = None
    namespace: str | None = None
    partition: str = ""
    timestamp: datetime.datetime | None = None
    event_types: Sequence[EventType] | None = None
    positions: Sequence[Json] | None = None
    sub_indexes: Sequence[int] | None = None
    timestamps: Sequence[datetime.datetime] | None = None
    metadata: Sequence[EventMetadata | None] | None = None
    size: int | None = None
    flush: bool = False

    def __len__(self) -> int:
        return len(self.records)

    def full_name(self) -> str:
        """Return `namespace.stream`, or the stream alone."""
        return full_name(self.stream, self.namespace)

    def is_columnar(self) -> bool:
        """Whether `records` is an Arrow batch."""
        # Not the protocol's own check, which costs more than encoding ten records.
        return hasattr(self.records, "__arrow_c_array__")

    def rows(self) -> list[Json]:
        """Return the records as JSON values, whichever form they have."""
        rows: list[Json] = self.records
        if self.is_columnar():
            from rivven_connect._arrow import to_rows  # noqa: PLC0415  # only who has Arrow needs it

            rows = to_rows(self.records)
        return rows

    def lines(self) -> bytes:
        """Return the records as JSON Lines, UTF-8: one record a line, each line ended.

        Raises:
            TypeError: a record has no JSON form; likewise ValueError and RecursionError.
        """
        return encode_lines(self.rows())

    def texts(self) -> list[bytes]:
        """Return each record as JSON; raises what `lines` does."""
        return self.lines().splitlines()

    def arrays(self, size: int) -> list[bytes]:
        """Return the records as JSON arrays, `size` of them in each; the last one may be smaller."""
        texts = self.texts()
        return [array_of(texts[start : start + size]) for start in range(0, len(texts), size)]

    def values(self, field: str) -> list[Json]:
        """Return what each record has in a field: None where it has none."""
        rows = self.rows()
        try:
            return field_values(rows, field)
        except AttributeError:
            return [one.get(field) if isinstance(one, Mapping) else None for one in rows]

    def events(self) -> Iterator[SourceEvent]:
        """Return the events, one by one; the last one carries the batch's state."""
        if self.state or any(self.columns().values()):
            return self._different_events()
        stream, namespace, timestamp = self.stream, self.namespace, self.timestamp
        return iter(
            [
                SourceEvent(stream=stream, data=data, namespace=namespace, timestamp=timestamp)
                for data in self.rows()
            ]
        )

    def _different_events(self) -> Iterator[SourceEvent]:
        last = len(self) - 1
        for index, data in enumerate(self.rows()):
            event = self.event_at(index)
            event.data = data
            event.state = self.state if index == last else None
            yield event

    def columns(self) -> dict[str, Any]:
        """Return what the batch says of each of its records: None where they do not differ."""
        return {name: getattr(self, name) for name in _COLUMNS}

    def event_at(self, index: int) -> SourceEvent:
        """Return one event, without its record and without the batch's state."""
        return SourceEvent(
            stream=self.stream,
            event_type=self.event_types[index] if self.event_types else EventType.RECORD,
            namespace=self.namespace,
            timestamp=self.timestamps[index] if self.timestamps else self.timestamp,
            metadata=self.metadata[index] if self.metadata else None,
            position=self.positions[index] if self.positions else None,
            sub_index=self.sub_indexes[index] if self.sub_indexes else 0,
        )


class PassedBatch(EventBatch):
    """A batch whose maker keeps nothing of it: `take` lets its records die with their reader.

    Generators on the way hold on to what they have just yielded. A chunk that lives until the next
    one is read makes two of them, which is more than a processor's cache holds.
    """

    __slots__ = ()

    def take(self) -> EventBatch:
        """Return the same batch as another object, and let go of the records."""
        records, self.records = self.records, []
        return EventBatch(
            self.stream, records, self.state, self.namespace, self.partition, size=self.size
        )


class Page(msgspec.Struct, Generic[R]):
    """What a hook may yield when the records do not hold what the next call needs.

    `cursor` is a token, offset or length, saved after the page's last record. `size` is the page's
    encoded size in bytes, where the hook knows it (a response body's length).
    """

    records: Sequence[R]
    cursor: Json = None
    size: int | None = None


class Poison(msgspec.Struct):
    """One record that could not be parsed; it becomes a dead letter, never a silent skip."""

    stream: str
    raw: bytes
    error: str
    position: Json = None


class BatchConfig(msgspec.Struct, frozen=True):
    """When a batching sink wants its batch: whichever limit is reached first.

    With `enough_records`, so many are worth a write, and no more than those are waited for. What has
    come by then goes along, up to the other limits.
    """

    max_records: int = 10_000
    max_bytes: int = 10 * 1024 * 1024
    max_wait_ms: int = 5_000
    enough_records: int | None = None

    @property
    def due_records(self) -> int:
        """The number of records from which on a batch waits for no more."""
        return min(self.enough_records or self.max_records, self.max_records)

    def replace(self, **changes: Any) -> BatchConfig:
        """Return a copy with some limits changed."""
        return msgspec.structs.replace(self, **changes)


class Checkpoint(msgspec.Struct, frozen=True):
    """Where the sources of a sink stand: `state` is all that it has durable, `changed` this move.

    Both map source id -> stream -> state JSON.
    """

    state: Mapping[str, Mapping[str, JsonObject]]
    changed: Mapping[str, Mapping[str, JsonObject]]


class UnfinishedSync(msgspec.Struct, frozen=True):
    """One attempt at a stream between two resume points; another attempt reads it again.

    `stream` is the source's name for it, whatever a transform made of its events.
    """

    source: str
    stream: str
    attempt: str


class Batch(msgspec.Struct, frozen=True):
    """What a transactional sink writes in one transaction, checkpoint included.

    `epoch` fences stale writers of one (pipeline, sink). It is stable across retries in one run and
    not across a crash, because batch boundaries move: no sink may skip a batch by it. Only within one
    run may a sink that can lose the answer to its own commit take the epoch that it stored last for
    the transaction that it is given again.

    Without `sync`, the checkpoint covers all events. With it, no checkpoint covers them yet: they
    are all of one unfinished sync, and must stay replaceable. Four rules keep them exact:

    1. Before a batch with `sync` is written (it may be empty), rows of other attempts of the same
       source and stream are deleted.
    2. Its rows are kept apart, by a tag or a table of their own, or are upserted by natural key.
    3. When `checkpoint.changed` names the source and stream (or the stream `_state`, which stands
       for all of them), the rows of that sync become final.
    4. `committed_checkpoint` deletes rows of unfinished syncs: they will be read again.
    """

    pipeline: str
    sink: str
    epoch: int
    events: Sequence[SourceEvent]
    checkpoint: Checkpoint
    sync: UnfinishedSync | None = None


Item: TypeAlias = SourceEvent | EventBatch | Poison
"""What a source's `read` yields."""
