"""What an import kept, repaired and left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeAlias

from rivven_connect.documents import Document, to_pointer
from rivven_generator.importers.codes import IMPORT_CODES, Outcome

Path: TypeAlias = tuple[str | int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """One thing that the manifest says differently from the file that was imported.

    `lossless`: the same meaning in other words. `repaired`: what the author evidently meant.
    `dropped`: a meaning that a manifest cannot carry.
    """

    code: str
    outcome: Outcome
    message: str
    pointer: str
    line: int
    column: int

    def to_dict(self) -> dict[str, str | int]:
        """Return the note as plain JSON."""
        return dataclasses.asdict(self)


class Notes:
    """Collects the notes of one import; places are those of the imported file."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found: dict[Note, None] = {}

    def add(self, code: str, message: str, at: Path, *, key: bool = False) -> None:
        """Note something about the value at `at`; the code decides about the outcome."""
        line, column = self._document.position(at, key=key)
        outcome = IMPORT_CODES[code].outcome
        self._found[Note(code, outcome, message, to_pointer(at), line, column)] = None

    def sorted(self) -> list[Note]:
        """Return the notes by place, each once."""
        return sorted(self._found, key=lambda note: (note.line, note.column, note.code))


@dataclasses.dataclass(frozen=True, slots=True)
class Imported:
    """A manifest made from somebody else's file, as plain JSON in the order it is written."""

    manifest: dict[str, Any]
    notes: Sequence[Note]
