"""Writing to a sink as the runner does: again, alone, or given up, by the same verdicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

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
    guard = RetryGuard(QUICK_RETRIES)
    while True:
        attempt = _Attempt(config, sleep)
        try:
            async with opened(connector(), config) as sink:
                await sink.prepare(config, catalog)
                await attempt.write(sink, events)
                with connector_call("flush"):
                    await sink.flush(config)
        except HookMissing:
            raise
        except Exception as error:  # noqa: BLE001  # the runner's edge: `may_pass` decides
            passing = may_pass(guard, error)
            if attempt.gave_up or passing is None:
                attempt.delivery.failure, attempt.delivery.raised = classify(error), error
                return attempt.delivery
            await sleep(guard.record_attempt(passing) / 1000)
        else:
            return attempt.delivery


class _Attempt:
    """One pass over the events; `gave_up` if a write was tried as often as may be."""

    def __init__(self, config: Any, sleep: Sleep) -> None:
        self.delivery = Delivery()
        self.gave_up = False
        self._config = config
        self._sleep = sleep

    async def write(self, sink: Sink[Any], events: Sequence[SourceEvent]) -> None:
        """Write until no event is open: written, or given up for good."""
        guard = RetryGuard(QUICK_RETRIES)
        pending = events
        while pending:
            try:
                result = await self._call(sink, pending)
                verdict = judge(result, pending, order_safe=sink.spec().order_safe)
            except HookMissing:
                raise
            except RecordError:
                await self._isolate(sink, pending)
                return
            except Exception as error:  # noqa: BLE001  # the runner's edge; `_pause` decides
                await self._pause(guard, error)
                continue
            done = {id(event) for event in verdict.again}
            dead = {id(one.event) for one in verdict.rejected}
            self.delivery.dead += [one.event for one in verdict.rejected]
            self.delivery.written += [e for e in pending if id(e) not in done | dead]
            if verdict.again:
                await self._pause(guard, ConnectorError.transient(verdict.reason))
            pending = verdict.again

    async def _isolate(self, sink: Sink[Any], events: Sequence[SourceEvent]) -> None:
        """Find the record that made a whole write fail, by writing each alone."""
        if len(events) == 1:
            self.delivery.dead.append(events[0])
            return
        for event in events:
            await self.write(sink, [event])

    async def _call(self, sink: Sink[Any], events: Sequence[SourceEvent]) -> WriteResult:
        with connector_call("write"):
            if isinstance(sink, BatchSink):
                return await sink.write_batch(self._config, events)
            return await sink.write(self._config, stream_of(events))

    async def _pause(self, guard: RetryGuard, error: Exception) -> None:
        """Wait before the next try, or raise what ends all tries."""
        passing = may_pass(guard, error)
        if passing is None:
            self.gave_up = True
            raise error
        await self._sleep(guard.record_attempt(passing) / 1000)
