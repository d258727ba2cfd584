"""The bytes of an object as a file: read by ranges, decompressed while they are read.

Every class here blocks, hence is used in a thread.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from rivven_connect import ConnectorError, ErrorKind, FatalError
from rivven_connect._object_store.stored import StoredObject
from rivven_connect._problems import escape_text
from rivven_connect.connectors.s3_source.choosing import Kind
from rivven_connect.connectors.s3_source.formats import UnreadableError

if TYPE_CHECKING:
    from rivven_connect._object_store.bucket import Bucket

_RANGE_BYTES = 8 * 1024 * 1024
_SHORTEST_RANGE = 64 * 1024
_ZSTD_STEP = 2 * 1024
"""Compressed bytes that are expanded at once: at the worst, 4 of them stand for 128 KiB."""
_MOST_WINDOW = 1 << 27


class RangedFile(io.RawIOBase):
    """An object as a file that can be sought in; each read is of the object that was listed."""

    def __init__(self, bucket: Bucket, stored: StoredObject, *, is_sequential: bool) -> None:
        super().__init__()
        self._bucket = bucket
        self._stored = stored
        self._range = _RANGE_BYTES if is_sequential else _SHORTEST_RANGE
        self._at = 0
        self._held, self._held_from = b"", 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be sought in."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._stored.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the range at hand goes, or the object."""
        wanted = len(buffer)
        if not wanted or self._at >= self._stored.size:
            return 0
        within = self._at - self._held_from
        if not 0 <= within < len(self._held):
            end = min(self._at + max(wanted, self._range), self._stored.size)
            self._held = self._bucket.read(self._stored, self._at, end)
            self._held_from, within = self._at, 0
        found = self._held[within : within + wanted]
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


class _Frames(io.RawIOBase):
    """The content of zstd frames, one behind the other (RFC 8878, section 3)."""

    def __init__(self, inner: BinaryIO) -> None:
        super().__init__()
        import zstandard  # noqa: PLC0415  # an extra

        self._make = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW).decompressobj
        self._inner = inner
        self._frame: Any = None
        self._raw = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what is expanded already, or with what follows."""
        while not self._ready:
            self._raw = self._raw or self._inner.read(_ZSTD_STEP)
            if not self._raw:
                if self._frame is not None:
                    raise EOFError("the last frame has no end")
                return 0
            self._expand()
        found = self._ready[: len(buffer)]
        buffer[: len(found)] = found
        self._ready = self._ready[len(found) :]
        return len(found)

    def _expand(self) -> None:
        if self._frame is None:
            self._frame = self._make()
        self._ready = memoryview(self._frame.decompress(self._raw))
        self._raw = b""
        if self._frame.eof:
            self._raw, self._frame = self._frame.unused_data, None


class _Bounded(io.RawIOBase):
    """A file that is an error when it turns out to hold more than it may."""

    def __init__(self, inner: BinaryIO, most: int) -> None:
        super().__init__()
        self._inner = inner
        self._left = most
        self._most = most

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer."""
        found = self._inner.read(len(buffer))
        buffer[: len(found)] = found
        self._left -= len(found)
        if self._left < 0:
            raise _too_large(self._most)
        return len(found)


def opened(bucket: Bucket, stored: StoredObject, kind: Kind, *, most: int) -> BinaryIO:
    """Return the object's content, decompressed while it is read.

    Raises:
        UnreadableError: it is larger than it may be.
    """
    raw = RangedFile(bucket, stored, is_sequential=kind.format != "parquet")
    inner: Any = io.BufferedReader(raw, _SHORTEST_RANGE)
    if kind.compression == "none":
        if stored.size > most:
            raise _too_large(most)
        return cast("BinaryIO", inner)
    if kind.compression == "gzip":
        inner = gzip.GzipFile(fileobj=inner)
    else:
        inner = io.BufferedReader(_Frames(inner), _SHORTEST_RANGE)
    return cast("BinaryIO", io.BufferedReader(_Bounded(inner, most), _SHORTEST_RANGE))


@contextmanager
def named(key: str) -> Iterator[None]:
    """Raise what damaged content raises as an error that names the object.

    Raises:
        FatalError: it is damaged, or ends before its end.
    """
    try:
        yield
    except ConnectorError:
        raise
    except UnreadableError as error:
        raise FatalError(f"{_shown(key)}: {error}", kind=ErrorKind.CONFIG) from None
    except EOFError:
        raise _damaged(key, "its compressed content ends before its end") from None
    except Exception as error:
        if _is_of_content(error):
            text = escape_text(str(error), limit=200)
            raise _damaged(key, f"its content cannot be read: {text}") from error
        raise


def _is_of_content(error: Exception) -> bool:
    module = type(error).__module__.partition(".")[0]
    is_ours = isinstance(error, OSError | UnicodeError)  # a failed store is a ConnectorError
    return is_ours or module in {"zlib", "zstd", "zstandard", "pyarrow", "_csv"}


def _damaged(key: str, reason: str) -> FatalError:
    return FatalError(
        f"{_shown(key)}: {reason}; replace the object or take it away, or say in `format` and "
        "`compression` what it is",
        kind=ErrorKind.DATA,
    )


def _too_large(most: int) -> UnreadableError:
    return UnreadableError(
        f"it holds more than {most} bytes; raise `max_object_bytes` if that is right"
    )


def _shown(key: str) -> str:
    return escape_text(key, limit=300)
