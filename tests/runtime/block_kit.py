"""Sinks that take whole batches in one of the forms, and sources that give records in any packing."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
from engine_kit import EmptyConfig, Limits, ReadScript, saved

from rivven_connect._batch import BatchConfig, EventBatch, Item
from rivven_connect._events import SourceEvent
from rivven_connect._sink import BatchForm, BatchSink, JsonForm, WriteResult
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect._state import State

BatchScript = Callable[[Sequence[EventBatch], int], WriteResult | None]
"""Called with the batches and the number of the call: raises, or returns what the sink says."""


@dataclasses.dataclass
class Taken:
    """What a sink took: `durable` after a flush, by whichever way it came."""

    durable: list[Any] = dataclasses.field(default_factory=list)
    buffered: list[Any] = dataclasses.field(default_factory=list)
    whole: list[EventBatch] = dataclasses.field(default_factory=list)
    writes: list[list[EventBatch]] = dataclasses.field(default_factory=list)
    single: list[SourceEvent] = dataclasses.field(default_factory=list)

    def ids(self) -> list[Any]:
        """Return the durable records' ids, in order."""
        return [row["id"] for row in self.durable]


def make_taker(
    takes: BatchForm,
    script: BatchScript = lambda _batches, _call: None,
    *,
    limits: BatchConfig = Limits,
    refuse: Callable[[Any], bool] = lambda _data: False,
    flush: Callable[[int], Exception | None] = lambda _count: None,
    asks: JsonForm = JsonForm(),  # noqa: B008  # immutable
    **spec: Any,
) -> tuple[type[BatchSink[EmptyConfig]], Taken]:
    """Return a sink class that takes whole batches, and what it took.

    `refuse` says of which records `write_batch` makes failures; the fast form knows nothing of it.
    """
    taken = Taken()
    calls = [0, 0]
    form = takes

    class Taker(BatchSink[EmptyConfig]):
        config_type = EmptyConfig
        takes = form
        json_form = asks

        @classmethod
        def spec(cls) -> ConnectorSpec:
            return ConnectorSpec(
                connector_type="taker", version="1.0.0", kind=ConnectorKind.SINK, **spec
            )

        def batch_config(self, config: EmptyConfig) -> BatchConfig:
            return limits

        async def write_batches(
            self, config: EmptyConfig, batches: Sequence[EventBatch]
        ) -> WriteResult:
            calls[0] += 1
            taken.writes.append(list(batches))
            if found := script(batches, calls[0] - 1):
                return found
            rows = [row for one in batches for row in _rows(one, form)]
            for one in batches if form == "json" else ():
                _compare(one, asks)
            taken.whole += batches
            taken.buffered += rows
            result = WriteResult()
            result.add_success(len(rows))
            return result

        async def write_batch(
            self, config: EmptyConfig, events: Sequence[SourceEvent]
        ) -> WriteResult:
            result = WriteResult()
            for event in events:
                if refuse(event.data):
                    result.add_failed_event(event, "refused")
                else:
                    taken.single.append(event)
                    taken.buffered.append(event.data)
                    result.add_success(1)
            return result

        async def flush(self, config: EmptyConfig) -> None:
            calls[1] += 1
            if error := flush(calls[1]):
                taken.buffered.clear()
                raise error
            taken.durable += taken.buffered
            taken.buffered.clear()

    return Taker, taken


def _compare(batch: EventBatch, asks: JsonForm) -> None:
    """Hold what a sink asks of a batch against the batch's lines."""
    rows = msgspec.json.Decoder().decode_lines(batch.lines())
    if size := asks.group:
        parts = [msgspec.json.decode(array) for array in batch.arrays(size)]
        assert parts == [rows[start : start + size] for start in range(0, len(rows), size)]
    for field in asks.fields.get(batch.full_name(), ()):
        assert batch.values(field) == [row.get(field) for row in rows]


def _rows(batch: EventBatch, form: BatchForm) -> list[Any]:
    if form == "json":
        return msgspec.json.Decoder().decode_lines(batch.lines())
    if form == "arrow":
        assert batch.is_columnar()
    return batch.rows()


def packed(events: Sequence[SourceEvent], sizes: Sequence[int], *, loose: bool) -> ReadScript:
    """Return a script that gives events of one stream in packs; packs of one as they are if `loose`.

    Each pack's state says how many records were read, and a later session goes on from it.
    """

    async def read(_session: int, state: State | None) -> AsyncIterator[Item]:
        start = 0
        for size in sizes:
            pack = events[start : start + size]
            start += size
            if not pack or start <= saved(state):
                continue
            at = {"last": min(start, len(events))}
            if loose and len(pack) == 1:
                yield msgspec.structs.replace(pack[0], state=at)
            else:
                yield EventBatch(
                    stream=pack[0].stream,
                    records=[one.data for one in pack],
                    event_types=[one.event_type for one in pack],
                    positions=[one.position for one in pack],
                    state=at,
                )

    return read
