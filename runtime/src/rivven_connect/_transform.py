"""The transform contract."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Self, TypeAlias, TypeVar

from rivven_connect._connector import Connector
from rivven_connect._errors import ConnectorError
from rivven_connect._events import SourceEvent
from rivven_connect.config import ConfigModel

ConfigT = TypeVar("ConfigT", bound=ConfigModel)


class TransformOutput:
    """What became of one event: one event, several, or none."""

    __slots__ = ("_events",)

    def __init__(self, events: Sequence[SourceEvent]) -> None:
        self._events = tuple(events)

    @classmethod
    def single(cls, event: SourceEvent) -> Self:
        """One event takes its place."""
        return cls((event,))

    @classmethod
    def multiple(cls, events: Sequence[SourceEvent]) -> Self:
        """Several events take its place; none or one collapses to `filtered` or `single`."""
        return cls(events)

    @classmethod
    def filtered(cls) -> Self:
        """Nothing takes its place."""
        return cls(())

    def __repr__(self) -> str:
        return f"TransformOutput({list(self._events)!r})"

    def __len__(self) -> int:
        return len(self._events)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TransformOutput):
            return NotImplemented
        return self._events == other._events

    __hash__ = None  # type: ignore[assignment]  # its events are mutable

    def into_events(self) -> list[SourceEvent]:
        """Return the events."""
        return list(self._events)

    def is_single(self) -> bool:
        """Whether there is exactly one event."""
        return len(self._events) == 1

    def is_multiple(self) -> bool:
        """Whether there are several events."""
        return len(self._events) > 1

    def is_filtered(self) -> bool:
        """Whether there is none."""
        return not self._events

    def is_empty(self) -> bool:
        """Whether there is none; the same as `is_filtered`."""
        return not self._events

    def map(self, function: Callable[[SourceEvent], SourceEvent]) -> TransformOutput:
        """Return the output with `function` applied to each event."""
        return TransformOutput([function(event) for event in self._events])

    def filter(self, keep: Callable[[SourceEvent], bool]) -> TransformOutput:
        """Return the output with only the events that `keep` accepts."""
        return TransformOutput([event for event in self._events if keep(event)])


Transformed: TypeAlias = TransformOutput | SourceEvent | Sequence[SourceEvent] | None
"""What `transform` may return: an output, or its shorthand."""


class Transform(Connector[ConfigT], ABC):
    """Changes events on their way from a source to a sink."""

    @abstractmethod
    def transform(
        self, config: ConfigT, event: SourceEvent
    ) -> Transformed | Awaitable[Transformed]:
        """Return what becomes of one event; plain or async.

        The event is the transform's own: changing it in place is allowed. An exception makes the
        record, as it was before, a dead letter.
        """

    async def transform_batch(
        self, config: ConfigT, events: Sequence[SourceEvent]
    ) -> list[SourceEvent]:
        """Return what becomes of many events, in order; override it where one pass is faster.

        The engine takes it where each returned event is one of the given ones, changed in place or
        not, in their order. Where it fails, or returns others, the events go through `transform`
        one by one, because only that tells which event became which.
        """
        return [out for event in events for out in await apply_transform(self, config, event)]

    async def init(self, config: ConfigT) -> None:
        """Build what is needed; the guide's name for `open`."""

    async def shutdown(self) -> None:
        """Release what was built; the guide's name for `close`."""

    async def open(self, config: ConfigT) -> None:
        """Build what is needed before the first event."""
        await self.init(config)

    async def close(self) -> None:
        """Release what was built."""
        await self.shutdown()


def output_events(output: Transformed) -> Sequence[SourceEvent]:
    """Return the events of an output, whichever form it has.

    Raises:
        ConnectorError: the value is no form of output.
    """
    if isinstance(output, SourceEvent):
        return (output,)
    if output is None:
        return ()
    if isinstance(output, TransformOutput):
        return output.into_events()
    if isinstance(output, list | tuple) and all(isinstance(e, SourceEvent) for e in output):
        return output
    raise ConnectorError.internal(
        f"a transform returns an event, a list of events, None or a TransformOutput, "
        f"not {type(output).__name__}"
    )


def single_event(output: object) -> SourceEvent | None:
    """Return the one event of an output, if it is there already and is the only one."""
    if type(output) is TransformOutput:
        events = output._events  # asked of every record that a transform returns
        return events[0] if len(events) == 1 else None
    return output if isinstance(output, SourceEvent) else None


async def finish_transform(
    output: Transformed | Awaitable[Transformed],
) -> Sequence[SourceEvent]:
    """Return the events of what `transform` returned, whichever form it has.

    Raises:
        ConnectorError: the value is no form of output.
    """
    return output_events(await output if inspect.isawaitable(output) else output)


async def apply_transform(
    transform: Transform[ConfigT], config: ConfigT, event: SourceEvent
) -> Sequence[SourceEvent]:
    """Return the events that take the place of `event`."""
    return await finish_transform(transform.transform(config, event))
