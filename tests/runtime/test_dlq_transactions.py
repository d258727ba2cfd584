"""Replay into a transactional sink: each letter once, and the real source's checkpoint untouched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from dlq_kit import replay_now
from engine_kit import (
    QUICK,
    SIMPLE,
    letters,
    make_source,
    make_transactional,
    rows,
    run_plan,
    simple_plan,
)

from rivven_connect import _failpoints
from rivven_connect._batch import Batch, BatchConfig, Checkpoint
from rivven_connect._sink import WriteResult

BAD = {5, 6, 7, 8}
TEXT = SIMPLE.replace(
    "topics: [a]",
    "topics: [a], delivery: transactional, dead_letter: {path: dlq/z.jsonl, max_ratio: 1}",
)


class Crash(BaseException):
    """Ends everything, as a kill does."""


def keyed_sink(bad: set[int]) -> tuple[Any, Any, dict[str, Any]]:
    """Return a transactional sink with a checkpoint per pipeline, what it holds, and those."""

    def script(batch: Batch, _call: int) -> WriteResult | None:
        failed: Sequence[Any] = [one for one in batch.events if one.data["id"] in bad]
        result = WriteResult()
        for one in failed:
            result.add_failed_event(one, "no")
        return result if failed else None

    limits = BatchConfig(max_records=2, max_wait_ms=20)
    cls, vault = make_transactional(script, limits=limits)
    checkpoints: dict[str, Any] = {}

    class Keyed(cls):  # type: ignore[misc,valid-type]  # a class made at run time
        async def write_transaction(self, config: Any, batch: Batch) -> WriteResult:
            result: WriteResult = await super().write_transaction(config, batch)
            if not result.has_failures():
                checkpoints[batch.pipeline] = batch.checkpoint.state
            return result

        async def committed_checkpoint(
            self, config: Any, pipeline: str, sink: str
        ) -> Checkpoint | None:
            known = checkpoints.get(pipeline)
            return Checkpoint(known, {}) if known else None

    return Keyed, vault, checkpoints


@pytest.mark.parametrize("hit", [1, 2, 3])
@pytest.mark.parametrize("point", ["before_write", "after_write", "before_commit"])
def test_a_crashed_replay_writes_no_letter_twice(point: str, hit: int, tmp_path: Path) -> None:
    bad = set(BAD)
    source, log = make_source(rows(range(20)))
    sink, vault, checkpoints = keyed_sink(bad)
    plan = simple_plan(tmp_path, source, sink, TEXT + QUICK)
    run_plan(plan)
    assert {one["record"]["id"] for one in letters(tmp_path / "dlq" / "z.jsonl")} == BAD
    assert vault.ids() == sorted(set(range(20)) - BAD)
    real = dict(checkpoints)
    assert real.keys() == {"pipeline"}
    bad.clear()

    def crash(now: int) -> None:
        if now == hit:
            raise Crash

    crashed = False
    _failpoints.arm({point: crash})
    try:
        replay_now(plan)
    except Crash:
        crashed = True
    finally:
        _failpoints.arm({})
    assert crashed or hit > 1, "a later hit may not come: commits are gathered"
    assert replay_now(plan).is_complete
    assert vault.ids() == list(range(20)), "once each, also across a crash"
    assert checkpoints["pipeline"] == real["pipeline"]
    assert list((tmp_path / "dlq").iterdir()) == []
    run_plan(plan)
    assert vault.ids() == list(range(20))
    assert log.states[-1] == {"s": {"last": 19}}
