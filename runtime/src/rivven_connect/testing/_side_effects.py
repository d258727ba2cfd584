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
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_IGNORED = ("__pycache__", os.devnull)
"""What an import writes, and what nobody reads."""

_watchers: list[list[str]] = []
_hooked: list[bool] = []


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """Give a list that is filled with what is written, made or removed until the block ends.

    Only what Python itself does is seen; a library in another language may do more.
    """
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hear)  # for ever: a hook cannot be removed
    found: list[str] = []
    _watchers.append(found)
    try:
        yield found
    finally:
        _watchers.remove(found)


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if not _watchers:
        return
    told = _told(event, args)
    if told is not None and not any(part in told for part in _IGNORED):
        for found in _watchers:
            found.append(told)


def _told(event: str, args: tuple[Any, ...]) -> str | None:
    """Return what an event does to the disk; None where it does nothing."""
    if event == "open":
        path, _, flags = args
        writes = isinstance(flags, int) and flags & _WRITING and not isinstance(path, int)
        return f"opens {os.fsdecode(path)!r} for writing" if writes else None
    if event == "sqlite3.connect":
        path = os.fsdecode(args[0])
        is_new = path not in {"", ":memory:"} and not path.startswith("file:")
        return f"makes the database {path!r}" if is_new and not os.path.exists(path) else None
    return f"{event} {args[0]!r}" if event in _CHANGING else None
