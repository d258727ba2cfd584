"""The tree of a document, and the problems found while it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from rivven_connect._errors import InputError
from rivven_connect._problems import Problem

_MOST_PROBLEMS = 100

_FIXES = {
    "RVN100": "check the path and that you may read it",
    "RVN102": "describe less in one file; data belongs into files of its own",
    "RVN104": "remove the character, or write it as an escape in quotes",
    "RVN105": "write at least one `key: value`",
    "RVN106": "flatten the structure; 64 levels are allowed",
    "RVN108": "check quotes, brackets and indentation at and before this place",
    "RVN110": "write `key: value` pairs at the top level",
    "RVN115": "quote the key",
    "RVN116": "use a number that fits into a 64-bit float, or quote it as text",
}
"""What to do about a problem whose place says no better."""

Position: TypeAlias = tuple[int, int]
"""Line and column, from 1."""


class Problems:
    """Collects the problems of one file; `stop` is for those after which nothing can be read."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._found: list[Problem] = []

    def add(
        self, code: str, message: str, at: Position = (0, 0), *, hint: str = "", pointer: str = ""
    ) -> None:
        """Note a problem and go on, unless there are too many to be of use."""
        self._found.append(
            Problem(
                code=code,
                message=message,
                hint=hint or _FIXES.get(code, ""),
                path=self._path,
                line=at[0],
                column=at[1],
                pointer=pointer,
            )
        )
        if len(self._found) >= _MOST_PROBLEMS:
            self.raise_if_any()

    def stop(self, code: str, message: str, at: Position = (0, 0), *, hint: str = "") -> NoReturn:
        """Note a problem and raise all there are."""
        self.add(code, message, at, hint=hint)
        raise InputError(self._found)

    def raise_if_any(self) -> None:
        """Raise `InputError` if a problem was noted."""
        if self._found:
            raise InputError(self._found)


class Node:
    """One value and its place; children are nodes by key or index."""

    __slots__ = ("children", "keys", "position", "source", "value")

    def __init__(self, value: Any, position: Position, source: str = "") -> None:
        self.value = value
        self.position = position
        self.source = source
        self.children: dict[str, Node] | list[Node] | None = None
        self.keys: dict[str, Position] = {}

    def child(self, step: str | int) -> Node | None:
        """Return the child at a key or index, or None."""
        if isinstance(self.children, dict):
            return self.children.get(str(step))
        if isinstance(self.children, list) and str(step).isascii() and str(step).isdecimal():
            number = int(str(step)[:9])
            return self.children[number] if number < len(self.children) else None
        return None

    def key_position(self, step: str | int) -> Position:
        """Return where the key stands; for an item of a list, where the item does."""
        child = self.child(step)
        return self.keys.get(str(step), child.position if child else self.position)
