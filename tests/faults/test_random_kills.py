"""M2: one run, killed at random moments until it is through."""

from __future__ import annotations

import dataclasses
import random
import subprocess
import time
from pathlib import Path

import pytest
from experiment import DEADLINE_S, Experiment, Numbers, SinkKind, wait_for
from figures import Record
from oracle import Level, lost, repeated, violations
from sink_kinds import (
    JSONL,
    POSTGRES_TRANSACTIONAL,
    POSTGRES_UPSERT,
    SQLITE_TRANSACTIONAL,
    SQLITE_UPSERT,
    address_for,
)
from sizes import size

SEED = 20_260
KILLS = size(100)
RECORDS = 400 * max(KILLS, 25)
"""Enough that every kill finds work left: a life reads a few hundred."""
STARTING_S = 0.3
"""About what a process takes until it reads."""


def killed_somewhere(run: Experiment, draw: random.Random) -> None:
    """Start, and kill: one time in five at any moment of starting, else some time into the work."""
    size_before = log_size(run)
    process = run.start()
    if draw.random() < 0.2:
        sleep_while_running(process, draw.uniform(0, STARTING_S))
    else:
        wait_for(lambda: log_size(run) > size_before + 200, process)
        sleep_while_running(process, draw.uniform(0, 0.03))
    process.kill()
    assert run.ended(process) == -9, f"the run ended after {run.crashes} of {KILLS} kills"


def log_size(run: Experiment) -> int:
    path = run.folder / "source.log"
    return path.stat().st_size if path.exists() else 0


def sleep_while_running(process: subprocess.Popen[str], seconds: float) -> None:
    """The moment is what is random here, so this waits for nothing but time."""
    assert seconds < DEADLINE_S
    time.sleep(seconds)
    assert process.poll() is None, "the run ended before its kill"


KINDS = tuple(
    dataclasses.replace(
        kind, block={**kind.block, "batch": {"max_records": 100, "max_wait_ms": 20}}
    )
    for kind in (
        JSONL,
        SQLITE_UPSERT,
        SQLITE_TRANSACTIONAL,
        POSTGRES_UPSERT,
        POSTGRES_TRANSACTIONAL,
    )
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.name))
def test_killed_at_random_again_and_again_a_run_gets_through(
    tmp_path: Path, kind: SinkKind, figures: Record
) -> None:
    draw = random.Random(f"{SEED}-{kind.name}")
    # A pause per page, so that a life is as long in records on a fast machine as on a slow one.
    source = Numbers(total=RECORDS // 2, page=20, poison_every=997, more={"delay_ms": 1})
    with address_for(kind, tmp_path / "run") as url:
        run = Experiment(tmp_path / "run", source, [kind], max_in_flight=100, url=url)
        assert run.run("after_commit=kill@1") == -9, "there is a state from the first kill on"
        while run.crashes < KILLS:
            killed_somewhere(run, draw)
        run.source.more["delay_ms"] = 0
        run.write()
        assert run.run() == 0, run.errors()
        assert run.is_through()
        evidence = run.evidence()
    assert violations(evidence) == []
    figures(
        "M2",
        kills=run.crashes,
        records=len(evidence.source),
        lost=len(lost(evidence)),
        duplicates_at_L2_and_L3=repeated(evidence, Level.L2, Level.L3),
        states_opened=len(run.snapshots) - 1,
    )
