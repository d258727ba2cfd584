"""Many events on their way through a chain of transforms, side by side."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from rivven_connect._batch import EventBatch
from rivven_connect._errors import RivvenError
from rivven_connect._events import SourceEvent
from rivven_connect.pipeline.blocks import HeldBatch
from rivven_connect.pipeline.dead_letters import DeadLetter
from rivven_connect.pipeline.originals import Originals
from rivven_connect.pipeline.predicate import Predicate

_ORDINAL_BITS = 20


class Dropped(enum.Enum):
    """Stands for a record that failed where `on_error` is `drop`."""

    DROPPED = enum.auto()


Leaf = SourceEvent | DeadLetter | Dropped
"""What one input record has come to: events, and what failed in between, in order."""

Origin = tuple[int, Any, Any]
"""What names the record that events came from: its ordinal, position and time."""


@dataclass(slots=True)
class Transformed:
    """What became of some events."""

    events: list[SourceEvent] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    filtered: int = 0
    dropped: int = 0
    read: int = 0
    """How many records have come to an end."""

    def add(self, leaves: Sequence[Leaf], origin: Origin) -> None:
        """Give each leaf of one record what names it, and put it where it belongs.

        The position is the origin's. The origin's ordinal moves up, so that fan-outs of fan-outs
        stay apart. A leaf that failed has an ordinal too: what its siblings are called does not
        depend on it. It is never 0 beside siblings, because a sink may take 0 for the start of a
        new version. An event that a transform returned twice becomes two, because events are told
        apart by identity.
        """
        base, position, timestamp = origin
        seen: set[int] = set()
        self.read += 1
        self.filtered += not leaves
        for ordinal, leaf in enumerate(leaves):
            if isinstance(leaf, SourceEvent):
                one = msgspec.structs.replace(leaf) if id(leaf) in seen else leaf
                seen.add(id(leaf))
                one.sub_index = (base << _ORDINAL_BITS) | ordinal
                if one.position is None:
                    one.position = position
                if one.timestamp is None:
                    one.timestamp = timestamp
                self.events.append(one)
            elif isinstance(leaf, DeadLetter):
                apart = len(leaves) if len(leaves) > 1 and not ordinal else ordinal
                self.letters.append(
                    dataclasses.replace(
                        leaf,
                        sub_index=(base << _ORDINAL_BITS) | apart,
                        position=position if leaf.position is None else leaf.position,
                        timestamp=leaf.timestamp or timestamp,
                    )
                )
            else:
                self.dropped += 1

    def add_all(self, events: list[SourceEvent], origins: Sequence[Origin]) -> None:
        """Add events of which each is all that its record has become; as `add`, for what is usual."""
        self.read += len(events)
        for event, (base, position, timestamp) in zip(events, origins, strict=True):
            event.sub_index = base << _ORDINAL_BITS
            if position is not None and event.position is None:
                event.position = position
            if timestamp is not None and event.timestamp is None:
                event.timestamp = timestamp
        self.events += events


class March:
    """Events that have each stayed one event so far, and what became of the others.

    `events` holds the former by place; an event that becomes none, or several, or fails, leaves.
    """

    def __init__(self, batch: EventBatch) -> None:
        self._batch: EventBatch | None = batch
        self.events = list(batch.events())
        if isinstance(batch, HeldBatch) or batch.positions or batch.sub_indexes:
            self._origins = [(one.sub_index, one.position, one.timestamp) for one in self.events]
            self._batch = None
        else:
            self._origins = [(0, None, batch.timestamp)] * len(self.events)
        self.failure: RivvenError | None = None
        """What ends the march: nothing from its place on goes further."""
        self._gone: dict[int, Sequence[Leaf]] = {}

    def chosen(self, when: Predicate | None) -> Sequence[int]:
        """Return the places of the events that a step is for."""
        places: Sequence[int] = range(len(self.events))
        if self._gone:
            places = [place for place in places if place not in self._gone]
        if when is not None:
            places = [place for place in places if when.matches(self.events[place])]
        return places

    def leave(self, place: int, leaves: Sequence[Leaf]) -> None:
        """Note what an event has come to that is not one event any more."""
        self._gone[place] = leaves

    def break_off(self, place: int, failure: RivvenError) -> None:
        """End the march at a place; what is before it goes on."""
        del self.events[place:]
        self._gone = {one: leaves for one, leaves in self._gone.items() if one < place}
        self.failure = failure

    def originals(self, places: Sequence[int]) -> Originals:
        """Keep events as they are, so that a step may change them in place.

        Raises:
            TypeError: something in them is not JSON; likewise ValueError and RecursionError.
        """
        batch, self._batch = self._batch, None
        if batch is not None and len(places) == len(self.events):
            return Originals.of_batch(batch)  # no step has been at work yet
        return Originals.of_events([self.events[place] for place in places])

    def collect(self, into: Transformed) -> None:
        """Add what everything has come to, in order."""
        origins = self._origins
        start = 0
        for place, leaves in sorted(self._gone.items()):
            into.add_all(self.events[start:place], origins[start:place])
            into.add(leaves, origins[place])
            start = place + 1
        into.add_all(self.events[start:], origins[start : len(self.events)])
