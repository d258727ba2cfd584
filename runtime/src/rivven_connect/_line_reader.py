"""The file itself: opened, read line by line, watched while it grows."""

from __future__ import annotations

import os
import stat
import threading
from typing import BinaryIO

from rivven_connect._errors import ConnectorError
from rivven_connect._file_position import Position
from rivven_connect._state import StreamState

_BATCH_LINES, _BATCH_BYTES = 1_000, 1024 * 1024
_SAMPLE_BYTES = 1_024


class LineReader:
    """Reads whole lines, a batch at a time.

    Every method blocks, hence is called in a thread. A lock makes `close` wait for a call whose
    caller was cancelled.
    """

    def __init__(
        self,
        path: str,
        *,
        max_line_bytes: int,
        follow: bool,
        limit: str = "max_line_bytes",
        unfinished: str = "let it be finished before it is read",
    ) -> None:
        """Return a reader of one file.

        `limit` is the option that bounds a line, `unfinished` what to do about a file whose last
        line was read before it was written to its end.
        """
        self._path = path
        self._max_line_bytes = max_line_bytes
        self._follow = follow
        self._limit = limit
        self._unfinished = unfinished
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._closed = False
        self._offset = 0
        self._is_at_end = False
        self._before = b""
        """The last bytes before the offset, which a followed file keeps unless it is written anew."""

    def open(self, saved: StreamState | None) -> Position:
        """Open the file where `saved` says, else at its start.

        Raises:
            ConnectorError: it cannot be read, or is not the file that was read before.
        """
        with self._lock:
            file = open_file(self._path)
            if self._closed:
                file.close()
                return Position()
            self._file = file
            position = Position()
            if saved:
                position = Position.resumed(
                    file.fileno(), self._path, saved, unfinished=self._unfinished
                )
            self._offset = position.offset
            self._is_at_end = position.is_in_line()
            self._before = self._sample(file, self._offset)
            return position

    def read(self) -> list[bytes]:
        """Return the next lines, each with its newline; none at the end of the file.

        A last line without a newline is a line like any other, unless the file is followed: then
        somebody may still be writing it, and it waits.

        Raises:
            ConnectorError: a line is too long, or a followed file is not what it was.
        """
        with self._lock:
            if self._file is None:
                return []
            start = self._offset
            lines = self._lines(self._file)
            if self._follow:
                self._require_same_file(self._file, start, has_more=bool(lines))
                self._before = (self._before + b"".join(lines))[-_SAMPLE_BYTES:]
            return lines

    def close(self) -> None:
        """Close the file; a later `open` does nothing."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None

    def _lines(self, file: BinaryIO) -> list[bytes]:
        file.seek(self._offset)
        lines: list[bytes] = []
        end = self._offset + _BATCH_BYTES
        while len(lines) < _BATCH_LINES and self._offset < end:
            line = file.readline(self._max_line_bytes + 1)
            is_too_long = len(line) > self._max_line_bytes
            if is_too_long and not lines:
                raise ConnectorError.configuration(
                    f"the line at byte {self._offset} of {self._path} is longer than "
                    f"{self._max_line_bytes} bytes; raise `{self._limit}`"
                )
            if not line or is_too_long or (self._follow and not line.endswith(b"\n")):
                break
            self._require_line_start(line)
            self._is_at_end = not line.endswith(b"\n")
            lines.append(line)
            self._offset += len(line)
        return lines

    def _require_line_start(self, line: bytes) -> None:
        """Refuse to take the rest of the last line, which somebody was still writing, for a line."""
        if self._is_at_end and line.strip(b"\r\n"):
            raise ConnectorError.state(
                f"the last line of {self._path} had no newline when it was read, and has grown since; "
                f"{self._unfinished}"
            )

    def _require_same_file(self, file: BinaryIO, start: int, *, has_more: bool) -> None:
        """Refuse what was read from `start` on if the file was written anew; at its end, also another.

        It may have become longer again than the place where it is read.
        """
        is_same = self._sample(file, start) == self._before
        if not has_more:
            is_same = is_same and self._has_name(file)
        if not is_same:
            raise ConnectorError.state(
                f"{self._path} was truncated, removed or replaced while it was followed, up to byte "
                f"{self._offset}; to read the new file, reset the source's state with "
                "`rivven state reset PIPELINE.yaml --source NAME`"
            )

    def _has_name(self, file: BinaryIO) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), os.stat(self._path))
        except FileNotFoundError:
            return False

    def _sample(self, file: BinaryIO, offset: int) -> bytes:
        size = min(offset, _SAMPLE_BYTES)
        return os.pread(file.fileno(), size, offset - size)


def open_file(path: str) -> BinaryIO:
    """Return the file, open for reading.

    Raises:
        ConnectorError: there is none, it may not be read, or it is no regular file.
    """
    try:
        # Opening a named pipe would wait for its writer; offsets mean nothing in it anyway.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ConnectorError.not_found(f"{path} does not exist") from error
    except PermissionError as error:
        raise ConnectorError.permission(f"{path} may not be read by this user") from error
    except OSError as error:
        raise ConnectorError.io(f"{path} cannot be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ConnectorError.configuration(f"{path} is not a regular file")
    return os.fdopen(descriptor, "rb")
