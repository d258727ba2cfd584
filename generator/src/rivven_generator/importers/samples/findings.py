"""Notes about a sample; they have a place in the records, and none in the file."""

from __future__ import annotations

from rivven_connect.documents import to_pointer
from rivven_generator.importers.codes import IMPORT_CODES
from rivven_generator.importers.notes import Note, Path


class Findings:
    """Collects the notes of one sample."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def add(self, code: str, message: str, at: Path) -> None:
        """Note something about the field at `at`: keys of objects, 0 for items, `*` for a map's values."""
        outcome = IMPORT_CODES[code].outcome
        self.notes.append(Note(code, outcome, message, to_pointer(at), 0, 0))
