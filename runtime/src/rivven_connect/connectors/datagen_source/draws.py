"""Numbers that follow from a seed and a sequence number, and from nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """The draws of one event: the same for the same arguments, in any run, in any order of events.

    One BLAKE2b hash gives 512 bits, and each draw divides a little of them off. No state is carried
    from event to event, so resuming at an event needs nothing but its number.
    """

    __slots__ = ("_bits",)

    def __init__(self, seed: int, sequence: int, purpose: bytes = b"record") -> None:
        text = b"%d %d" % (seed, sequence)
        digest = hashlib.blake2b(text, digest_size=64, person=purpose).digest()
        self._bits = int.from_bytes(digest, "big")

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit - 1`."""
        self._bits, found = divmod(self._bits, limit)
        return found

    def between(self, first: int, last: int) -> int:
        """Return a number from `first` to `last`, both included."""
        return first + self.below(last - first + 1)

    def choice(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(len(items))]

    def hundredths(self, limit: int) -> float:
        """Return a number from 0 up to `limit`, with two decimals."""
        return self.below(limit * 100) / 100

    def flag(self) -> bool:
        """Return True or False."""
        return self.below(2) == 1
