"""Where a reading stands in a file, and whether that still is the file that was read."""

from __future__ import annotations

import hashlib
import os
from typing import Self

import msgspec

from rivven_connect._catalog import ConfiguredStream, SyncMode
from rivven_connect._errors import ConnectorError
from rivven_connect._json import JsonObject
from rivven_connect._state import State, StreamState

_SAMPLE_BYTES = 1_024
_RESET = (
    "to read it from its start, reset its state with "
    "`rivven state reset PIPELINE.yaml --source NAME`"
)


class Position(msgspec.Struct):
    """The offset of the next byte to read, with samples of what lies before it.

    The state holds the offset and a hash of both samples. A file that only grows keeps them; one
    that was truncated, replaced or rewritten does not. A copy with the same bytes is the same file.
    """

    offset: int = 0
    _head: bytes = b""
    _tail: bytes = b""

    def advance(self, raw: bytes) -> None:
        """Move behind `raw`, the bytes at the offset."""
        if len(self._head) < _SAMPLE_BYTES:
            self._head = (self._head + raw[:_SAMPLE_BYTES])[:_SAMPLE_BYTES]
        self._tail = (self._tail + raw[-_SAMPLE_BYTES:])[-_SAMPLE_BYTES:]
        self.offset += len(raw)

    def is_in_line(self) -> bool:
        """Whether the last line before it has no newline."""
        return bool(self._tail) and not self._tail.endswith(b"\n")

    def to_state(self) -> JsonObject:
        """Return the state that `resumed` starts from."""
        return {"offset": self.offset, "fingerprint": self._fingerprint()}

    @classmethod
    def resumed(cls, descriptor: int, path: str, saved: StreamState, *, unfinished: str) -> Self:
        """Return the saved position in the open file; `unfinished` tells what a growing file needs.

        Raises:
            ConnectorError: the file is not the one that the position is of; says what to do.
        """
        offset = saved.get("offset", int)
        if offset is None or offset < 0:
            raise ConnectorError.state(f"the saved state names no place in {path}; {_RESET}")
        size = os.fstat(descriptor).st_size
        if size < offset:
            raise ConnectorError.state(
                f"{path} has {size} bytes and was read up to byte {offset}: it was truncated or "
                f"replaced; {_RESET}"
            )
        sample = min(offset, _SAMPLE_BYTES)
        found = cls(
            offset, os.pread(descriptor, sample, 0), os.pread(descriptor, sample, offset - sample)
        )
        if offset and found._fingerprint() != saved.get("fingerprint", str):
            raise ConnectorError.state(
                f"{path} holds other bytes before byte {offset} than those that were read: it was "
                f"replaced or rewritten; {_RESET}"
            )
        found._require_line_start(path, os.pread(descriptor, 1, offset), unfinished)
        return found

    def _require_line_start(self, path: str, following: bytes, unfinished: str) -> None:
        """Refuse to read the rest of a line whose beginning was taken for a whole one."""
        if self.is_in_line() and following not in {b"", b"\n", b"\r"}:
            raise ConnectorError.state(
                f"the last line of {path} had no newline when it was read, and has grown since; "
                f"{unfinished}; {_RESET}"
            )

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(b"%d:%b%b" % (len(self._head), self._head, self._tail))
        return digest.hexdigest()[:32]


def saved_place(chosen: ConfiguredStream, state: State | None) -> StreamState | None:
    """Return where to go on in a file; None where a full refresh starts over."""
    saved = state.get_stream(chosen.stream.full_name()) if state else None
    starts_over = chosen.sync_mode is SyncMode.FULL_REFRESH
    if saved is not None and starts_over and saved.get("complete", bool, False):
        return None
    return saved
