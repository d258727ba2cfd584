"""Bodies of answers: never larger than allowed, neither as received nor unpacked."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterable

from rivven_connect._errors import ConnectorError, ErrorKind, FatalError
from rivven_connect._problems import escape_text
from rivven_connect._redaction import redact
from rivven_connect._secret import MASK

ACCEPTED_ENCODINGS = "gzip, deflate"

_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_HEADER_BYTES = 2
"""Of zlib: with fewer of them nobody can tell whether it is there."""
_SHORTEST_MASKED = 4
_LONGEST_EXCERPT = 500
_UNSURE_TAIL = 4096
"""Characters at a cut that may be the beginning of a secret."""


async def read_body(
    chunks: AsyncIterator[bytes], encoding: str, limit: int, *, where: object
) -> tuple[bytes, int]:
    """Return the unpacked body and how many bytes were received.

    Errors begin with `where`, which is made a text only then.

    Raises:
        ConnectorError: more than `limit` bytes, a coding that was not asked for, or a body that does
            not unpack.
    """
    unpacker = _unpacker(encoding, where)
    parts: list[bytes] = []
    size = received = 0
    async for chunk in chunks:
        received += len(chunk)
        part = unpacker.feed(chunk, limit - size + 1) if unpacker else chunk
        size += len(part)
        if max(size, received) > limit:
            raise FatalError(
                f"{where}: the answer is larger than {limit} bytes", kind=ErrorKind.DATA
            )
        parts.append(part)
    if unpacker is not None and received and not unpacker.complete:
        raise ConnectorError.connection(
            f"{where}: the answer ends in the middle of its packed body"
        )
    return b"".join(parts), received


async def read_start(chunks: AsyncIterator[bytes], encoding: str, limit: int) -> tuple[bytes, bool]:
    """Return at most `limit` bytes of a body, unpacked, and whether that is not all of it."""
    try:
        unpacker = _unpacker(encoding, "")
    except ConnectorError:
        return b"", True
    found = b""
    received = 0
    async for chunk in chunks:
        received += len(chunk)
        found += unpacker.feed(chunk, limit - len(found)) if unpacker else chunk
        if len(found) >= limit or received >= limit:
            return found[:limit], True
    return found, False


def excerpt(raw: bytes, *, cut: bool, private: Iterable[str]) -> str:
    """Return the start of an error's body as one harmless line, secrets and `private` texts masked.

    The other side may repeat what it was sent; `private` is what must not be repeated further.
    """
    text = redact(raw.decode("utf-8", "replace"))
    for value in sorted(set(private), key=len, reverse=True):
        if len(value) >= _SHORTEST_MASKED:
            text = text.replace(value, MASK)
    if cut:
        text = text[: max(0, len(text) - _UNSURE_TAIL)]
    return escape_text(text.strip(), limit=_LONGEST_EXCERPT)


def _unpacker(encoding: str, where: object) -> _Unpacker | None:
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return None
    if name not in _WINDOW_BITS:
        raise FatalError(
            f"{where}: the answer is encoded as {escape_text(name, limit=40)!r}, "
            f"and only {ACCEPTED_ENCODINGS} were asked for",
            kind=ErrorKind.DATA,
        )
    return _Unpacker(_WINDOW_BITS[name], where)


class _Unpacker:
    """Unpacks gzip (several members too) and deflate, no further than asked."""

    def __init__(self, window_bits: int, where: object) -> None:
        self._bits = window_bits
        self._where = where
        self._inflate = zlib.decompressobj(window_bits)
        self._is_first = True
        self._start = b""

    @property
    def complete(self) -> bool:
        return self._inflate.eof

    def feed(self, chunk: bytes, most: int) -> bytes:
        """Return what `chunk` adds; at most `most` bytes, the rest of it is dropped."""
        if self._is_first:
            self._start += chunk
            if len(self._start) < _HEADER_BYTES:
                return b""
            chunk = self._start
        found = b""
        while chunk and len(found) < most:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(self._bits)
            found += self._step(chunk, most - len(found))
            chunk = self._inflate.unused_data
        return found

    def _step(self, chunk: bytes, most: int) -> bytes:
        first, self._is_first = self._is_first, False
        try:
            return self._inflate.decompress(chunk, most)
        except zlib.error:
            if not (first and self._bits == _WINDOW_BITS["deflate"]):
                raise ConnectorError.connection(
                    f"{self._where}: the answer's body does not unpack"
                ) from None
        # Some servers leave out the zlib header that `deflate` asks for (RFC 9110, 8.4.1.2).
        self._bits = -15
        self._inflate = zlib.decompressobj(self._bits)
        return self._step(chunk, most)
