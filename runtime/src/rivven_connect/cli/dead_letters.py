"""How dead letters and replays are shown, to people and to programs."""

from __future__ import annotations

import collections
import json
import os
from collections.abc import Iterator

import click
import msgspec
import msgspec.structs

from rivven_connect._problems import escape_text
from rivven_connect._redaction import redact
from rivven_connect.pipeline.loading import LoadedPipeline
from rivven_connect.pipeline.replay_choice import ReplayResult, letter_files, stored_lines
from rivven_connect.pipeline.replay_claim import claimed_path
from rivven_connect.pipeline.stored_letters import StoredLetter


class LetterCount(msgspec.Struct):
    """The dead letters of one source or sink in one file."""

    owner: str
    path: str
    letters: int = 0
    damaged: int = 0
    replaying: bool = False
    oldest: str = ""
    newest: str = ""
    errors: collections.Counter[tuple[str, str, str]] = msgspec.field(
        default_factory=collections.Counter
    )

    def add(self, letter: StoredLetter) -> None:
        """Count one letter."""
        self.letters += 1
        self.errors[letter.kind, letter.error_class, letter.stream] += 1
        if letter.timestamp:
            self.oldest = min(self.oldest or letter.timestamp, letter.timestamp)
            self.newest = max(self.newest, letter.timestamp)

    def to_dict(self) -> dict[str, object]:
        """Return the counts as plain JSON."""
        errors = [
            {"kind": kind, "error_class": name, "stream": stream, "letters": count}
            for (kind, name, stream), count in self.errors.most_common()
        ]
        return {**msgspec.structs.asdict(self), "errors": errors}

    def render(self) -> Iterator[str]:
        """Yield the lines for a person; none where there are no letters."""
        if not (self.letters or self.damaged):
            return
        kept = f"{self.letters:,} dead letter{'s' * (self.letters != 1)}"
        yield escape_text(f"{self.owner}: {kept} in {self.path}", limit=2000)
        if self.oldest:
            yield escape_text(f"  from {self.oldest} to {self.newest}")
        for (kind, name, stream), count in self.errors.most_common():
            yield escape_text(f"  {count:>8,}  {kind} {name}, stream {stream}")
        if self.damaged:
            yield f"  {self.damaged:>8,}  damaged lines (RVN742)"
        if self.replaying:
            yield "  a replay of these letters has not ended; replay again to finish it"


def letter_counts(loaded: LoadedPipeline) -> Iterator[LetterCount]:
    """Yield the counts of each source and sink, also those without dead letters."""
    for path, owners in letter_files(loaded).items():
        shown = os.path.relpath(path)
        left = claimed_path(path).exists()
        found = {owner: LetterCount(owner, shown, replaying=left) for owner in owners}
        for line in stored_lines(path):
            if line.letter is None:
                found[owners[0]].damaged += 1
                continue
            owner = line.letter.owner
            found.setdefault(owner, LetterCount(owner, shown, replaying=left)).add(line.letter)
        yield from found.values()


def print_letter(letter: StoredLetter, *, as_json: bool) -> None:
    """Print one letter; known secrets are masked around its record, control characters escaped."""
    if as_json:
        found = {**letter.to_json(), "error": redact(letter.error)}
        click.echo(json.dumps(found))
        return
    where = f"{letter.path} ({letter.kind}{', ' * bool(letter.connector)}{letter.connector})"
    payload = letter.payload().decode("utf-8", "replace")
    raw = letter.raw_base64 is not None
    lines = (
        f"{letter.name}  {where}",
        f"  stream   {letter.stream} ({letter.operation}), position {json.dumps(letter.position)}",
        f"  failed   {letter.timestamp}, attempt {letter.attempt}",
        f"  error    {letter.error_class}: {redact(letter.error)}",
        f"  {'base64 ' if raw else 'record '}  {payload}",
    )
    for line in lines:
        click.echo(escape_text(line, limit=2000))


def print_result(result: ReplayResult, *, dry_run: bool, as_json: bool) -> None:
    """Print what became of the letters, place by place."""
    places = sorted(result.places.values(), key=lambda one: one.path)
    if as_json:
        click.echo(json.dumps(_as_dict(result, dry_run=dry_run)))
        return
    if not places:
        click.echo("There are no dead letters to replay.", err=True)
        return
    width = max(len(one.path) for one in places)
    verb = "would replay" if dry_run else "replayed"
    click.echo(f"{'':<{width}}  {verb:>12}  {'failed again':>12}  {'kept':>8}", err=True)
    for one in places:
        counts = f"{one.replayed:>12,}  {one.failed_again:>12,}  {one.kept:>8,}"
        reason = f"  {one.reason}" if one.reason else ""
        click.echo(escape_text(f"{one.path:<{width}}  {counts}{reason}"), err=True)
    if result.interrupted:
        click.echo("Stopped on request; replay again to go on.", err=True)


def _as_dict(result: ReplayResult, *, dry_run: bool) -> dict[str, object]:
    places = [msgspec.structs.asdict(one) for one in result.places.values()]
    return {
        "dry_run": dry_run,
        "complete": result.is_complete,
        "interrupted": result.interrupted,
        **{key: sum(one[key] for one in places) for key in ("replayed", "failed_again", "kept")},
        "places": places,
        "problems": [one.to_dict() for one in result.problems],
    }
