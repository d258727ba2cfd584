"""B-W: what it costs to move records."""

from __future__ import annotations

from cases import Case

CASES: tuple[Case, ...] = ()
