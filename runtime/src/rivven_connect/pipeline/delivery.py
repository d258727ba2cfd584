"""The writing half: one sink, fed in batches, until every record has come to an end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rivven_connect._batch import BatchConfig
from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._errors import ConnectorError, PipelineError, RecordError
from rivven_connect._events import SourceEvent
from rivven_connect._failpoints import failpoint
from rivven_connect._json import decode_json, encode_json
from rivven_connect._retry import RetryGuard
from rivven_connect._sink import BatchSink, Sink, WriteResult
from rivven_connect.pipeline.chain import TransformChain, Transformed
from rivven_connect.pipeline.dead_letters import DeadLetter, error_class, event_letter
from rivven_connect.pipeline.failures import classify, stop_error
from rivven_connect.pipeline.lifecycle import open_connector
from rivven_connect.pipeline.observer import Observer
from rivven_connect.pipeline.plan import SinkPlan
from rivven_connect.pipeline.summary import ConnectorCounts
from rivven_connect.pipeline.verdict import judge

_log = logging.getLogger("rivven_connect.sink")


@dataclass(slots=True)
class Delivered:
    """What became of the events of one delivery; all of them are durable or in `letters`."""

    counts: ConnectorCounts
    letters: list[DeadLetter] = field(default_factory=list)


class SinkRunner:
    """Drives one sink. Several sources may deliver to it; it writes for one at a time."""

    def __init__(self, plan: SinkPlan, observer: Observer, *, shares_events: bool) -> None:
        self.plan = plan
        self._observer = observer
        self._shares_events = shares_events
        self._chain = TransformChain(plan.transforms, plan.retry, sink=plan.name)
        self._lock = asyncio.Lock()
        self._sink: Sink[Any] = plan.factory.create()
        self._limits = BatchConfig()

    async def open(self, stack: contextlib.AsyncExitStack) -> None:
        """Open the sink and its transforms; the stack closes them."""
        try:
            context = open_connector(self._sink, self.plan.config, f"sink {self.plan.name!r}")
            await stack.enter_async_context(context)
            self._limits = self.plan.batch_config(self._sink)
        except Exception as error:
            raise stop_error(f"sink {self.plan.name!r} cannot be opened", error) from error
        await self._chain.open(stack)

    @property
    def limits(self) -> BatchConfig:
        """When a batch of this sink is full."""
        return self._limits

    async def prepare(self, catalog: ConfiguredCatalog) -> None:
        """Tell the sink the streams that it will get."""
        guard = RetryGuard(self.plan.retry)
        while True:
            try:
                await self._sink.prepare(self.plan.config, catalog)
            except Exception as error:  # noqa: BLE001  # a connector may raise anything; `_pause` decides
                await self._pause(guard, error)
            else:
                return

    async def deliver(self, source: str, events: Sequence[SourceEvent]) -> Delivered:
        """Transform and write the events and make them durable.

        Raises:
            PipelineError: a record has come to no end; nothing of this may be committed.
        """
        async with self._lock:
            counts = ConnectorCounts("sink", self.plan.name, self.plan.spec.connector_type)
            counts.read = len(events)
            changed = await self._transform(source, events)
            counts.filtered, counts.dropped = changed.filtered, changed.dropped
            guard = RetryGuard(self.plan.retry)
            while True:
                attempt = _Attempt(self.plan, source, ConnectorCounts("", "", ""))
                try:
                    failpoint("before_write")
                    for chunk in self._chunks(changed.events):
                        await self._write(chunk, attempt)
                    failpoint("after_write")
                    await self._sink.flush(self.plan.config)
                    failpoint("after_flush")
                except Exception as error:  # noqa: BLE001  # a connector may raise anything; `_pause` decides
                    # Nobody knows what a failed flush kept: everything since the last one is
                    # written again.
                    await self._pause(guard, error)
                    counts.retries += 1
                else:
                    break
            counts.add(attempt.counts)
            letters = changed.letters + attempt.letters
            counts.dead_letters = len(letters)
            return Delivered(counts, letters)

    async def _transform(self, source: str, events: Sequence[SourceEvent]) -> Transformed:
        if not self._chain:
            return Transformed(list(events))
        found = Transformed()
        for event in events:
            own = _copy(event) if self._shares_events else event
            await self._chain.apply(own, source, found)
        return found

    def _chunks(self, events: list[SourceEvent]) -> Iterator[list[SourceEvent]]:
        """Cut to the sink's limits; an event larger than the limit goes alone."""
        limits = self._limits
        chunk: list[SourceEvent] = []
        size = 0
        for event in events:
            event_size = event.estimated_size()
            if chunk and (len(chunk) >= limits.max_records or size + event_size > limits.max_bytes):
                yield chunk
                chunk, size = [], 0
            chunk.append(event)
            size += event_size
        if chunk:
            yield chunk

    async def _write(self, chunk: Sequence[SourceEvent], attempt: _Attempt) -> None:
        """Write until no event of the chunk is open: written, or rejected for good."""
        guard = RetryGuard(self.plan.retry)
        pending = chunk
        while pending:
            try:
                result = await self._call(pending)
                verdict = judge(result, pending, order_safe=self.plan.spec.order_safe)
            except Exception as error:  # noqa: BLE001  # a connector may raise anything; `_pause` decides
                failure = classify(error)
                if isinstance(failure, RecordError) and self.plan.on_error != "stop":
                    await self._isolate(pending, failure, attempt, guard.attempt + 1)
                    return
                await self._pause(guard, error)
                attempt.counts.retries += 1
                continue
            for failed in verdict.rejected:
                attempt.reject(failed.event, failed.error, "rejected", guard.attempt + 1)
            attempt.counts.written += len(pending) - len(verdict.rejected) - len(verdict.again)
            attempt.counts.bytes += result.bytes_written
            if verdict.again:
                await self._pause(guard, ConnectorError.transient(verdict.reason))
                attempt.counts.retries += 1
            pending = verdict.again

    async def _isolate(
        self,
        events: Sequence[SourceEvent],
        failure: RecordError,
        attempt: _Attempt,
        tries: int,
    ) -> None:
        """Find the record that made a whole write fail by writing each alone."""
        if len(events) == 1:
            attempt.reject(events[0], str(failure), error_class(failure), tries)
            return
        for event in events:
            await self._write([event], attempt)

    async def _call(self, events: Sequence[SourceEvent]) -> WriteResult:
        config = self.plan.config
        if isinstance(self._sink, BatchSink):
            return await self._sink.write_batch(config, events)
        feed = _Feed(events)
        result = await self._sink.write(config, feed)
        if not feed.exhausted and not result.has_failures():
            raise ConnectorError.internal(
                "write returned before it had taken all events, and reported no failure"
            )
        return result

    async def _pause(self, guard: RetryGuard, error: Exception) -> None:
        """Wait before the next try, or raise what ends the pipeline."""
        failure = classify(error)
        if not (isinstance(failure, ConnectorError) and guard.should_retry(failure)):
            raise stop_error(f"sink {self.plan.name!r}", error) from error
        delay_ms = guard.record_attempt(failure)
        self._observer.retrying(f"sink {self.plan.name!r}", failure, delay_ms)
        await asyncio.sleep(delay_ms / 1000)


