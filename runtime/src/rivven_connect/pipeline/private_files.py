"""Files that only their owner may read, and that are on disk when a call returns."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """Make a folder, and what is missing above it, readable by its owner alone; durably.

    Raises:
        OSError: it cannot be made.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        sync_folder(one.parent)
    if not folder.is_dir():
        folder.mkdir()  # raises what stands in the way


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk: a new or renamed file, or one that is gone."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Append lines to a private file and wait until they are on disk; all of them or none.

    Raises:
        OSError: they are not; what was written of them is taken back where that is possible.
    """
    make_private_folder(path.parent)
    new = not path.exists()
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "ab", buffering=0) as file:
        number = file.fileno()
        found = os.fstat(number)
        size = found.st_size
        if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
            os.fchmod(number, 0o600)
        # A crash may have left half a line; it must not swallow the next one.
        torn = size > 0 and os.pread(number, 1, size - 1) != b"\n"
        data = memoryview((b"\n" if torn else b"") + b"".join(line + b"\n" for line in lines))
        try:
            while data:
                data = data[file.write(data) or 0 :]
            os.fsync(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(number, size)
            raise
    if new:
        sync_folder(path.parent)


def unfinished_path(path: Path) -> Path:
    """Return where `replace_file` puts the new content of a file before it is whole."""
    return path.with_name(f"{path.name}.new")


def replace_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Let `path` hold the chunks: the old content or the new, no mixture, durably.

    Raises:
        OSError: the old content is still there.
    """
    new = unfinished_path(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    with open(os.open(new, flags, 0o600), "wb") as file:
        file.writelines(chunks)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)
