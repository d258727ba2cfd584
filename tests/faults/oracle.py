"""The one place that says whether a run kept its promises: invariants I1 to I8.

It compares keys, never counts: a count does not see one record lost and another delivered twice.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

Key = tuple[str, int]
"""A partition (of these tests: a stream) and the number of the record in it."""

Positions = Mapping[str, int]
"""Partition -> number of the first record that is not yet behind it."""

_SHOWN = 10


class Level(enum.Enum):
    """The guarantee of a path."""

    L1 = "at-least-once"
    L2 = "effectively-once"
    L3 = "exactly-once in sink"


@dataclass(frozen=True, kw_only=True)
class Sunk:
    """What one sink holds at the end, in its own order, and its share of the dead letters."""

    keys: Sequence[Key]
    level: Level = Level.L1
    dead_letters: Sequence[Key] = ()
    ordered: bool = True
    """Whether it promises an order among records of different keys."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was on disk after one end of the process; None is what this source does not log."""

    checkpoint: Positions
    """From the state store."""
    durable: AbstractSet[Key]
    """In every required sink, or a dead letter."""
    read: Positions | None = None
    acknowledged: Positions | None = None


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What the run says of one connector."""

    name: str
    read: int
    written: int
    filtered: int = 0
    dead_letters: int = 0
    dropped: int = 0
    in_flight: int = 0
    """Records that came to no end; 0 after a run that ended."""
    really_read: int | None = None
    """What the source itself says it yielded."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A figure that must stay below a limit."""

    what: str
    value: float
    limit: float


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known after an experiment; what is left out is not checked."""

    source: AbstractSet[Key]
    sinks: Mapping[str, Sunk]
    dead_letters: Sequence[Key] = ()
    """Of the source; those of a sink are with the sink."""
    filtered: AbstractSet[Key] = frozenset()
    dropped: AbstractSet[Key] = frozenset()
    crashes: int = 0
    window: int = 0
    """The most that may come twice per crash at L1: `max_in_flight` and one resume interval."""
    snapshots: Sequence[Snapshot] = ()
    counts: Sequence[Counts] = ()
    memory: Sequence[Measured] = field(default=())
    stops: Sequence[Measured] = field(default=())


def violations(evidence: Evidence) -> list[str]:
    """Return what does not hold, each with the first keys that show it; empty if all is well."""
    return [
        *_everything_has_one_end(evidence),
        *_counts_add_up(evidence),
        *_nothing_is_ahead(evidence),
        *_duplicates_are_bounded(evidence),
        *_checkpoints_only_move_on(evidence),
        *_order_is_kept(evidence),
        *_below_limits("I7", evidence.memory),
        *_below_limits("I8", evidence.stops),
    ]


def lost(evidence: Evidence) -> set[Key]:
    """Return the records that some sink neither holds nor has accounted for."""
    found: set[Key] = set()
    for sink in evidence.sinks.values():
        ends = {*sink.keys, *sink.dead_letters, *evidence.dead_letters}
        found |= evidence.source - ends - evidence.filtered - evidence.dropped
    return found


def repeated(evidence: Evidence, *levels: Level) -> int:
    """Return how many records the sinks of these levels hold more often than once."""
    kept = [one.keys for one in evidence.sinks.values() if one.level in levels]
    return sum(len(keys) - len(set(keys)) for keys in kept)


def _everything_has_one_end(evidence: Evidence) -> Iterator[str]:
    """I1: source = sink + dead letters + filtered + dropped, by key."""
    for name, sink in evidence.sinks.items():
        ends = {
            "sink": set(sink.keys),
            "dead letters": {*evidence.dead_letters, *sink.dead_letters},
            "filtered": set(evidence.filtered),
            "dropped": set(evidence.dropped),
        }
        known = set().union(*ends.values())
        yield from _shown(f"I1: lost on the way to {name}", evidence.source - known)
        yield from _shown(f"I1: in {name} and not from the source", known - evidence.source)
        times = Counter(key for end in ends.values() for key in end)
        twice = {key for key, count in times.items() if count > 1}
        yield from _shown(f"I1: came to two ends on the way to {name}", twice)


def _counts_add_up(evidence: Evidence) -> Iterator[str]:
    """I2: read = written + filtered + dead letters + dropped + in flight."""
    for one in evidence.counts:
        ends = one.written + one.filtered + one.dead_letters + one.dropped + one.in_flight
        if one.read != ends:
            yield f"I2: {one.name} read {one.read} and speaks of {ends}"
        if one.really_read is not None and one.read != one.really_read:
            yield f"I2: {one.name} read {one.really_read} and speaks of {one.read}"


def _nothing_is_ahead(evidence: Evidence) -> Iterator[str]:
    """I3: acknowledged <= checkpoint <= durable <= read."""
    for number, one in enumerate(evidence.snapshots):
        settled = one.durable | evidence.filtered | evidence.dropped
        passed = {key for key in evidence.source if key[1] < one.checkpoint.get(key[0], 0)}
        yield from _shown(f"I3: end {number}: behind the checkpoint, not durable", passed - settled)
        if one.read is not None:
            unread = {key for key in one.durable if key[1] >= one.read.get(key[0], 0)}
            yield from _shown(f"I3: end {number}: durable and never read", unread)
        for stream, acknowledged in (one.acknowledged or {}).items():
            known = one.checkpoint.get(stream, 0)
            if acknowledged > known:
                yield (
                    f"I3: end {number}: {stream} acknowledged up to {acknowledged}, "
                    f"checkpoint {known}"
                )


def _duplicates_are_bounded(evidence: Evidence) -> Iterator[str]:
    """I4: none at L2 and L3; at L1 a window per crash, and each key once per crash.

    A file of dead letters is L1 by itself, whatever the sink is.
    """
    bound = evidence.window * evidence.crashes
    held = [("dead letters of the source", evidence.dead_letters, bound)]
    for name, sink in evidence.sinks.items():
        held.append((name, sink.keys, bound if sink.level is Level.L1 else 0))
        held.append((f"dead letters of {name}", sink.dead_letters, bound))
    for name, keys, most in held:
        times = Counter(keys)
        again = {key for key, count in times.items() if count > 1}
        extra = len(keys) - len(times)
        if extra > most:
            yield from _shown(f"I4: {name}: {extra} repeated, at most {most} may be", again)
        often = {key for key in again if times[key] > 1 + evidence.crashes}
        yield from _shown(f"I4: {name}: more often than the run began", often)


def _checkpoints_only_move_on(evidence: Evidence) -> Iterator[str]:
    """I5: between runs, no checkpoint goes back or away."""
    known: dict[str, int] = {}
    for number, one in enumerate(evidence.snapshots):
        for stream, place in known.items():
            if stream not in one.checkpoint:
                yield f"I5: end {number}: the checkpoint of {stream} at {place} is gone"
            elif one.checkpoint[stream] < place:
                yield f"I5: end {number}: {stream} went from {place} to {one.checkpoint[stream]}"
        known.update(one.checkpoint)


def _order_is_kept(evidence: Evidence) -> Iterator[str]:
    """I6: in each partition new records come in order; only a crash may go back to older ones."""
    ordered = {name: sink for name, sink in evidence.sinks.items() if sink.ordered}
    for name, sink in ordered.items():
        seen: set[Key] = set()
        newest: dict[str, int] = {}
        last: dict[str, int] = {}
        back: Counter[str] = Counter()
        late: list[Key] = []
        for key in sink.keys:
            stream, number = key
            if key not in seen and number < newest.get(stream, -1):
                late.append(key)
            if number <= last.get(stream, -1):
                back[stream] += 1
            seen.add(key)
            newest[stream] = max(number, newest.get(stream, -1))
            last[stream] = number
        yield from _shown(f"I6: {name}: came after newer ones", late)
        for stream, times in back.items():
            if times > evidence.crashes:
                yield f"I6: {name}: {stream} went back {times} times in {evidence.crashes} crashes"


def _below_limits(invariant: str, measured: Iterable[Measured]) -> Iterator[str]:
    """I7 and I8: memory and stopping time have a bound."""
    for one in measured:
        if one.value > one.limit:
            yield f"{invariant}: {one.what}: {one.value:g}, at most {one.limit:g}"


def _shown(what: str, keys: Iterable[Key]) -> Iterator[str]:
    ordered = sorted(keys)
    if ordered:
        first = ", ".join(f"{stream}-{number}" for stream, number in ordered[:_SHOWN])
        yield f"{what}: {len(ordered)}: {first}"
