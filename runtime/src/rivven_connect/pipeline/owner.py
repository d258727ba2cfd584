"""Which process runs a pipeline, found out without disturbing it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from rivven_connect.pipeline.lock import LONGEST_CONTENT, first_alive
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
            content = os.pread(descriptor, LONGEST_CONTENT, 0)
            if not content.split():
                return None
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return first_alive(content) or 0
        finally:
            os.close(descriptor)
    return None
