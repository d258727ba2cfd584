"""The forms in which consecutive records of one stream travel from a source to its sinks.

A block is as the source gave it (rows, or an Arrow batch); or JSON and nothing else, where
every sink takes that, because a thousand dicts cost more to keep than to encode; or a list of
events, where something has looked at them one by one.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import msgspec.structs

from rivven_connect._batch import BatchConfig, EventBatch
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._json import (
    UNENCODABLE,
    Json,
    decode_lines,
    encode_arrays,
    encode_lines,
    texts_in,
)
from rivven_connect._sink import JsonForm
from rivven_connect.pipeline.store import StateKey

RECORD_OVERHEAD = 512
"""Bytes that a record weighs beyond its JSON: Python objects are larger than their text."""


class HeldBatch(EventBatch):
    """Events of one stream that have been made already."""

    __slots__ = ("encoded", "held")

    def __init__(self, events: list[SourceEvent]) -> None:
        first = events[0]
        super().__init__(
            stream=first.stream,
            namespace=first.namespace,
            records=[one.data for one in events],
            timestamp=first.timestamp,
            event_types=_unless([one.event_type for one in events], EventType.RECORD),
            positions=_unless([one.position for one in events], None),
            sub_indexes=_unless([one.sub_index for one in events], 0),
        )
        self.held = events
        self.encoded: bytes | None = None

    def lines(self) -> bytes:
        """Return the records as JSON Lines."""
        return encode_lines(self.records) if self.encoded is None else self.encoded

    def events(self) -> Iterator[SourceEvent]:
        """Yield the very events."""
        return iter(self.held)

    def is_plain(self) -> bool:
        """Whether the columns and the records say all that the events say."""
        count = len(self.held)
        return [one.metadata for one in self.held].count(None) == count and [
            one.timestamp for one in self.held
        ].count(self.timestamp) == count


class EncodedBatch(EventBatch):
    """Rows that are also, or only, kept as JSON; then `records` is None.

    `form` is how sinks ask for the JSON: in arrays, if the records fill all of them, and else as lines.
    The values of its fields are kept where rows are not.

    Raises:
        TypeError: a record has no JSON form; likewise ValueError and RecursionError.
    """

    __slots__ = ("_arrays", "_count", "_lines", "_size", "_values")

    def __init__(
        self,
        batch: EventBatch,
        lines: bytes | None = None,
        *,
        keep: bool = False,
        form: JsonForm = JsonForm(),  # noqa: B008  # immutable
    ) -> None:
        super().__init__(
            stream=batch.stream,
            namespace=batch.namespace,
            records=batch.records if keep else None,
            timestamp=batch.timestamp,
            **batch.columns(),
        )
        self._count = len(batch)
        self._arrays: list[bytes] = []
        self._lines = lines
        self._size = 0
        if lines is None and form.group and self._count % form.group == 0:
            self._size = form.group
            self._arrays = encode_arrays(batch.records, form.group)
        elif lines is None:
            self._lines = encode_lines(batch.records)
        fields = () if keep else form.fields.get(batch.full_name(), ())
        self._values = {field: batch.values(field) for field in fields}

    def __len__(self) -> int:
        return self._count

    def rows(self) -> list[Json]:
        """Return the records, decoded anew where only the lines are kept."""
        return decode_lines(self.lines()) if self.records is None else super().rows()

    def json_size(self) -> int:
        """Return how many bytes the records have as JSON."""
        # Behind each is a comma, a bracket or the end of a line, and before each array a bracket.
        written = sum(map(len, self._arrays)) if self._lines is None else len(self._lines)
        return written - self._count - len(self._arrays)

    def lines(self) -> bytes:
        """Return the records as JSON Lines."""
        if self._lines is not None:
            return self._lines
        return b"".join(b"%b\n" % one for one in self.texts())

    def texts(self) -> list[bytes]:
        """Return each record as JSON."""
        if self._lines is not None:
            return super().texts()
        return texts_in(self._arrays)

    def arrays(self, size: int) -> list[bytes]:
        """Return the arrays as they were encoded, if they have this size."""
        return self._arrays if size == self._size else super().arrays(size)

    def values(self, field: str) -> list[Json]:
        """Return what each record has in a field, decoded anew where it is not kept."""
        kept = self._values.get(field)
        return super().values(field) if kept is None else kept


class Block(msgspec.Struct, eq=False):
    """Consecutive records that a source gave for one stream and partition, named by `key`.

    `size` is their encoded size in bytes. What a transform made of them may be of another stream.
    """

    key: StateKey
    batch: EventBatch
    size: int
    _events: list[SourceEvent] | None = None

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def weight(self) -> int:
        """What it weighs in memory: where rows and lines are kept, the text is there twice."""
        batch = self.batch
        if isinstance(batch, HeldBatch):
            is_double = batch.encoded is not None
        else:
            is_double = isinstance(batch, EncodedBatch) and batch.records is not None
        return self.size * (1 + is_double) + RECORD_OVERHEAD * len(self)

    @property
    def truncates(self) -> bool:
        """Whether it says that a stream's records are gone; then it says nothing else."""
        types = self.batch.event_types
        return types is not None and types[0] is EventType.TRUNCATE

    def in_rows(self) -> Block:
        """Return columns as rows, of the size that these have; anything else as it is."""
        if not self.batch.is_columnar():
            return self
        rows = self.batch.rows()
        batch = EncodedBatch(with_records(self.batch, rows), keep=True)
        return Block(self.key, batch, batch.json_size())

    def events(self) -> list[SourceEvent]:
        """Return the events: always the same objects, because identity names an event."""
        if self._events is None:
            self._events = list(self.batch.events())
        return self._events

    @classmethod
    def of(cls, events: list[SourceEvent]) -> Block:
        """Return events of a source, of whichever streams, as a block."""
        return cls(("", ""), HeldBatch(events), 0, events)

    def within(self, limits: BatchConfig) -> Iterator[Block]:
        """Yield the block, or parts of it that are within the limits of a sink.

        A record larger than the limit goes alone. Columns were cut when they were read.
        """
        is_within = len(self) <= limits.max_records and self.size <= limits.max_bytes
        if len(self) <= 1 or is_within or self.batch.is_columnar():
            yield self
            return
        part: list[SourceEvent] = []
        size = 0
        for event in self.events():
            more = estimated_size((event,))
            if part and (len(part) >= limits.max_records or size + more > limits.max_bytes):
                yield Block(self.key, HeldBatch(part), size, part)
                part, size = [], 0
            part.append(event)
            size += more
        yield Block(self.key, HeldBatch(part), size, part)

    def stamp(self, now: datetime.datetime) -> None:
        """Give a time to what has none."""
        if self.batch.timestamp is None:
            self.batch.timestamp = now
        if isinstance(self.batch, HeldBatch):
            for event in self.batch.held:
                if event.timestamp is None:
                    event.timestamp = now

    def newest(self) -> datetime.datetime | None:
        """Return the time of the last record."""
        if isinstance(self.batch, HeldBatch):
            return self.batch.held[-1].timestamp
        return self.batch.timestamps[-1] if self.batch.timestamps else self.batch.timestamp


