"""Writing to a sink as the runner does: again, alone, or given up, by the same verdicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from rivven_connect._adapters import opened
from rivven_connect._cancellation import connector_call
from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._errors import ConnectorError, HookMissing, RecordError, RivvenError
from rivven_connect._events import SourceEvent
from rivven_connect._failures import classify
from rivven_connect._retry import RetryGuard, Sleep
from rivven_connect._sink import BatchSink, Sink, WriteResult
from rivven_connect._verdict import judge
from rivven_connect.testing._reading_on import QUICK_RETRIES, may_pass
from rivven_connect.testing.harness import stream_of

T = TypeVar("T")


@dataclasses.dataclass(slots=True)
class Delivery:
    """What became of the events of one delivery."""

    written: list[SourceEvent] = dataclasses.field(default_factory=list)
    dead: list[SourceEvent] = dataclasses.field(default_factory=list)
    failure: RivvenError | None = None
    """What stops the pipeline; neither written nor dead are then final."""
    raised: Exception | None = None
    """The very exception that the sink raised."""


async def deliver(
    connector: type[Sink[Any]],
    config: Any,
    catalog: ConfiguredCatalog,
    events: Sequence[SourceEvent],
    *,
    sleep: Sleep,
) -> Delivery:
    """Write the events and make them durable; an error that may pass is tried again.

    Raises:
        HookMissing: a hook has not been written.
    """
    try:
        async with opened(connector(), config) as sink:
            writer = _Writer(sink, config, sleep)
            await writer.insist(lambda: sink.prepare(config, catalog))
            return await writer.insist(lambda: writer.deliver(events))
    except HookMissing:
        raise
    except Exception as error:  # noqa: BLE001  # the runner's edge: whatever it was, it stops here
        return Delivery(failure=classify(error), raised=error)


class _GivenUp(Exception):
    """A write was tried as often as may be; `error` says why."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _Writer:
    """Drives one sink."""

    def __init__(self, sink: Sink[Any], config: Any, sleep: Sleep) -> None:
        self._sink = sink
        self._config = config
        self._sleep = sleep

    async def insist(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Call until it succeeds, as often as may be; return what it gave."""
        guard = RetryGuard(QUICK_RETRIES)
        while True:
            try:
                return await operation()
            except _GivenUp as given_up:
                raise given_up.error from None
            except Exception as error:  # noqa: BLE001  # the runner's edge: `may_pass` decides
                await self._pause(guard, error)

    async def deliver(self, events: Sequence[SourceEvent]) -> Delivery:
        """Write all events and flush; what a failed flush kept is not known."""
        delivery = Delivery()
        size = len(events)
        if isinstance(self._sink, BatchSink):
            size = min(size, self._sink.batch_config(self._config).max_records)
        for start in range(0, len(events), size):
            await self._write(events[start : start + size], delivery)
        with connector_call("flush"):
            await self._sink.flush(self._config)
        return delivery

    async def _write(self, events: Sequence[SourceEvent], delivery: Delivery) -> None:
        """Write until no event is open: written, or given up for good."""
        guard = RetryGuard(QUICK_RETRIES)
        order_safe = self._sink.spec().order_safe
        pending = events
        while pending:
            try:
                verdict = judge(await self._call(pending), pending, order_safe=order_safe)
            except RecordError:
                await self._isolate(pending, delivery)
                return
            except Exception as error:  # noqa: BLE001  # the runner's edge: `may_pass` decides
                await self._wait_or_give_up(guard, error)
                continue
            open_still = {id(event) for event in verdict.again}
            dead = {id(one.event) for one in verdict.rejected}
            delivery.dead += [one.event for one in verdict.rejected]
            delivery.written += [e for e in pending if id(e) not in open_still | dead]
            if verdict.again:
                await self._wait_or_give_up(guard, ConnectorError.transient(verdict.reason))
            pending = verdict.again

    async def _isolate(self, events: Sequence[SourceEvent], delivery: Delivery) -> None:
        """Find the record that made a whole write fail, by writing each alone."""
        if len(events) == 1:
            delivery.dead.append(events[0])
            return
        for event in events:
            await self._write([event], delivery)

    async def _call(self, events: Sequence[SourceEvent]) -> WriteResult:
        with connector_call("write"):
            if isinstance(self._sink, BatchSink):
                return await self._sink.write_batch(self._config, events)
            return await self._sink.write(self._config, stream_of(events))

    async def _wait_or_give_up(self, guard: RetryGuard, error: Exception) -> None:
        """Wait before the next try of a write; where there is none, `insist` must not begin anew."""
        try:
            await self._pause(guard, error)
        except Exception as last:
            raise _GivenUp(last) from last

    async def _pause(self, guard: RetryGuard, error: Exception) -> None:
        """Wait before the next try, or raise the error where there is none."""
        passing = may_pass(guard, error)
        if passing is None:
            raise error
        await self._sleep(guard.record_attempt(passing) / 1000)