@dataclass(slots=True)
class _Attempt:
    """What one pass over the events of a delivery has come to."""

    plan: SinkPlan
    source: str
    counts: ConnectorCounts
    letters: list[DeadLetter] = field(default_factory=list)

    def reject(self, event: SourceEvent, error: str, error_class: str, tries: int) -> None:
        """Give an event up, as `on_error` says."""
        where = f"sink {self.plan.name!r} rejected a record of {event.stream!r}: {error}"
        if self.plan.on_error == "stop":
            raise PipelineError(where)
        if self.plan.on_error == "drop":
            self.counts.dropped += 1
            _log.warning("dropped: %s", where)
            return
        self.letters.append(
            event_letter(
                event,
                kind="sink",
                path=f"sinks/{self.plan.name}",
                source=self.source,
                sink=self.plan.name,
                error=error,
                error_class=error_class,
                record=event.data,
                attempt=tries,
            )
        )


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


def _copy(event: SourceEvent) -> SourceEvent:
    """Return an event that a transform may change although other sinks get the same one."""
    return SourceEvent(
        stream=event.stream,
        data=decode_json(encode_json(event.data)),
        event_type=event.event_type,
        namespace=event.namespace,
        timestamp=event.timestamp,
        metadata=event.metadata,
        position=event.position,
        sub_index=event.sub_index,
    )
