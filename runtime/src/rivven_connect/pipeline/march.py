"""Many events on their way through a chain of transforms, side by side."""

from __future__ import annotations

import bisect
import enum
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import msgspec.structs

from rivven_connect._batch import EventBatch
from rivven_connect._errors import RivvenError
from rivven_connect._events import SourceEvent
from rivven_connect.pipeline.blocks import HeldBatch, with_records
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


class Transformed(msgspec.Struct):
    """What became of some events."""

    events: list[SourceEvent] = msgspec.field(default_factory=list)
    letters: list[DeadLetter] = msgspec.field(default_factory=list)
    filtered: int = 0
    dropped: int = 0
    read: int = 0
    """How many records have come to an end."""
    whole: EventBatch | None = None
    """The events again, as one batch, where these are all and nothing but their records differs."""

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
                    msgspec.structs.replace(
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

    def add_whole(self, batch: EventBatch, events: list[SourceEvent], records: list[Any]) -> None:
        """Add all events of a batch, of which still nothing differs but their records."""
        self.read += len(events)
        self.events += events
        self.whole = with_records(batch, records)


class March:
    """What some records have come to so far, side by side, so that each step takes all of them.

    `leaves` are in the records' order; a step sees them as it would see one record after the other.
    """

    def __init__(self, batch: EventBatch) -> None:
        self._batch = batch
        events = list(batch.events())
        if isinstance(batch, HeldBatch) or batch.positions or batch.sub_indexes or batch.timestamps:
            self._origins = [(one.sub_index, one.position, one.timestamp) for one in events]
            self._is_fresh = self._is_uniform = False
        else:
            self._origins = [(0, None, batch.timestamp)] * len(events)
            self._is_fresh = True
            self._is_uniform = not (batch.event_types or batch.metadata)
        self.leaves: list[Any] = [*events]
        self.failure: RivvenError | None = None
        """What ends the march: nothing from its record on goes further."""
        self._owners: Sequence[int] = range(len(events))
        self._others: dict[int, Sequence[Leaf]] = {}

    @property
    def _are_single(self) -> bool:
        """Whether each record has stayed one event, which is the usual thing."""
        return isinstance(self._owners, range)

    def chosen(self, when: Predicate | None) -> tuple[Sequence[int], list[SourceEvent]]:
        """Return the places of the events that a step is for, and the events."""
        if when is None and self._are_single:
            return range(len(self.leaves)), [*self.leaves]
        found = [
            (place, one)
            for place, one in enumerate(self.leaves)
            if isinstance(one, SourceEvent) and (when is None or when.matches(one))
        ]
        return [place for place, _ in found], [one for _, one in found]

    def originals(self, events: list[SourceEvent]) -> Originals:
        """Keep chosen events as they are, so that a step may change them in place.

        Raises:
            TypeError: something in them is not JSON; likewise ValueError and RecursionError.
        """
        is_fresh, self._is_fresh = self._is_fresh, False
        if is_fresh and len(events) == len(self.leaves):
            return Originals.of_batch(self._batch)  # no step has been at work yet
        return Originals.of_events(events)

    def exchange(self, place: int, event: SourceEvent) -> None:
        """Note the event that has taken the place of one."""
        self.leaves[place] = event
        self._is_uniform = False

    def replace(self, place: int, leaves: Sequence[Leaf]) -> None:
        """Note what one event has come to that is not one event."""
        self._others[place] = leaves

    def break_off(self, place: int, failure: RivvenError) -> None:
        """End the march at the record of a place; what is before it goes on."""
        self.failure = failure
        record = self._owners[place]
        end = bisect.bisect_left(self._owners, record)
        del self.leaves[end:], self._origins[record:]
        self._owners = self._owners[:end]
        self._others = {one: leaves for one, leaves in self._others.items() if one < end}

    def close_ranks(self) -> None:
        """Put what was noted in a step in its place."""
        if not self._others:
            return
        owners: list[int] = []
        leaves: list[Leaf] = []
        for place, (one, owner) in enumerate(zip(self.leaves, self._owners, strict=True)):
            found = self._others.get(place, (one,))
            leaves += found
            owners += [owner] * len(found)
        self.leaves, self._owners, self._others = leaves, owners, {}

    def _plain_records(self) -> list[Any]:
        """Return the records of the events that are still what the batch says of all of them."""
        usual = self._batch.event_at(0)
        stream, namespace, kind = usual.stream, usual.namespace, usual.event_type
        timestamp, metadata = usual.timestamp, usual.metadata
        position, sub_index = usual.position, usual.sub_index
        # One comparison of identities each: this is done for every record that was transformed.
        return [
            one.data
            for one in self.leaves
            if one.stream is stream
            and one.namespace is namespace
            and one.event_type is kind
            and one.timestamp is timestamp
            and one.metadata is metadata
            and one.position is position
            and one.sub_index is sub_index
        ]

    def collect(self, into: Transformed) -> None:
        """Add what every record has come to, in order."""
        if self._are_single:
            records = self._plain_records() if self._is_uniform else []
            if records and len(records) == len(self.leaves):
                into.add_whole(self._batch, self.leaves, records)
            else:
                into.add_all(self.leaves, self._origins)
            return
        usual: list[SourceEvent] = []
        start = place = 0
        counts = Counter(self._owners)
        for record, origin in enumerate(self._origins):
            own = self.leaves[place : place + counts[record]]
            place += len(own)
            if len(own) == 1 and isinstance(own[0], SourceEvent):
                usual.append(own[0])
                continue
            into.add_all(usual, self._origins[start:record])
            into.add(own, origin)
            usual, start = [], record + 1
        into.add_all(usual, self._origins[start:])
