"""The transforms of one source or sink, applied to one event after the other."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from rivven_connect._cancellation import connector_call
from rivven_connect._errors import ConnectorError, RecordError, RivvenError
from rivven_connect._events import SourceEvent
from rivven_connect._failures import classify
from rivven_connect._retry import RetryConfig, RetryGuard
from rivven_connect._transform import Transform, apply_transform
from rivven_connect.pipeline.dead_letters import DeadLetter, error_class, event_letter
from rivven_connect.pipeline.failures import stop_error
from rivven_connect.pipeline.lifecycle import open_connector
from rivven_connect.pipeline.originals import Original, unreadable
from rivven_connect.pipeline.plan import TransformPlan

_ORDINAL_BITS = 20


class _Dropped(enum.Enum):
    DROPPED = enum.auto()


_DROPPED = _Dropped.DROPPED

Leaf = SourceEvent | DeadLetter | _Dropped
"""What one input record has come to: events, and what failed in between, in order."""


@dataclass(slots=True)
class Transformed:
    """What became of some events."""

    events: list[SourceEvent] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    filtered: int = 0
    dropped: int = 0


class TransformChain:
    """Opens, applies and closes transforms; a failing record disturbs no other."""

    def __init__(
        self, plans: Sequence[TransformPlan], retry: RetryConfig, *, sink: str | None = None
    ) -> None:
        self._plans = plans
        self._retry = retry
        self._sink = sink
        self._steps: list[tuple[TransformPlan, Transform[Any]]] = []

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

    async def apply(self, event: SourceEvent, source: str, into: Transformed) -> None:
        """Add what becomes of `event` to `into`.

        Raises:
            PipelineError: a transform failed and `on_error` is `stop`; `into` is as it was.
        """
        origin = (event.sub_index, event.position, event.timestamp)
        leaves: list[Leaf] = [event]
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
        _number(leaves, origin, into)

    async def _step(
        self, plan: TransformPlan, transform: Transform[Any], event: SourceEvent, source: str
    ) -> Sequence[Leaf]:
        """Return what one transform makes of one event, or what is left of it where it fails."""
        before: Original | None = None
        try:
            # A transform may change its event in place, and a dead letter keeps what was.
            before = Original.of(event)
            return await self._call(plan, transform, event, before)
        except Exception as error:
            if not _is_record_failure(error):
                raise stop_error(f"{plan.path} ({plan.name})", error) from error
            if plan.on_error == "stop":
                at = f", position {event.position}" if event.position is not None else ""
                where = f"{plan.path} ({plan.name}), a record of {event.stream!r}{at}"
                hint = "; give it a `dead_letter` to go on without such records"
                raise stop_error(where, error, hint) from error
            if plan.on_error == "drop":
                return (_DROPPED,)
            kept = before.event() if before else unreadable(event)
            return (self._letter(plan, kept, error, source),)

    async def _call(
        self, plan: TransformPlan, transform: Transform[Any], event: SourceEvent, before: Original
    ) -> Sequence[SourceEvent]:
        """Apply one transform; a failure that may pass is tried again on the untouched record."""
        guard = RetryGuard(self._retry)
        while True:
            try:
                with connector_call(plan.path):
                    return await apply_transform(transform, plan.config, event)
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


def _is_record_failure(error: Exception) -> bool:
    """Whether the record is at fault: a data error, or a bug that it met in the transform."""
    if isinstance(error, RivvenError):
        return isinstance(error, RecordError)
    return not isinstance(error, OSError)


def _number(leaves: Sequence[Leaf], origin: tuple[int, Any, Any], into: Transformed) -> None:
    """Give each leaf what names it, and put it where it belongs.

    The position is the origin's. The origin's ordinal moves up, so that fan-outs of fan-outs stay
    apart. A leaf that failed has an ordinal too: what its siblings are called does not depend on it.
    It is never 0 beside siblings, because a sink may take 0 for the start of a new version. An event
    that a transform returned twice becomes two, because events are told apart by identity.
    """
    base, position, timestamp = origin
    seen: set[int] = set()
    into.filtered += not leaves
    for ordinal, leaf in enumerate(leaves):
        number = (base << _ORDINAL_BITS) | ordinal
        if leaf is _DROPPED:
            into.dropped += 1
        elif isinstance(leaf, DeadLetter):
            apart = len(leaves) if len(leaves) > 1 and not ordinal else ordinal
            into.letters.append(
                dataclasses.replace(
                    leaf,
                    sub_index=(base << _ORDINAL_BITS) | apart,
                    position=position if leaf.position is None else leaf.position,
                    timestamp=leaf.timestamp or timestamp,
                )
            )
        elif isinstance(leaf, SourceEvent):
            one = msgspec.structs.replace(leaf) if id(leaf) in seen else leaf
            seen.add(id(leaf))
            one.sub_index = number
            if one.position is None:
                one.position = position
            if one.timestamp is None:
                one.timestamp = timestamp
            into.events.append(one)
