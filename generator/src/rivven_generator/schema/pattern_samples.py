"""Texts that match a pattern, for the simple patterns that configs have."""

from __future__ import annotations

import string
from functools import lru_cache
from typing import Final

import msgspec

_PRINTABLE: Final = [chr(code) for code in range(0x20, 0x7F)]
_CLASSES: Final = {
    "d": string.digits,
    "w": string.ascii_letters + string.digits + "_",
    "s": " \t",
}
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r"}
_FAVOURITES: Final = "a1A"
_LONGEST: Final = 100_000


class _Unsupported(Exception):
    """The pattern uses something that this sampler does not read."""


class _Char(msgspec.Struct, frozen=True):
    """One character out of several."""

    choices: str

    def shortest(self) -> int:
        return 1

    def write(self, spare: int, choice: int) -> tuple[str, int]:
        return self.choices[0], spare


class _Sequence(msgspec.Struct, frozen=True):
    parts: tuple[_Node, ...]

    def shortest(self) -> int:
        return sum(part.shortest() for part in self.parts)

    def write(self, spare: int, choice: int) -> tuple[str, int]:
        text = ""
        for part in self.parts:
            more, spare = part.write(spare, choice)
            text += more
        return text, spare


class _Either(msgspec.Struct, frozen=True):
    branches: tuple[_Node, ...]

    def shortest(self) -> int:
        return min(branch.shortest() for branch in self.branches)

    def write(self, spare: int, choice: int) -> tuple[str, int]:
        branch = self.branches[choice % len(self.branches)]
        return branch.write(max(0, spare - branch.shortest() + self.shortest()), choice)


class _Repeated(msgspec.Struct, frozen=True):
    unit: _Node
    least: int
    most: int

    def shortest(self) -> int:
        return self.least * self.unit.shortest()

    def write(self, spare: int, choice: int) -> tuple[str, int]:
        text, _ = self.unit.write(0, choice)
        more = min(spare // len(text), self.most - self.least) if text else 0
        return text * (self.least + more), spare - more * len(text)


_Node = _Char | _Sequence | _Either | _Repeated


def samples(pattern: str, length: int | None = None) -> list[str]:
    """Return texts that match `pattern`, as far as this sampler can tell; shortest first.

    With `length`, texts of about that many characters. Who uses them has to check them.
    """
    tree = _tree(pattern)
    if tree is None or max(tree.shortest(), length or 0) > _LONGEST:
        return []
    spares = [0, 6] if length is None else [max(0, length - tree.shortest())]
    return list(
        dict.fromkeys(tree.write(spare, choice)[0] for choice in range(4) for spare in spares)
    )


@lru_cache(maxsize=1024)
def _tree(pattern: str) -> _Node | None:
    """Return what a pattern is made of; None where this sampler does not read it."""
    try:
        return _Parser(pattern).whole()
    except (_Unsupported, IndexError, ValueError, RecursionError):
        return None


class _Parser:
    """Reads literals, classes, groups, alternatives and repeats; anchors match nothing."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def whole(self) -> _Node:
        tree = self._alternatives()
        if self._at < len(self._text):
            raise _Unsupported
        return tree

    def _next(self) -> str:
        char = self._text[self._at]
        self._at += 1
        return char

    def _skip(self, word: str) -> bool:
        found = self._text.startswith(word, self._at)
        self._at += len(word) * found
        return found

    def _alternatives(self) -> _Node:
        branches = [self._sequence()]
        while self._skip("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else _Either(tuple(branches))

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            part = self._atom()
            parts.append(self._repeated(part))
        return _Sequence(tuple(parts))

    def _atom(self) -> _Node:  # noqa: PLR0911 - one answer per kind
        char = self._next()
        match char:
            case "^" | "$":
                return _Sequence(())
            case ".":
                return _char(_PRINTABLE)
            case "[":
                return self._class()
            case "(":
                return self._group()
            case "\\":
                escaped = self._next()
                if escaped in "bBAzZ":
                    return _Sequence(())
                return _char(self._escape(escaped))
            case _:
                return _Char(char)

    def _group(self) -> _Node:
        if self._skip("?") and not self._skip(":"):
            if not (self._skip("P<") or self._skip("<")):
                raise _Unsupported
            while self._next() != ">":
                pass
        inner = self._alternatives()
        if not self._skip(")"):
            raise _Unsupported
        return inner

    def _escape(self, char: str) -> list[str]:
        if char in _CLASSES:
            return list(_CLASSES[char])
        if char.lower() in _CLASSES:
            return [other for other in _PRINTABLE if other not in _CLASSES[char.lower()]]
        if char.isalnum() and char not in _CONTROLS:
            raise _Unsupported
        return [_CONTROLS.get(char, char)]

    def _class(self) -> _Node:
        negated = self._skip("^")
        found: list[str] = []
        first = True
        while first or not self._skip("]"):
            first = False
            char = self._next()
            if char == "[":
                raise _Unsupported
            members = self._escape(self._next()) if char == "\\" else [char]
            if (
                len(members) == 1
                and self._text[self._at] == "-"
                and self._text[self._at + 1] != "]"
            ):
                self._at += 1
                end = self._next()
                end = self._escape(self._next())[0] if end == "\\" else end
                members = [chr(code) for code in range(ord(members[0]), ord(end) + 1)][:256]
            found += members
        return _char([c for c in _PRINTABLE if c not in found] if negated else found)

    def _repeated(self, part: _Node) -> _Node:
        while self._at < len(self._text) and self._text[self._at] in "*+?{":
            least, most = self._bounds(self._next())
            part = _Repeated(part, least, most)
            self._skip("?")
        return part

    def _bounds(self, char: str) -> tuple[int, int]:
        if char != "{":
            return {"*": (0, _LONGEST), "+": (1, _LONGEST), "?": (0, 1)}[char]
        end = self._text.index("}", self._at)
        low, comma, high = self._text[self._at : end].partition(",")
        self._at = end + 1
        return int(low), int(high) if high else (_LONGEST if comma else int(low))


def _char(choices: list[str]) -> _Char:
    """Prefer a character that reads well."""
    best = next((char for char in _FAVOURITES if char in choices), None)
    if best is None and not choices:
        raise _Unsupported
    return _Char(best or choices[0])
