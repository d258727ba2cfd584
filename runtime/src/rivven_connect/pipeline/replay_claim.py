"""The files of a replay: letters are claimed, replayed, and only then gone.

`NAME.replaying` is the whole dead-letter file, claimed by one rename; beside it,
`NAME.replaying.claim` says which of its lines are not replayed. New failures go to a fresh `NAME`.
After a crash the claim is still there, and the next replay goes on with it.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Self

import msgspec

from rivven_connect._errors import PipelineError
from rivven_connect.pipeline.private_files import replace_file, sync_folder, unfinished_path
from rivven_connect.pipeline.stored_letters import Line, read_lines

_CHUNK = 1 << 20


class _Note(msgspec.Struct):
    claim: str
    skipped: list[int]


def claimed_path(path: Path) -> Path:
    """Return where the letters of a dead-letter file are while they are replayed."""
    return path.with_name(f"{path.name}.replaying")


def sweep(path: Path) -> None:
    """Remove what a crash beside a dead-letter file has left, where no claim needs it."""
    if not claimed_path(path).exists():
        for name in (_note_path(path), *map(unfinished_path, (path, _note_path(path)))):
            name.unlink(missing_ok=True)


class Claim:
    """The letters of one dead-letter file that a replay has taken."""

    def __init__(self, path: Path, note: _Note) -> None:
        self.path = path
        self.id = note.claim
        self._skipped = frozenset(note.skipped)

    @classmethod
    def take(cls, path: Path, skipped: Collection[int]) -> Self:
        """Claim the dead-letter file, without the lines of these numbers.

        Raises:
            OSError: it is not claimed.
        """
        note = _Note(uuid.uuid4().hex[:12], sorted(skipped))
        # What the claim means, then the claim: a note without a claim means nothing.
        replace_file(_note_path(path), [msgspec.json.encode(note)])
        path.replace(claimed_path(path))
        sync_folder(path.parent)
        return cls(path, note)

    @classmethod
    def left(cls, path: Path) -> Self | None:
        """Return the claim that an earlier replay has left, or None.

        Raises:
            PipelineError: the claim's note is missing or damaged.
        """
        if not claimed_path(path).exists():
            return None
        note = _note_path(path)
        try:
            return cls(path, msgspec.json.decode(note.read_bytes(), type=_Note))
        except (FileNotFoundError, msgspec.DecodeError) as error:
            raise PipelineError(
                f"{note} is missing or damaged, so nobody knows which letters of "
                f"{claimed_path(path)} were replayed; to replay all of them, append that file to "
                f"{path} and remove it"
            ) from error

    def lines(self) -> Iterator[Line]:
        """Yield the lines that are to be replayed, in the order of the file."""
        return (one for one in self._all() if one.number not in self._skipped)

    def skipped_lines(self) -> Iterator[Line]:
        """Yield the lines that wait in the claim only to be put back."""
        if not self._is_put_back(self._skipped):
            yield from (one for one in self._all() if one.number in self._skipped)

    def finish(self, kept: Collection[int]) -> None:
        """Put back what was not replayed, before what has failed since, and let the claim go.

        Raises:
            OSError: the claim is still there; a later call finishes it.
        """
        stays = self._skipped | frozenset(kept)
        if stays and not self._is_put_back(stays):
            replace_file(self.path, itertools.chain(self._texts(stays), _chunks(self.path)))
        claimed_path(self.path).unlink()
        sync_folder(self.path.parent)
        _note_path(self.path).unlink(missing_ok=True)

    def _all(self) -> Iterator[Line]:
        return read_lines(claimed_path(self.path))

    def _texts(self, numbers: Collection[int]) -> Iterator[bytes]:
        return (one.text + b"\n" for one in self._all() if one.number in numbers)

    def _is_put_back(self, numbers: Collection[int]) -> bool:
        """Whether a `finish` that crashed had come so far: then the file begins with those lines."""
        if not self.path.exists():
            return False
        with self.path.open("rb") as file:
            return all(file.read(len(text)) == text for text in self._texts(numbers))


def _note_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.replaying.claim")


def _chunks(path: Path) -> Iterable[bytes]:
    if not path.exists():
        return
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
