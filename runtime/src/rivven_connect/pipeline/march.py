"""Many events on their way through a chain of transforms, side by side."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from rivven_connect._errors import RivvenError
from rivven_connect._events import SourceEvent
from rivven_connect.pipeline.dead_letters import DeadLetter
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
                self._add_event(one, (base << _ORDINAL_BITS) | ordinal, position, timestamp)
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

    def add_only(self, event: SourceEvent, origin: Origin) -> None:
        """Add the one event that a record has become; as `add`, for what is usual."""
        base, position, timestamp = origin
        self.read += 1
        self._add_event(event, base << _ORDINAL_BITS, position, timestamp)

    def _add_event(self, event: SourceEvent, ordinal: int, position: Any, timestamp: Any) -> None:
        event.sub_index = ordinal
        if event.position is None:
            event.position = position
        if event.timestamp is None:
            event.timestamp = timestamp
        self.events.append(event)


class March:
    """Events that have each stayed one event so far, and what became of the others.

    `events` holds the former by place; an event that becomes none, or several, or fails, leaves.
    """

    def __init__(self, events: Sequence[SourceEvent]) -> None:
        self.events = list(events)
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

    def collect(self, origins: Sequence[Origin], into: Transformed) -> None:
        """Add what everything has come to, in order."""
        gone = self._gone
        for place, event in enumerate(self.events):
            if place in gone:
                into.add(gone[place], origins[place])
            else:
                into.add_only(event, origins[place])
