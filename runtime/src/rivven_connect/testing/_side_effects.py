"""What is made or changed on the disk while something runs, as the interpreter's audit events tell."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

_CHANGING = frozenset(
    {
        "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
        "os.symlink", "os.truncate", "os.utime", "shutil.rmtree", "shutil.move",
    }
)  # fmt: skip
_HEARD = _CHANGING | {"open", "sqlite3.connect"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_IGNORED = ("__pycache__", os.devnull)
"""What an import writes, and what nobody reads."""


class _Watch:
    """What happened to which path, and the paths that are new."""

    def __init__(self) -> None:
        self.deeds: list[tuple[str, str]] = []
        self.new: set[str] = set()

    def hear(self, path: str, deed: str) -> None:
        if not any(part in path for part in _IGNORED):
            self.deeds.append((path, deed))
            if not os.path.lexists(path):
                self.new.add(path)

    def lasting(self) -> list[str]:
        """Return what was done, without what was made and is gone again."""
        gone = {path for path in self.new if not os.path.lexists(path)}
        return [f"{deed} {path!r}" for path, deed in self.deeds if path not in gone]


_watches: list[_Watch] = []
_hooked: list[bool] = []


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """Give a list that names, once the block has ended, what it wrote, made or removed for good.

    Only what Python itself does is seen; a library in another language may do more.
    """
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hear)  # for ever: a hook cannot be removed
    watch, found = _Watch(), list[str]()
    _watches.append(watch)
    try:
        yield found
    finally:
        _watches.remove(watch)
        found += watch.lasting()


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if not _watches:
        return
    told = _told(event, args)
    if told is not None:
        for watch in _watches:
            watch.hear(*told)


def _told(event: str, args: tuple[Any, ...]) -> tuple[str, str] | None:
    """Return the path that an event changes, and how; None where it changes nothing."""
    if event not in _HEARD or not isinstance(args[0], str | bytes | os.PathLike):
        return None
    path = os.fsdecode(args[0])
    if event == "open":
        flags = args[2] if isinstance(args[2], int) else 0
        # What is opened in a folder itself has no name there, and is gone when it is closed.
        return (path, "writes") if flags & _WRITING and not os.path.isdir(path) else None
    if event == "sqlite3.connect":
        is_file = path not in {"", ":memory:"} and not path.startswith("file:")
        return (path, "makes the database") if is_file and not os.path.exists(path) else None
    return (path, f"calls {event} of") if event in _CHANGING else None
