"""The oracle sees each planted violation, and nothing in a run that kept its promises."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from oracle import Counts, Evidence, Key, Level, Measured, Snapshot, Sunk, violations


def keys(*numbers: int, stream: str = "a") -> list[Key]:
    return [(stream, number) for number in numbers]


def sunk(keys: Sequence[Key], level: Level = Level.L1, letters: Sequence[Key] = ()) -> Sunk:
    return Sunk(keys=keys, level=level, dead_letters=letters)


GOOD = Evidence(
    source=frozenset(keys(*range(10))),
    sinks={"z": sunk(keys(0, 1, 2, 3, 2, 3, 6, 7), letters=keys(8))},
    dead_letters=keys(4),
    filtered=frozenset(keys(5)),
    dropped=frozenset(keys(9)),
    crashes=1,
    window=2,
    snapshots=[
        Snapshot(
            checkpoint={"a": 2},
            durable=frozenset(keys(0, 1, 2, 3)),
            read={"a": 4},
            acknowledged={"a": 1},
        ),
        Snapshot(
            checkpoint={"a": 10},
            durable=frozenset(keys(0, 1, 2, 3, 4, 6, 7, 8)),
            read={"a": 10},
            acknowledged={"a": 10},
        ),
    ],
    counts=[
        Counts(name="a", read=10, written=7, filtered=1, dead_letters=1, dropped=1, really_read=10)
    ],
    memory=[Measured(what="growth", value=1, limit=1)],
    stops=[Measured(what="drain", value=1, limit=1)],
)


def replaced(**changes: Any) -> Evidence:
    return dataclasses.replace(GOOD, **changes)


def sinks(*numbers: int, level: Level = Level.L1) -> dict[str, Sunk]:
    return {"z": sunk(keys(*numbers), level, letters=keys(8))}


def snapshots(last: bool = False, **changes: Any) -> list[Snapshot]:
    """Return the good snapshots, the first or last one changed."""
    first, second = GOOD.snapshots
    if last:
        return [first, dataclasses.replace(second, **changes)]
    return [dataclasses.replace(first, **changes), second]


def test_a_run_that_kept_its_promises_has_no_violation() -> None:
    assert violations(GOOD) == []


PLANTED = {
    "I1 lost": (replaced(sinks=sinks(0, 1, 3, 6, 7)), "I1: lost on the way to z: 1: a-2"),
    "I1 one lost and one twice: counts agree": (
        replaced(sinks=sinks(0, 1, 3, 3, 6, 7)),
        "I1: lost on the way to z: 1: a-2",
    ),
    "I1 lost in one of two sinks": (
        replaced(sinks={**GOOD.sinks, "y": sunk(keys(0, 1, 2, 3, 6, 7))}),
        "I1: lost on the way to y: 1: a-8",
    ),
    "I1 lost poison": (replaced(dead_letters=[]), "I1: lost on the way to z: 1: a-4"),
    "I1 from nowhere": (
        replaced(sinks=sinks(0, 1, 2, 3, 6, 7, 11)),
        "I1: in z and not from the source: 1: a-11",
    ),
    "I1 filtered and delivered": (
        replaced(sinks=sinks(0, 1, 2, 3, 5, 6, 7)),
        "I1: came to two ends on the way to z: 1: a-5",
    ),
    "I2 a record without an end": (
        replaced(counts=[Counts(name="a", read=10, written=9)]),
        "I2: a read 10 and speaks of 9",
    ),
    "I2 a read that is not counted": (
        replaced(counts=[Counts(name="a", read=9, written=9, really_read=10)]),
        "I2: a read 10 and speaks of 9",
    ),
    "I3 checkpoint ahead of the sink": (
        replaced(snapshots=snapshots(checkpoint={"a": 5})),
        "I3: end 0: behind the checkpoint, not durable: 1: a-4",
    ),
    "I3 in the sink, never read": (
        replaced(snapshots=snapshots(read={"a": 3})),
        "I3: end 0: durable and never read: 1: a-3",
    ),
    "I3 acknowledged ahead of the checkpoint": (
        replaced(snapshots=snapshots(acknowledged={"a": 3})),
        "I3: end 0: a acknowledged up to 3, checkpoint 2",
    ),
    "I4 more than a window": (
        replaced(window=1),
        "I4: z: 2 repeated, at most 1 may be: 2: a-2, a-3",
    ),
    "I4 repeated without a crash": (
        replaced(crashes=0),
        "I4: z: 2 repeated, at most 0 may be: 2: a-2, a-3",
    ),
    "I4 a duplicate at L2": (
        replaced(sinks=sinks(0, 1, 2, 3, 3, 6, 7, level=Level.L2)),
        "I4: z: 1 repeated, at most 0 may be: 1: a-3",
    ),
    "I4 a duplicate at L3": (
        replaced(sinks=sinks(0, 1, 2, 3, 3, 6, 7, level=Level.L3)),
        "I4: z: 1 repeated, at most 0 may be: 1: a-3",
    ),
    "I4 dead letters repeated without bound": (
        replaced(dead_letters=keys(4, 4, 4)),
        "I4: dead letters of the source: more often than the run began: 1: a-4",
    ),
    "I4 dead letters of a sink repeated": (
        replaced(sinks={"z": sunk(keys(0, 1, 2, 3, 6, 7), letters=keys(8, 8))}, window=0),
        "I4: dead letters of z: 1 repeated, at most 0 may be: 1: a-8",
    ),
    "I4 one key again and again": (
        replaced(sinks=sinks(0, 1, 2, 3, 3, 3, 6, 7)),
        "I4: z: more often than the run began: 1: a-3",
    ),
    "I5 back": (
        replaced(snapshots=snapshots(last=True, checkpoint={"a": 1})),
        "I5: end 1: a went from 2 to 1",
    ),
    "I5 emptied": (
        replaced(snapshots=snapshots(last=True, checkpoint={})),
        "I5: end 1: the checkpoint of a at 2 is gone",
    ),
    "I6 a new record behind a newer one": (
        replaced(sinks=sinks(0, 1, 3, 2, 6, 7)),
        "I6: z: came after newer ones: 1: a-2",
    ),
    "I6 back more often than it crashed": (
        replaced(sinks=sinks(0, 1, 0, 1, 2, 3, 2, 6, 7), window=9),
        "I6: z: a went back 2 times in 1 crashes",
    ),
    "I7": (
        replaced(memory=[Measured(what="growth", value=2, limit=1)]),
        "I7: growth: 2, at most 1",
    ),
    "I8": (
        replaced(stops=[Measured(what="drain", value=2, limit=1)]),
        "I8: drain: 2, at most 1",
    ),
}


@pytest.mark.parametrize(("evidence", "expected"), PLANTED.values(), ids=list(PLANTED))
def test_a_planted_violation_is_found(evidence: Evidence, expected: str) -> None:
    assert expected in violations(evidence)


def test_partitions_have_an_order_of_their_own() -> None:
    both = keys(3, 4) + keys(0, 1, stream="b")
    mixed = Evidence(
        source=frozenset(both), sinks={"z": sunk([both[0], both[2], both[1], both[3]])}
    )
    assert violations(mixed) == []


def test_many_keys_are_cut_to_the_first_ten() -> None:
    lost = Evidence(source=frozenset(keys(*range(30))), sinks={"z": sunk([])})
    (found,) = violations(lost)
    assert found.endswith(": 30: " + ", ".join(f"a-{number}" for number in range(10)))
