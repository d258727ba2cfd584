"""One process per pipeline: an operating-system lock beside the state."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from rivven_connect._errors import AlreadyRunning, StateStoreError


class PipelineLock:
    """Held from before the first read until the process ends, however it ends.

    The kernel releases it with the process, so a crash leaves nothing to clean up; the file stays
    and only its content, the owner's process id, is for people.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock now.

        Raises:
            AlreadyRunning: another process has it; the message names its process id.
            StateStoreError: the lock file cannot be opened.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateStoreError(f"{self._path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise AlreadyRunning(
                f"this pipeline already runs as process {owner or 'unknown'} "
                f"(lock {self._path}); stop that one first"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)
            os.close(descriptor)
