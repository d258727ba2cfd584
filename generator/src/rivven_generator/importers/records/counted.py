"""Notes about record schemas: each repair by its place, what has no effect by its keyword."""

from __future__ import annotations

from rivven_generator.importers.notes import Notes, Path


class RecordNotes:
    """Collects notes; those that say the same about many places become one, at the first of them."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._counted: dict[tuple[str, str], dict[Path, None]] = {}

    def add(self, code: str, message: str, at: Path, *, key: bool = False) -> None:
        """Note something about one place."""
        self._notes.add(code, message, at, key=key)

    def count(self, code: str, message: str, at: Path) -> None:
        """Note something that may be said about many places."""
        self._counted.setdefault((code, message), {})[at] = None

    def flush(self) -> None:
        """Hand over what was counted; to be called at the end."""
        for (code, message), places in self._counted.items():
            first, more = next(iter(places)), len(places) - 1
            where = f" (and in {more} more {'place' if more == 1 else 'places'})" if more else ""
            self._notes.add(code, f"{message}{where}", first, key=True)
        self._counted.clear()
