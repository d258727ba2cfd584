"""M1: SIGKILL at every step of a flush, for every sink; F1 to F5."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest
from experiment import Experiment, Numbers, SinkKind
from figures import Record
from oracle import Level, lost, repeated, violations
from sink_kinds import HTTP_AT_ONCE, MATRIX, address_for
from sizes import FULL

from rivven_connect._failpoints import POINTS

HITS = (1, 2, 4)
Case = tuple[SinkKind, str, int]


def cases() -> list[Case]:
    """Return the whole matrix, or a part that has every step twice and every sink and hit."""
    if FULL:
        return list(itertools.product(MATRIX, POINTS, HITS))
    return [
        (MATRIX[(place + half) % len(MATRIX)], point, HITS[(place + 2 * half) % len(HITS)])
        for place, point in enumerate(POINTS)
        for half in (0, 1)
    ]


def source(**more: Any) -> Numbers:
    """Return one whose every step has something to do: filtered records, dead letters of both."""
    return Numbers(total=30, poison_every=7, filters=True, picky_every=11, more=more)


def case_id(case: Case) -> str:
    return f"{case[0].name}-{case[1]}-{case[2]}"


@pytest.mark.parametrize("case", cases(), ids=case_id)
def test_f1_f2_f3_f4_killed_at_any_step_nothing_is_lost(
    tmp_path: Path, case: Case, figures: Record
) -> None:
    kind, point, hit = case
    with address_for(kind, tmp_path / "run") as url:
        run = Experiment(tmp_path / "run", source(), [kind], url=url)
        assert run.run(f"{point}=kill@{hit}") == -9, f"{point} was hit less than {hit} times"
        assert run.run() == 0, run.errors()
        assert run.is_through()
        evidence = run.evidence()
    assert violations(evidence) == []
    figures(
        "M1",
        kills=run.crashes,
        lost=len(lost(evidence)),
        duplicates_at_L2_and_L3=repeated(evidence, Level.L2, Level.L3),
        most_duplicates_after_a_crash_at_L1=repeated(evidence, Level.L1),
        most_allowed=evidence.window,
        states_opened=len(run.snapshots) - 1,
    )


@pytest.mark.parametrize("point", ["before_write", "after_write", "after_flush", "after_commit"])
def test_f2_f3_killed_with_requests_at_once_nothing_is_lost(tmp_path: Path, point: str) -> None:
    """Which of the requests had arrived, nobody knows; all are sent again."""
    with address_for(HTTP_AT_ONCE, tmp_path / "run") as url:
        run = Experiment(tmp_path / "run", source(), [HTTP_AT_ONCE], url=url)
        assert run.run(f"{point}=kill@2") == -9
        assert run.run() == 0, run.errors()
        assert run.is_through()
        assert run.verdict() == []


@pytest.mark.parametrize("late", [False, True], ids=["prompt", "late"])
@pytest.mark.parametrize("kind", MATRIX, ids=lambda kind: str(kind.name))
def test_f5_a_source_that_offers_again_what_it_was_not_thanked_for(
    tmp_path: Path, kind: SinkKind, late: bool
) -> None:
    """Killed between commit and acknowledgement, it offers committed records again.

    Whatever the checkpoint says, so a sink that only appends cannot know them: one with a key can.
    """
    if kind.level is Level.L3 and late:
        kind = dataclasses.replace(kind, block={**kind.block, "mode": "upsert"})
    with address_for(kind, tmp_path / "run") as url:
        run = Experiment(tmp_path / "run", source(acks="acks.json", late=late), [kind], url=url)
        assert run.run("after_commit=kill@3") == -9
        assert run.run() == 0, run.errors()
        assert run.verdict() == []
