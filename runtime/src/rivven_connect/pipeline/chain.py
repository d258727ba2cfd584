"""The transforms of one source or sink, applied to one event after the other."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Sequence
from typing import Any

import msgspec

from rivven_connect._batch import EventBatch
from rivven_connect._cancellation import connector_call
from rivven_connect._errors import ConnectorError, RecordError, RivvenError
from rivven_connect._events import SourceEvent
from rivven_connect._failures import classify
from rivven_connect._json import UNENCODABLE
from rivven_connect._retry import RetryConfig, RetryGuard
from rivven_connect._transform import (
    Transform,
    apply_transform,
    finish_transform,
    single_event,
)
from rivven_connect.pipeline.dead_letters import DeadLetter, error_class, event_letter
from rivven_connect.pipeline.failures import stop_error
from rivven_connect.pipeline.lifecycle import open_connector
from rivven_connect.pipeline.march import Dropped, Leaf, March, Transformed
from rivven_connect.pipeline.originals import Original, Originals, unreadable
from rivven_connect.pipeline.plan import TransformPlan

__all__ = ["TransformChain", "Transformed"]


class _Outcome(msgspec.Struct, frozen=True):
    """What a first call of a transform came to, and the event as it was before."""

    before: Original
    output: Any
    error: Exception | None

    async def events(self) -> Sequence[SourceEvent]:
        if self.error is not None:
            raise self.error
        return await finish_transform(self.output)


class TransformChain:
    """Opens, applies and closes transforms; a failing record disturbs no other."""

    def __init__(
        self, plans: Sequence[TransformPlan], retry: RetryConfig, *, sink: str | None = None
    ) -> None:
        self._plans = plans
        self._retry = retry
        self._sink = sink
        self._steps: list[tuple[TransformPlan, Transform[Any]]] = []
        self.is_plain = True
        """Whether no transform waits for anything, so that many events may go through together."""

    def __bool__(self) -> bool:
        return bool(self._plans)

    async def open(self, stack: contextlib.AsyncExitStack) -> None:
        """Make and open the transforms; the stack closes them."""
        self._steps = []
        for plan in self._plans:
            try:
                made = plan.factory.create()
                context = open_connector(made, plan.config, plan.path)
                await stack.enter_async_context(context)
            except Exception as error:
                raise stop_error(f"{plan.path} ({plan.name}) cannot be opened", error) from error
            self._steps.append((plan, made))
        self.is_plain = not any(
            inspect.iscoroutinefunction(made.transform) for _, made in self._steps
        )

    async def apply(self, event: SourceEvent, source: str, into: Transformed) -> None:
        """Add what becomes of `event` to `into`.

        Raises:
            PipelineError: a transform failed and `on_error` is `stop`; `into` is as it was.
        """
        origin = (event.sub_index, event.position, event.timestamp)
        into.add(await self._walk([event], source), origin)

    async def apply_all(self, batch: EventBatch, source: str, into: Transformed) -> None:
        """Add what becomes of a batch's events to `into`, in order; one step after the other.

        Raises:
            PipelineError: a transform failed and `on_error` is `stop`; what became of the events
                before is in `into`.
        """
        march = March(batch)
        with connector_call("a transform"):
            for plan, transform in self._steps:
                await self._take_step(march, plan, transform, source)
        march.collect(into)
        if march.failure is not None:
            raise march.failure

    async def _take_step(
        self, march: March, plan: TransformPlan, transform: Transform[Any], source: str
    ) -> None:
        """Bring all events of a march through one step, in their order."""
        places, events = march.chosen(plan.when)
        originals: Originals | None = None
        # Where something is not JSON, the record at fault is found when each goes alone.
        with contextlib.suppress(*UNENCODABLE):
            originals = march.originals(events)
        if originals is not None and places and _has_batch_form(transform):
            if await self._take_together(march, plan, transform, places, events):
                return
            originals.restore(events)
        call, config = transform.transform, plan.config
        for number, event in enumerate(events):
            first: _Outcome | None = None
            if originals is not None:
                output = error = None
                try:
                    output = call(config, event)
                except Exception as raised:  # noqa: BLE001  # a connector may raise anything; `_step` decides
                    error = raised
                if output is event:
                    continue
                if (one := single_event(output)) is not None:
                    march.exchange(places[number], one)
                    continue
                try:
                    first = _Outcome(originals.at(number), output, error)
                except UNENCODABLE:
                    originals.put_back(number, event)  # as if it had not been called
            try:
                found = await self._step(plan, transform, event, source, first)
            except RivvenError as failure:
                march.break_off(places[number], failure)
                break
            march.replace(places[number], found)
        march.close_ranks()

    async def _take_together(
        self,
        march: March,
        plan: TransformPlan,
        transform: Transform[Any],
        places: Sequence[int],
        events: list[SourceEvent],
    ) -> bool:
        """Use the transform's batch form; False if it fails, or returns others than it was given."""
        try:
            with connector_call(plan.path):
                found = await transform.transform_batch(plan.config, list(events))
            left = iter(found)
            wanted = next(left, None)
            kept = set()
            for place, event in zip(places, events, strict=True):
                if event is wanted:
                    kept.add(place)
                    wanted = next(left, None)
            if len(kept) != len(found):
                return False
        except Exception:  # noqa: BLE001  # the record at fault is found when each goes alone
            return False
        for place in places:
            if place not in kept:
                march.replace(place, ())
        march.close_ranks()
        return True

    async def _walk(self, leaves: Sequence[Leaf], source: str) -> Sequence[Leaf]:
        """Return what all steps make of some leaves, one by one."""
        for plan, transform in self._steps:
            following: list[Leaf] = []
            for one in leaves:
                if not isinstance(one, SourceEvent) or (
                    plan.when is not None and not plan.when.matches(one)
                ):
                    following.append(one)
                else:
                    following += await self._step(plan, transform, one, source)
            leaves = following
        return leaves

    async def _step(
        self,
        plan: TransformPlan,
        transform: Transform[Any],
        event: SourceEvent,
        source: str,
        first: _Outcome | None = None,
    ) -> Sequence[Leaf]:
        """Return what one transform makes of one event, or what is left of it where it fails.

        `first` is what a first call has come to, if there was one.
        """
        before = first.before if first else None
        try:
            # A transform may change its event in place, and a dead letter keeps what was.
            before = before or Original.of(event)
            return await self._call(plan, transform, event, before, first)
        except Exception as error:
            if not _is_record_failure(error):
                raise stop_error(f"{plan.path} ({plan.name})", error) from error
            if plan.on_error == "stop":
                at = f", position {event.position}" if event.position is not None else ""
                where = f"{plan.path} ({plan.name}), a record of {event.stream!r}{at}"
                hint = "; give it a `dead_letter` to go on without such records"
                raise stop_error(where, error, hint) from error
            if plan.on_error == "drop":
                return (Dropped.DROPPED,)
            kept = before.event() if before else unreadable(event)
            return (self._letter(plan, kept, error, source),)

    async def _call(
        self,
        plan: TransformPlan,
        transform: Transform[Any],
        event: SourceEvent,
        before: Original,
        first: _Outcome | None,
    ) -> Sequence[SourceEvent]:
        """Apply one transform; a failure that may pass is tried again on the untouched record."""
        guard = RetryGuard(self._retry)
        while True:
            try:
                with connector_call(plan.path):
                    if first is None:
                        return await apply_transform(transform, plan.config, event)
                    tried, first = first, None
                    return await tried.events()
            except Exception as error:
                failure = classify(error)
                if not (isinstance(failure, ConnectorError) and guard.should_retry(failure)):
                    raise
                before.restore(event)
                await asyncio.sleep(guard.record_attempt(failure) / 1000)

    def _letter(
        self,
        plan: TransformPlan,
        event: SourceEvent,
        error: Exception,
        source: str,
    ) -> DeadLetter:
        return event_letter(
            event,
            kind="transform",
            path=plan.path,
            source=source,
            sink=self._sink,
            error=str(error),
            error_class=error_class(error),
            record=event.data,
        )


def _has_batch_form(transform: Transform[Any]) -> bool:
    return type(transform).transform_batch is not Transform.transform_batch


def _is_record_failure(error: Exception) -> bool:
    """Whether the record is at fault: a data error, or a bug that it met in the transform."""
    if isinstance(error, RivvenError):
        return isinstance(error, RecordError)
    return not isinstance(error, OSError)
