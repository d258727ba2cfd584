"""Counts calls: how much work something is, on any machine and however busy that is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType


def calls(work: Callable[[], object], *, most: int | None = None) -> int:
    """Return how many functions are called, those in C included; stop where there are too many."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        if event in {"call", "c_call"}:
            count += 1
            if most is not None and count > most:
                sys.setprofile(None)
                raise AssertionError(f"more than {most} calls")

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def grows_like_its_input(counts: Sequence[int]) -> bool:
    """Whether the counts, each for twice as much as the one before, are not those of more than linear work."""
    small, middle, large = counts
    return large - middle <= 2.6 * (middle - small)
