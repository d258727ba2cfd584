"""Writes events to a plain or batching sink until none is open: written, or given up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rivven_connect._batch import BatchConfig, EventBatch
from rivven_connect._cancellation import connector_call
from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._errors import ConnectorError, RecordError, RetryableError
from rivven_connect._events import SourceEvent
from rivven_connect._failpoints import failpoint
from rivven_connect._failures import classify
from rivven_connect._json import JsonObject
from rivven_connect._retry import RetryGuard
from rivven_connect._sink import BatchForm, BatchSink, Sink, WriteResult, takes_batches
from rivven_connect._verdict import Verdict, judge, named, require_account
from rivven_connect.metric_names import WRITE_LATENCY_SECONDS
from rivven_connect.pipeline.blocks import Block, events_of, is_encodable
from rivven_connect.pipeline.dead_letters import error_class
from rivven_connect.pipeline.patience import Patience
from rivven_connect.pipeline.plan import SinkPlan
from rivven_connect.pipeline.rejection import Attempt, Origins, sink_counts

if TYPE_CHECKING:
    from rivven_connect.pipeline.columns import Columns


class RecordWriter:
    """Drives `write` or `write_batch`, then `flush`; what a failed flush kept is not known."""

    def __init__(
        self,
        plan: SinkPlan,
        sink: Sink[Any],
        limits: BatchConfig,
        patience: Patience,
    ) -> None:
        self._plan = plan
        self._sink = sink
        self._limits = limits
        self._patience = patience
        self._takes_batches = takes_batches(type(sink))
        self.form: BatchForm = (
            sink.takes if isinstance(sink, BatchSink) and self._takes_batches else "rows"
        )
        self._schemas: dict[str, JsonObject] = {}
        self._columns: Columns | None = None

    def prepare(self, catalog: ConfiguredCatalog) -> None:
        """Learn the schemas of the streams that will be written."""
        self._columns = None
        self._schemas = {one.stream.full_name(): one.stream.json_schema for one in catalog.streams}

    async def write(self, origins: Origins) -> Attempt:
        """Write the events and make them durable; return what became of each.

        Raises:
            RivvenError: an event has come to no end; nothing of this may be committed.
        """
        guard = self._patience.guard()
        while True:
            attempt = Attempt(self._plan, origins, sink_counts(self._plan))
            try:
                failpoint("before_write")
                for chunk in self._chunks(origins.blocks()):
                    await self._write_chunk(chunk, attempt)
                failpoint("after_write")
                with connector_call("flush"):
                    await self._sink.flush(self._plan.config)
                failpoint("after_flush")
            except Exception as error:  # noqa: BLE001  # a connector may raise anything; `pause` decides
                await self._patience.pause(guard, error)
            else:
                self._patience.succeeded()
                return attempt

    def _chunks(self, blocks: list[Block]) -> Iterator[list[Block]]:
        """Put blocks together up to the sink's limits; one that is larger is cut."""
        limits = self._limits
        chunk: list[Block] = []
        records = size = 0
        for block in (part for one in blocks for part in one.within(limits)):
            if chunk and (
                records + len(block) > limits.max_records or size + block.size > limits.max_bytes
            ):
                yield chunk
                chunk, records, size = [], 0, 0
            chunk.append(block)
            records += len(block)
            size += block.size
        if chunk:
            yield chunk

    async def _write_chunk(self, chunk: list[Block], attempt: Attempt) -> None:
        guard = self._patience.guard()
        if not self._takes_batches:
            await self._write(events_of(chunk), attempt, guard)
            return
        open_still = await self._write_whole(chunk, attempt, guard)
        if open_still:
            await self._write(open_still, attempt, guard)

    async def _write_whole(
        self, chunk: list[Block], attempt: Attempt, guard: RetryGuard
    ) -> Sequence[SourceEvent]:
        """Write batches as they are; return the events that are to be written one by one.

        These are all of them where only single events can tell what is wrong.
        """
        sink: Any = self._sink
        records = sum(map(len, chunk))
        while True:
            try:
                batches = self._shaped(chunk)
                if batches is None:
                    return events_of(chunk)
                await self._patience.pace(records)
                with self._patience.timing(WRITE_LATENCY_SECONDS), connector_call("write"):
                    result = await sink.write_batches(self._plan.config, batches)
                if not (result.has_failures() or result.failed_events):
                    require_account(result, records)
                    attempt.counts.written += records
                    attempt.counts.bytes += result.bytes_written
                    return ()
                events = events_of(chunk)
                if result.failed_events or len(result.failed_records) < result.records_failed:
                    return events
                result = named(result, events)
                verdict = judge(result, events, order_safe=self._plan.spec.order_safe)
            except Exception as error:  # noqa: BLE001  # a connector may raise anything; `pause` decides
                if isinstance(classify(error), RecordError):
                    return events_of(chunk)
                await self._patience.pause(guard, error)
                continue
            return await self._settle(result, verdict, events, attempt, guard)

    def _shaped(self, chunk: list[Block]) -> list[EventBatch] | None:
        """Return the batches of some blocks in the form that the sink takes, if all have it.

        Raises:
            RecordError: a record does not fit its stream's columns.
        """
        batches = [block.batch for block in chunk]
        if self.form == "json":
            return batches if all(map(is_encodable, batches)) else None
        if self.form == "rows":
            return batches
        if any(batch.event_types for batch in batches):
            return None  # a change is more than its record
        if self._columns is None:
            from rivven_connect.pipeline.columns import Columns  # noqa: PLC0415  # who has Arrow

            self._columns = Columns(self._schemas)
        return self._columns.of(batches)

    async def _write(
        self, chunk: Sequence[SourceEvent], attempt: Attempt, guard: RetryGuard
    ) -> None:
        """Write until no event of the chunk is open: written, or rejected for good."""
        pending = chunk
        while pending:
            try:
                result = await self._call(pending)
                verdict = judge(result, pending, order_safe=self._plan.spec.order_safe)
            except Exception as error:  # noqa: BLE001  # a connector may raise anything; `pause` decides
                failure = classify(error)
                if isinstance(failure, RecordError) and self._plan.on_error != "stop":
                    await self._isolate(pending, failure, attempt, guard.attempt + 1)
                    return
                await self._patience.pause(guard, error)
                continue
            pending = await self._settle(result, verdict, pending, attempt, guard)

    async def _settle(
        self,
        result: WriteResult,
        verdict: Verdict,
        events: Sequence[SourceEvent],
        attempt: Attempt,
        guard: RetryGuard,
    ) -> Sequence[SourceEvent]:
        """Note what became of events; return those to be tried again, now that it is time to."""
        for failed in verdict.rejected:
            attempt.reject(failed.event, failed.error, "rejected", guard.attempt + 1)
        attempt.counts.written += len(events) - len(verdict.rejected) - len(verdict.again)
        attempt.counts.bytes += result.bytes_written
        if verdict.again:
            again = RetryableError(verdict.reason, retry_after=verdict.retry_after)
            await self._patience.pause(guard, again)
        return verdict.again

    async def _isolate(
        self,
        events: Sequence[SourceEvent],
        failure: RecordError,
        attempt: Attempt,
        tries: int,
    ) -> None:
        """Find the record that made a whole write fail by writing each alone."""
        if len(events) == 1:
            attempt.reject(events[0], str(failure), error_class(failure), tries)
            return
        for event in events:
            await self._write([event], attempt, self._patience.guard())

    async def _call(self, events: Sequence[SourceEvent]) -> WriteResult:
        await self._patience.pace(len(events))
        config = self._plan.config
        feed = _Feed(events)
        with self._patience.timing(WRITE_LATENCY_SECONDS), connector_call("write"):
            if isinstance(self._sink, BatchSink):
                return await self._sink.write_batch(config, events)
            result = await self._sink.write(config, feed)
        if not feed.exhausted and not result.has_failures():
            raise ConnectorError.internal(
                "write returned before it had taken all events, and reported no failure"
            )
        return result


class _Feed(AsyncIterator[SourceEvent]):
    """A finite iterator over events that knows whether all were taken."""

    def __init__(self, events: Sequence[SourceEvent]) -> None:
        self._events = iter(events)
        self.exhausted = False

    async def __anext__(self) -> SourceEvent:
        for event in self._events:
            return event
        self.exhausted = True
        raise StopAsyncIteration
