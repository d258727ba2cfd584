"""How large an experiment is: whole with `make faults`, a tenth of it with `make test`."""

from __future__ import annotations

import os

FULL = os.environ.get("RIVVEN_FAULTS") == "pr"
"""Whether this is `make faults`."""


def size(pr: int) -> int:
    """Return how many of `pr` things to do."""
    return pr if FULL else max(1, pr // 10)
