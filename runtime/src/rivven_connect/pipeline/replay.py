"""Puts dead letters through the real pipeline again, each from the place where it failed."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rivven_connect.pipeline.engine import run_pipeline
from rivven_connect.pipeline.observer import Observer
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.replay_choice import (
    Chosen,
    ReplayResult,
    admit,
    letter_errors,
    letter_files,
    stored_lines,
)
from rivven_connect.pipeline.replay_claim import Claim, claimed_path, sweep
from rivven_connect.pipeline.replay_plan import Place, Revision, place_of, replay_plan
from rivven_connect.pipeline.replay_source import last_line
from rivven_connect.pipeline.store import StateStore
from rivven_connect.pipeline.stored_letters import StoredLetter, read_lines

PREFIX: Final = "replay:"
"""What the names of a replay's sources begin with; no source of a pipeline file can."""


def plan_replay(plan: PipelinePlan, chosen: Chosen) -> ReplayResult:
    """Return what a replay would do, without doing it; nothing can fail again before it is tried."""
    found = ReplayResult()
    for path in letter_files(plan.loaded):
        for line in stored_lines(path):
            admit(plan, line, chosen, found, dry_run=True)
    return found


async def replay(
    plan: PipelinePlan,
    chosen: Chosen,
    *,
    store: StateStore,
    observer: Observer | None = None,
    stop: asyncio.Event | None = None,
) -> ReplayResult:
    """Replay the chosen letters; what an earlier replay has left is finished first.

    No letter is gone before the pipeline has committed it. After an error or a crash, the next
    replay goes on; what was delivered and not yet committed then comes twice (L1).

    Raises:
        RivvenError: what ended the pipeline.
    """
    stopped = stop or asyncio.Event()
    job = _Replay(plan, store, observer, stopped)
    await job.run(chosen)
    return job.result


class _Replay:
    def __init__(
        self, plan: PipelinePlan, store: StateStore, observer: Observer | None, stop: asyncio.Event
    ) -> None:
        self._plan = plan
        self._store = store
        self._observer = observer
        self._stop = stop
        self._failed: set[str] = set()
        self.result = ReplayResult()

    async def run(self, chosen: Chosen) -> None:
        files = list(letter_files(self._plan.loaded))
        for path in files:
            with letter_errors(path):
                sweep(path)
                left = Claim.left(path)
                if left is not None:
                    await self._work(left)
        for path in files:
            if self.result.interrupted:
                return
            with letter_errors(path):
                claim = self._claim(path, chosen)
                if claim is not None:
                    await self._work(claim)
        if not any(claimed_path(path).exists() for path in files):
            self._store.forget(PREFIX)

    def _claim(self, path: Path, chosen: Chosen) -> Claim | None:
        """Claim a file if there is a letter in it to replay."""
        replayable = False
        skipped = []
        for line in read_lines(path):
            # What this very call has seen fail is not tried once more.
            again = line.letter is not None and line.letter.name in self._failed
            if again or not admit(self._plan, line, chosen, self.result, dry_run=False):
                skipped.append(line.number)
            else:
                replayable = True
        return Claim.take(path, skipped) if replayable else None

    async def _work(self, claim: Claim) -> None:
        """Replay what is claimed, place by place, and let the claim go."""
        groups: dict[tuple[str, str], _Group] = {}
        seen: set[tuple[str, str, str]] = set()
        kept = []
        for line in claim.lines():
            place = None if line.letter is None else place_of(self._plan, line.letter)
            if line.letter is None or not isinstance(place, Place):
                kept.append(line.number)
            else:
                key = (line.letter.path, line.letter.source)
                # A crash before the commit writes a letter again; its position tells that it is one.
                repeats = line.letter.position is not None and (*key, line.letter.name) in seen
                seen.add((*key, line.letter.name))
                if repeats:
                    continue
                groups.setdefault(key, _Group(claim, *key, place)).numbers.append(line.number)
        for group in groups.values():
            await self._replay(group)
            if self.result.interrupted:
                return
        claim.finish(kept)

    async def _replay(self, group: _Group) -> None:
        name = f"{PREFIX}{group.claim.id}:{group.path}:{group.source}"
        before = last_line(self._store.load(name))
        if before >= group.numbers[-1]:
            return
        revision = Revision(self._plan.name, group.source, name, group.letters)
        part = replay_plan(self._plan, group.place, name, group.letters, revision)
        await run_pipeline(part, store=self._store, observer=self._observer, stop=self._stop)
        after = last_line(self._store.load(name))
        done = sum(before < number <= after for number in group.numbers)
        failed = min(done, len(revision.failed))
        counts = self.result.at(group.path)
        counts.replayed += done - failed
        counts.failed_again += failed
        self._failed |= revision.names
        self.result.interrupted = after < group.numbers[-1]


@dataclasses.dataclass
class _Group:
    """The claimed letters of one place and one source; they go through the pipeline together."""

    claim: Claim
    path: str
    source: str
    place: Place
    numbers: list[int] = dataclasses.field(default_factory=list)

    def letters(self) -> Iterator[tuple[int, StoredLetter]]:
        """Yield line number and letter, in the order of the file."""
        wanted = frozenset(self.numbers)
        for line in self.claim.lines():
            if line.letter is not None and line.number in wanted:
                yield line.number, line.letter
