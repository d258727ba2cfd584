"""What a run and its workers say to each other: one JSON object per line, over a socket.

A worker is told its job, then `go`, `drain` and `cancel`. It says `ready`, `report`, `log`,
`signalled` and `end`. Its end of file, on either side, means that the other process has gone.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

GO: Final = b"go"
DRAIN: Final = b"drain"
CANCEL: Final = b"cancel"


@dataclass(frozen=True)
class Job:
    """What a worker runs. It travels over the socket alone: the file may hold secrets."""

    file: str
    text: str
    """The pipeline file as it was checked, whatever stands there by now."""
    sources: list[str]
    sinks: list[str]
    lock: int
    """The descriptor of the pipeline's lock, inherited."""
    term: int
    allow_inline_secrets: bool
    debug: bool


class Link:
    """A worker's end; any thread may send."""

    def __init__(self, descriptor: int, received: bytes = b"") -> None:
        self._descriptor = descriptor
        self._received = received
        self._lock = threading.Lock()
        self._is_broken = False

    def send(self, kind: str, **fields: Any) -> bool:
        """Send a message and return True; False where nobody is there to hear it."""
        data = memoryview(json.dumps({"kind": kind, **fields}).encode() + b"\n")
        with self._lock:
            try:
                while data and not self._is_broken:
                    data = data[os.write(self._descriptor, data) :]
            except OSError:
                self._is_broken = True
            return not self._is_broken

    def commands(self) -> Iterator[bytes]:
        """Yield what the worker is told, until the other process has gone.

        Reads the descriptor itself: a buffered file that a thread waits for cannot be closed at exit.
        """
        while True:
            *lines, self._received = self._received.split(b"\n")
            yield from lines
            try:
                piece = os.read(self._descriptor, 4096)
            except OSError:
                return
            if not piece:
                return
            self._received += piece
