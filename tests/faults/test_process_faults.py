"""Rows of the failure table that need a process of their own: F9, F14, F18, F33, F34, F36."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from experiment import Experiment, Numbers
from oracle import Level, repeated
from sink_kinds import HTTP, JSONL, PACED, receiver_of, with_config
from sizes import size

SLOW_MS = 4
"""Per record; the other sink takes a tenth of it, or less."""


def test_f9_what_was_written_and_never_confirmed_is_written_again(tmp_path: Path) -> None:
    """The receiver stores every third request and then resets the connection."""
    with receiver_of(tmp_path / "run", reset_every=3) as url:
        run = Experiment(tmp_path / "run", Numbers(), [HTTP], url=url)
        assert run.run() == 0, run.errors()
        again = repeated(run.evidence(), Level.L1)
        run.crashes = len(run.keys("http"))  # what an unknown outcome repeats is no crash
        assert run.verdict() == []
    assert again > 0, "the resets must have made somebody write again"
    assert sum(one["retries"] for one in run.summary()["sinks"]) > 0


@pytest.mark.parametrize("waits", ["before_write", "after_flush"])
def test_f14_what_is_refused_to_the_end_pins_the_checkpoint(tmp_path: Path, waits: str) -> None:
    """From the third write on the sink is away; when the retries are used up the run stops."""
    run = Experiment(tmp_path / "run", Numbers(total=30), [JSONL])
    assert run.run(f"{waits}=error:connection@3+") == 3, run.errors()
    pinned = run.checkpoint()
    assert run.run(f"{waits}=error:connection@1+") == 3, run.errors()
    assert run.checkpoint() == pinned, "what could not be written must not be passed"
    run.crashes = 8  # each refused attempt may have reached the file
    assert run.run() == 0, run.errors()
    assert run.verdict() == []


@pytest.mark.parametrize("point", ["before_write", "after_flush", "inside_commit"])
def test_f18_a_full_disk_keeps_the_last_checkpoint_until_there_is_room(
    tmp_path: Path, point: str
) -> None:
    run = Experiment(tmp_path / "run", Numbers(total=30), [JSONL])
    assert run.run(f"{point}=oserror:ENOSPC@3+") == 4, run.errors()
    run.crashes = 1  # the file may hold what the checkpoint has not passed
    assert run.run() == 0, run.errors()
    assert run.verdict() == []


@pytest.mark.parametrize("point", ["after_write", "after_flush", "before_commit", "after_commit"])
def test_f33_in_a_fan_out_the_checkpoint_waits_for_the_slowest_sink(
    tmp_path: Path, point: str
) -> None:
    """The oracle compares the checkpoint with what is in both sinks, after the kill and at the end."""
    slow = with_config(PACED, {"delay_ms": SLOW_MS})
    run = Experiment(tmp_path / "run", Numbers(total=30), [JSONL, slow], max_in_flight=20)
    assert run.run(f"{point}=kill@3") == -9
    run.sinks = [JSONL, PACED]
    run.write()
    assert run.run() == 0, run.errors()
    assert run.verdict() == []


@dataclasses.dataclass
class Tied(Numbers):
    """Records with equal cursors, from a source of the usual form."""

    streams: int = 1

    def block(self) -> dict[str, Any]:
        return {"connector": "./tied", "config": {"total": self.total, "page": self.page}}


def test_f34_killed_at_each_flush_records_of_one_time_are_all_delivered(tmp_path: Path) -> None:
    """Each life commits one flush and is killed in the next, so each resume point is used once."""
    lives = size(100)
    run = Experiment(tmp_path / "run", Tied(total=10 * lives, page=10), [JSONL])
    for _ in range(lives - 1):
        assert run.run("after_flush=kill@2") == -9
    assert run.run() == 0, run.errors()
    assert run.verdict() == []
    assert run.run() == 0, run.errors()
    assert run.verdict() == [], "a run that finds nothing new delivers nothing"


def test_f36_a_page_larger_than_the_burst_passes_the_rate_limit(tmp_path: Path) -> None:
    source = Limited(total=50, page=50)
    run = Experiment(tmp_path / "run", source, [JSONL], max_in_flight=1000)
    assert run.run() == 0, run.errors()
    assert run.verdict() == []


class Limited(Numbers):
    """A page holds ten times what may pass at once."""

    def block(self) -> dict[str, Any]:
        return {**super().block(), "rate_limit": {"events_per_second": 500, "burst": 5}}
