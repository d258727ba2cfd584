"""Which keyword of a vocabulary a misspelt one stands for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

_BOUNDS: Final = ("min", "max")
_OF_TYPE: Final = {"string": "Length", "array": "Items", "object": "Properties"}
_NEAR: Final = 0.8
_SHORTEST: Final = 4
_LONGEST: Final = 64
_MOST_SEEN: Final = 4_096
"""Words that are remembered: a foreign file repeats its errors."""


class Vocabulary:
    """Keywords, and what is written instead of them."""

    def __init__(self, keywords: Iterable[str]) -> None:
        self._plain = {plain(word): word for word in keywords}
        self._seen: dict[str, str] = {}

    def same(self, word: str) -> str:
        """Return the keyword that has the same letters; nothing where there is none."""
        return self._plain.get(plain(word), "")

    def near(self, word: str) -> str:
        """Return the keyword that is spelt nearly so; nothing where there is none, or too little."""
        letters = plain(word)[:_LONGEST]
        if len(letters) < _SHORTEST:
            return ""
        if letters not in self._seen:
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            near = difflib.get_close_matches(letters, self._plain, n=1, cutoff=_NEAR)
            self._seen[letters] = self._plain[near[0]] if near else ""
        return self._seen[letters]


def plain(word: str) -> str:
    """Return the letters of a keyword: without case, quotes, `_` and `-`."""
    return word.casefold().replace("_", "").replace("-", "").strip(" \"':,")


def bound_of(word: str, kind: object) -> str:
    """Return what `min` and `max` mean on a schema of type `kind`; nothing for another word."""
    lowered = word.strip().casefold()
    return lowered + _OF_TYPE.get(str(kind), "imum") if lowered in _BOUNDS else ""