def part_of(batch: EventBatch, start: int, end: int) -> EventBatch:
    """Return some records of a batch, without its state; an Arrow batch is not copied."""
    records = batch.records
    part = with_records(
        batch, records.slice(start, end - start) if batch.is_columnar() else records[start:end]
    )
    for name, column in batch.columns().items():
        setattr(part, name, column and column[start:end])
    return part


def with_records(batch: EventBatch, records: Any) -> EventBatch:
    """Return a batch with other records, or with its own in another form, and without its state."""
    return EventBatch(
        stream=batch.stream,
        namespace=batch.namespace,
        records=records,
        partition=batch.partition,
        timestamp=batch.timestamp,
        **batch.columns(),
    )


def by_stream(events: list[SourceEvent]) -> Iterator[HeldBatch]:
    """Yield the events in their order, those of one stream that follow one another together.

    Identity tells events apart, so one that is there twice becomes two.
    """
    first = events[0]
    count = len(events)
    if len(set(map(id, events))) < count:
        seen: set[int] = set()
        for place, one in enumerate(events):
            events[place] = msgspec.structs.replace(one) if id(one) in seen else one
            seen.add(id(one))
    if [one.stream for one in events].count(first.stream) == count and [
        one.namespace for one in events
    ].count(first.namespace) == count:
        yield HeldBatch(events)
        return
    for _, group in itertools.groupby(events, key=SourceEvent.full_name):
        yield HeldBatch(list(group))


def measured(batch: HeldBatch) -> tuple[bytes, int]:
    """Return the records as JSON Lines, and the size of all that is JSON in the events.

    Raises:
        TypeError: something has no JSON form; likewise ValueError and RecursionError.
    """
    lines = encode_lines(batch.records)
    metadata = [one.metadata for one in batch.held if one.metadata is not None]
    extra = sum(len(msgspec.json.encode(one)) for one in metadata)
    return lines, len(lines) - len(batch) + extra


def is_encodable(batch: EventBatch) -> bool:
    """Whether a batch has lines; a sink's own transform may have put anything into its events."""
    if isinstance(batch, HeldBatch) and batch.encoded is None:
        try:
            batch.encoded = encode_lines(batch.records)
        except UNENCODABLE:
            return False
    return True


def estimated_size(events: Iterable[SourceEvent]) -> int:
    """Return about how many bytes some events have; one that is not JSON counts for nothing."""
    size = 0
    for event in events:
        with contextlib.suppress(*UNENCODABLE):
            size += event.estimated_size()
    return size


def _unless(values: list[Any], usual: object) -> list[Any] | None:
    """Return a column, or None where every value is the usual one."""
    return None if values.count(usual) == len(values) else values


def events_of(blocks: Iterable[Block]) -> list[SourceEvent]:
    """Return the events of all blocks, in order."""
    return [event for block in blocks for event in block.events()]
