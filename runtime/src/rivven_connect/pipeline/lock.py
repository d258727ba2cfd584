"""One run per pipeline: an operating-system lock beside the state."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from rivven_connect._errors import AlreadyRunning, StateStoreError

LONGEST_CONTENT = 4096
"""Bytes of a lock file that are looked at."""

_LOOKS, _PAUSE_S = 20, 0.005


class PipelineLock:
    """Held from before the first read until the process ends, however it ends.

    The kernel releases it with the process, so a crash leaves nothing to clean up; the file stays
    and only its content, the owner's process id, is for people. Should somebody remove the file, a
    second process can lock a new one: the owner's term in the database then fences the first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._is_owner = True

    @classmethod
    def inherited(cls, path: Path, descriptor: int) -> Self:
        """Return the lock of the process that started this one, held by both.

        The kernel frees it when the last of them has ended, in whatever order.
        """
        os.set_inheritable(descriptor, False)
        found = cls(path)
        found._descriptor = descriptor
        found._is_owner = False
        return found

    @property
    def descriptor(self) -> int:
        """What a child process has to inherit to hold the lock too."""
        if self._descriptor is None:
            raise ValueError("the lock is not held")
        return self._descriptor

    def name_holders(self, processes: Sequence[int]) -> None:
        """Write down, for people, the children that hold the lock too."""
        lines = "".join(f"{process}\n" for process in (os.getpid(), *processes))
        with contextlib.suppress(OSError):
            os.pwrite(self.descriptor, lines.encode(), 0)

    def acquire(self) -> None:
        """Take the lock now.

        Raises:
            AlreadyRunning: another process has it; the message names its process id.
            StateStoreError: the lock file cannot be opened or locked.
        """
        try:
            self._descriptor = self._locked()
            # Nobody is known to have it: its owner is about to write its id, or somebody only looks.
            for _ in range(_LOOKS):
                if self._descriptor is not None or self._owner() is not None:
                    break
                time.sleep(_PAUSE_S)
                self._descriptor = self._locked()
        except OSError as error:
            raise StateStoreError(f"{self._path} cannot be locked: {error.strerror}") from error
        if self._descriptor is None:
            raise AlreadyRunning(
                f"this pipeline already runs as process {self._owner() or 'unknown'} "
                f"(lock {self._path}); stop that one first"
            )

    def _locked(self) -> int | None:
        """Return a descriptor of the very file that has the name, locked; None if another has it."""
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_named(descriptor):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                return None
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _is_named(self, descriptor: int) -> bool:
        """Whether nobody removed or replaced the file between opening and locking it."""
        try:
            named = os.stat(self._path)
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(descriptor), named)

    def _owner(self) -> int | None:
        """Return the first process id in the file whose process is there."""
        with contextlib.suppress(OSError):
            return first_alive(self._path.read_bytes()[:LONGEST_CONTENT])
        return None

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            if self._is_owner:
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, 0)
            os.close(descriptor)


def first_alive(content: bytes) -> int | None:
    """Return the first process of a lock file's content that is there."""
    for word in content.split():
        # More digits than a process id has, or none at all, are nobody's.
        if word.isdigit() and len(word) < 10 and _is_alive(int(word)):
            return int(word)
    return None


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
