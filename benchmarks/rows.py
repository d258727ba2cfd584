"""The rows of benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence

import changes
import delivery
import generation
import memory
import scale
import startup
import throughput
import web
import webhooks
from cases import Case

CASES: tuple[Case, ...] = (
    *throughput.CASES,
    *web.CASES,
    *startup.CASES,
    *generation.CASES,
    *memory.CASES,
    *delivery.CASES,
    *changes.CASES,
    *webhooks.CASES,
    *scale.CASES,
)


def select(only: str | None) -> Sequence[Case]:
    """Return the cases of an id (`S1`, `B-S1`) or of `scale`, else those that begin so, else all."""
    if only is None:
        return CASES
    wanted = "SC" if only.lower() == "scale" else only.upper().removeprefix("B-")
    exact = [case for case in CASES if case.id.upper() == wanted]
    return exact or [case for case in CASES if case.id.upper().startswith(wanted)]
