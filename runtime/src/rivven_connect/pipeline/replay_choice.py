"""Which dead letters a pipeline has, which of them are replayed, and what became of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rivven_connect._errors import InputError
from rivven_connect._problems import Problem
from rivven_connect.pipeline.failures import stop_error
from rivven_connect.pipeline.loading import LoadedPipeline
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.replay_claim import Claim
from rivven_connect.pipeline.replay_plan import place_of
from rivven_connect.pipeline.stored_letters import Line, StoredLetter, read_lines


class Replayed(msgspec.Struct):
    """What became of the letters of one place, or will with `dry_run`."""

    path: str
    replayed: int = 0
    failed_again: int = 0
    kept: int = 0
    reason: str = ""
    """Why letters were kept."""


class ReplayResult(msgspec.Struct):
    """What a replay did."""

    places: dict[str, Replayed] = msgspec.field(default_factory=dict)
    problems: list[Problem] = msgspec.field(default_factory=list)
    interrupted: bool = False
    """Whether it was stopped; the next replay goes on."""

    def at(self, path: str) -> Replayed:
        """Return the counts of one place."""
        return self.places.setdefault(path, Replayed(path))

    @property
    def is_complete(self) -> bool:
        """Whether every chosen letter has been delivered."""
        return not self.interrupted and not any(
            one.failed_again or one.kept for one in self.places.values()
        )


class Chosen(msgspec.Struct, frozen=True):
    """Which letters: all, or those of some owners, or those of some ids."""

    owners: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()

    def has(self, letter: StoredLetter) -> bool:
        """Whether the letter is among them."""
        if self.owners and letter.owner not in self.owners:
            return False
        return not self.ids or letter.name in self.ids


def letter_files(loaded: LoadedPipeline) -> dict[Path, list[str]]:
    """Return the dead-letter files of a pipeline, each with the sources and sinks that write it."""
    base = loaded.path.resolve().parent
    found: dict[Path, list[str]] = {}
    blocks = [(f"sources/{name}", one) for name, one in loaded.file.sources.items()]
    sinks = [(f"sinks/{name}", one) for name, one in loaded.file.sinks.items()]
    for owner, block in [*blocks, *sinks]:
        if block.dead_letter is not None:
            found.setdefault(base / block.dead_letter.path, []).append(owner)
    return found


def stored_lines(path: Path) -> Iterator[Line]:
    """Yield what a dead-letter file holds, also what an unfinished replay has taken of it.

    Raises:
        PipelineError: the file cannot be read.
    """
    with letter_errors(path):
        claim = Claim.left(path)
        if claim is not None:
            yield from claim.lines()
            yield from claim.skipped_lines()
        yield from read_lines(path)


def check_chosen(loaded: LoadedPipeline, chosen: Chosen) -> None:
    """Refuse owners without dead letters, and ids that no letter has.

    Raises:
        InputError: RVN740 and RVN741.
    """
    if not (chosen.owners or chosen.ids):
        return
    files = letter_files(loaded)
    owners = {owner for names in files.values() for owner in names}
    stored: set[str] = set()
    names: set[str] = set()
    for path in files:
        for line in stored_lines(path):
            if line.letter is not None:
                stored.add(line.letter.owner)
                if chosen.ids and chosen.has(line.letter):
                    names.add(line.letter.name)
    problems = []
    for owner in sorted(chosen.owners - owners - stored):
        hint = f"choose one of {', '.join(sorted(owners))}" if owners else "none has one"
        message = (
            f"{owner!r} has no dead letters: it is no source or sink with a `dead_letter` block"
        )
        problems.append(Problem(code="RVN740", message=message, hint=hint, path=loaded.path))
    for missing in sorted(chosen.ids - names):
        hint = f"rivven-connect dlq show {loaded.path} lists them"
        message = f"no dead letter has the id {missing!r}"
        problems.append(Problem(code="RVN741", message=message, hint=hint, path=loaded.path))
    if problems:
        raise InputError(problems)


def admit(
    plan: PipelinePlan, line: Line, chosen: Chosen, result: ReplayResult, *, dry_run: bool
) -> bool:
    """Return whether a line is to be replayed; note why a chosen one cannot be."""
    if line.letter is None:
        if line.problem is not None:
            result.problems.append(line.problem)
        return False
    letter = line.letter
    if not chosen.has(letter):
        return False
    counts = result.at(letter.path)
    place = place_of(plan, letter)
    if isinstance(place, str):
        counts.kept += 1
        counts.reason = place
        problem = _gone(plan, letter, place)
        if letter.kind != "poison" and problem not in result.problems:
            result.problems.append(problem)
        return False
    counts.replayed += dry_run
    return True


def _gone(plan: PipelinePlan, letter: StoredLetter, reason: str) -> Problem:
    return Problem(
        code="RVN743",
        message=f"dead letters of {letter.path!r} cannot be replayed: {reason}",
        hint="they are kept; bring that place back, replay, and then remove it",
        path=plan.path,
        severity="warning",
    )


@contextlib.contextmanager
def letter_errors(path: Path) -> Iterator[None]:
    """Turn what the file system raises about dead letters into what ends a command: exit 3 or 4."""
    try:
        yield
    except OSError as error:
        raise stop_error(f"the dead letters in {path}", error) from error
