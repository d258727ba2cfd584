"""Which process runs a pipeline, found out without disturbing it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from rivven_connect.pipeline.state_files import translated


def running_process(folder: Path, pipeline: str) -> int | None:
    """Return the id of the process that runs a pipeline, 0 if it is unknown, None if there is none.

    Tries the lock, shared, for a moment: its content alone may be left over from a crash.

    Raises:
        StateStoreError: the lock cannot be read.
    """
    path = folder / f"{pipeline}.lock"
    with translated(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").split()
            if not owner:
                return None
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(owner[0]) if owner[0].isdigit() else 0
        finally:
            os.close(descriptor)
    return None
