"""Appending whole records to files, durably: a file always ends with a whole one."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from rivven_connect._errors import ConnectorError
from rivven_connect._stream_paths import make_folder, sync_folder

_log = logging.getLogger("rivven_connect.files")

_BLOCK_BYTES = 64 * 1024
_MOST_PARTS = 1024  # POSIX's IOV_MAX on Linux


class RecordFormat:
    """What tells a whole record of a file from one that a crash has cut off; here, one is a line."""

    ending = b"\n"

    keeps_torn = False
    """Whether what is cut off a file is put beside it: where it may have been somebody else's record."""

    def start_of_last(self, path: str, descriptor: int, size: int) -> int:
        """Return the offset behind the last record that has its ending; `size` where all have."""
        end = size
        while end > 0:
            start = max(0, end - _BLOCK_BYTES)
            found = os.pread(descriptor, end - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0

    def is_whole(self, record: bytes) -> bool:
        """Whether a last record lacks nothing but its ending; False where one cannot know."""
        return False


class AppendedFiles:
    """A bounded number of open files, the least recently used of which is closed first.

    Every method blocks, hence is called in a thread. A lock makes `close` wait for a call whose
    caller was cancelled.
    """

    def __init__(self, format_: RecordFormat, most_open: int = 64) -> None:
        self._format = format_
        self._most_open = most_open
        self._lock = threading.Lock()
        self._open: OrderedDict[str, int] = OrderedDict()
        self._unsynced: set[str] = set()
        self._left: dict[str, tuple[int, int]] = {}
        """Number and size of files that were closed whole, which need not be looked through again."""

    def append(self, path: str, records: Sequence[bytes], *, head: bytes = b"") -> None:
        """Append whole records, all or none of them; the file and its folders are made if missing.

        `records` are parts of any size, each of which ends with a whole record. `head` comes before
        them where the file is empty.
        """
        with self._lock:
            descriptor = self._descriptor(path)
            self._unsynced.add(path)
            before = os.fstat(descriptor).st_size
            try:
                _write_all(descriptor, [head, *records] if head and not before else records)
            except OSError:
                os.ftruncate(descriptor, before)
                raise

    def repair(self, path: str) -> None:
        """Remove the torn record that a crash left at the end of a file; does nothing without one."""
        with self._lock:
            if os.path.exists(path):
                self._descriptor(path)

    def sync(self) -> None:
        """Make durable what was appended.

        Raises:
            ConnectorError: a file was deleted meanwhile, and what was appended with it.
        """
        with self._lock:
            for path in sorted(self._unsynced):
                self._sync(path)

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            while self._open:
                _, descriptor = self._open.popitem()
                os.close(descriptor)
            self._unsynced.clear()

    def _descriptor(self, path: str) -> int:
        if path not in self._open:
            while len(self._open) >= self._most_open:
                self._close_oldest()
            self._open[path] = _open_repaired(path, self._format, self._left.pop(path, None))
        self._open.move_to_end(path)
        return self._open[path]

    def _close_oldest(self) -> None:
        path, descriptor = next(iter(self._open.items()))
        if path in self._unsynced:
            self._sync(path)
        self._left[path] = _identity(descriptor)
        del self._open[path]
        os.close(descriptor)

    def _sync(self, path: str) -> None:
        descriptor = self._open[path]
        os.fsync(descriptor)
        if os.fstat(descriptor).st_nlink == 0:
            raise ConnectorError.io(f"{path} was deleted while records were appended to it")
        self._unsynced.discard(path)


def _open_repaired(path: str, format_: RecordFormat, whole: tuple[int, int] | None) -> int:
    """Return a descriptor of the file, which ends with a whole record; a new file is made durable.

    `whole` is the identity of one that is known to.
    """
    folder = Path(path).absolute().parent
    make_folder(folder)
    is_new = not os.path.lexists(path)
    # Not blocking, because opening a named pipe would wait for its reader.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(path, flags, 0o666)
    try:
        _require_regular(path, descriptor)
        if is_new:
            sync_folder(folder)
        elif _identity(descriptor) != whole:
            _repair(path, descriptor, format_)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_ino, status.st_size


def _require_regular(path: str, descriptor: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise ConnectorError.configuration(f"{path} is not a regular file")


def _repair(path: str, descriptor: int, format_: RecordFormat) -> None:
    """Let the file end with a whole record.

    A last one without its ending is what a crash left of a write, and its records were never
    committed: they come again. One that lacks nothing but its ending is kept and completed; it may
    also be somebody else's.
    """
    size = os.fstat(descriptor).st_size
    start = format_.start_of_last(path, descriptor, size)
    if start == size:
        return
    record = os.pread(descriptor, size - start, start)
    if format_.is_whole(record):
        _write_all(descriptor, [format_.ending])
    else:
        _log.warning("%s ended in the middle of a record; removed its %d bytes", path, len(record))
        if format_.keeps_torn:
            with open(f"{path}.torn", "ab") as kept:
                kept.write(record + format_.ending)
                os.fsync(kept.fileno())
        os.ftruncate(descriptor, start)
    os.fsync(descriptor)


def _write_all(descriptor: int, parts: Sequence[bytes]) -> None:
    """Write the parts one behind the other, without putting them together first."""
    for start in range(0, len(parts), _MOST_PARTS):
        rest = [memoryview(part) for part in parts[start : start + _MOST_PARTS]]
        while rest:
            written = os.writev(descriptor, rest)
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if rest:
                rest[0] = rest[0][written:]
