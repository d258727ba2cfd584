"""Names of files and objects that a run writes: by the run, and by the range of records inside."""

from __future__ import annotations

import datetime
import secrets

_STARTED = "%Y%m%dT%H%M%S.%fZ"


def run_name() -> str:
    """Return a name of this run that no other has; those of later runs sort behind it."""
    started = datetime.datetime.now(datetime.UTC).strftime(_STARTED)
    return f"{started}-{secrets.token_hex(4)}"


def started_of(run: str) -> str:
    """Return the part of a run's name that says when it started."""
    return run.partition("-")[0]


def with_range(run: str, first: int, last: int) -> str:
    """Return the name of a file of the run's records `first` to `last`; in order, the names sort so."""
    return f"{run}-{first:012}-{last:012}"
