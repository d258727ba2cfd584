"""The rows of benchmarks.md: those that run, and those that wait for their connectors."""

from __future__ import annotations

from collections.abc import Sequence

import changes
import delivery
import generation
import memory
import scale
import startup
import throughput
from cases import Case

CASES: tuple[Case, ...] = (
    *throughput.CASES,
    *startup.CASES,
    *generation.CASES,
    *memory.CASES,
    *delivery.CASES,
    *changes.CASES,
    *scale.CASES,
)


def _later(name: str, work: str, floor: str, target: float) -> Case:
    return Case(name, work, floor, lambda _folder: {}, target, missing=lambda: "not measured yet")


LATER: tuple[Case, ...] = (
    _later("W2", "200 pages x 500 records over local HTTP -> JSONL", "a bare `aiohttp` loop", 1.5),
    _later("W2s", "the same, 20 ms per response", "pages x latency", 1.15),
    _later("W3", "200k events POSTed in batches of 100", "a bare `aiohttp` client", 1.3),
)
"""Rows that are not measured yet; the page lists them."""


def select(only: str | None) -> Sequence[Case]:
    """Return the cases of an id (`S1`, `B-S1`) or of `scale`, else those that begin so, else all."""
    if only is None:
        return CASES
    wanted = "SC" if only.lower() == "scale" else only.upper().removeprefix("B-")
    exact = [case for case in CASES if case.id.upper() == wanted]
    return exact or [case for case in CASES if case.id.upper().startswith(wanted)]
