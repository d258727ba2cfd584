"""References inside a foreign document; nothing outside of it is ever read."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from rivven_connect.documents import Document, InputError, escape_text, split_pointer
from rivven_generator.importers.notes import Notes, Path

_PLAIN: Final = re.compile(r"[^A-Za-z0-9_.-]+")


class References:
    """Finds what a `$ref` names, below the schema's own root first, then below the document's."""

    def __init__(self, document: Document, base: Path, notes: Notes) -> None:
        self._document = document
        self._base = base
        self._notes = notes
        self._names: dict[Path, str] = {}

    def find(self, reference: object, at: Path) -> tuple[Any, Path] | None:
        """Return the schema that a reference leads to, and its place; None, noted, without one."""
        shown = escape_text(str(reference), limit=80)
        if not isinstance(reference, str) or not reference.startswith("#"):
            self._notes.add(
                "RVN838", f"`{shown}` leads out of this file and is not followed", (*at, "$ref")
            )
            return None
        try:
            keys = split_pointer(unquote(reference[1:]))
        except ValueError:
            keys = ["\0"]
        for start in dict.fromkeys((self._base, ())):
            found = _at(self._document.value, (*start, *keys))
            if found is not None:
                return found
        self._notes.add("RVN838", f"`{shown}` leads nowhere", (*at, "$ref"))
        return None

    def too_large(self, at: Path) -> InputError:
        """Return the refusal of a schema that its references multiply, or lead too deep in."""
        message = "references multiply this schema, or lead too deep, to be imported"
        return InputError([self._document.problem("RVN891", message, at)])

    def name_of(self, path: Path) -> str:
        """Return the name under which the schema at `path` stands in our `$defs`."""
        if path not in self._names:
            wanted = _PLAIN.sub("-", str(path[-1]) if path else "root").strip("-.") or "part"
            name, number = wanted, 2
            while name in self._names.values():
                name, number = f"{wanted}-{number}", number + 1
            self._names[path] = name
        return self._names[path]

    def named(self) -> dict[Path, str]:
        """Return every place that was given a name, in that order."""
        return self._names


def _at(value: Any, path: Path) -> tuple[Any, Path] | None:
    taken: list[str | int] = []
    for key in path:
        if isinstance(value, dict) and key in value:
            value = value[key]
            taken.append(key)
        elif isinstance(value, list) and str(key).isdecimal() and int(str(key)[:9]) < len(value):
            value = value[int(key)]
            taken.append(int(key))
        else:
            return None
    return value, tuple(taken)
