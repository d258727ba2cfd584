"""The marker beside a state database: a second witness of how far the state has come.

A database that was emptied, or replaced by an older copy, is whole in itself; only something outside
of it can tell. The marker holds instance, owner term, number of commits and total of the last state
that it saw:

- It is written durably after each start, which raises the owner term, and at each clean end. An older
  copy from before either is always found out.
- After each commit it is overwritten in place, without waiting for the disk. After a kill it is thus
  at most one commit behind, and an older copy from within the killed run is found out too. After a
  power failure it may be further behind; a copy of that last run, from after what had reached the
  disk of the marker, cannot be told from the truth.
- It never runs ahead of the database, which is durable first.

A folder that is restored whole, database and marker of one time, is taken for what it says it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Final, Self

import msgspec

from rivven_connect.pipeline.private_files import replace_file
from rivven_connect.pipeline.state_files import StateRefused
from rivven_connect.pipeline.state_schema import Meta

_SLOT: Final = 512
"""Bytes; what disks write as a whole. Two slots take turns, so that one is always whole."""


class Marker(msgspec.Struct, frozen=True):
    """What the marker file says."""

    instance: str
    term: int = 0
    commits: int = 0
    total: str = ""

    @classmethod
    def of(cls, meta: Meta) -> Self:
        """Return what a marker of this state says."""
        return cls(meta.instance, meta.owner_term, meta.commits, meta.total)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what is in the file, or None if there is no file.

        Raises:
            StateRefused: no slot of it is whole.
            OSError: it cannot be read.
        """
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        found = [one for slot in (raw[:_SLOT], raw[_SLOT:]) if (one := cls._decode(slot))]
        if not found:
            raise StateRefused(f"has a damaged marker, {path.name}")
        return max(found, key=lambda one: (one.term, one.commits))

    @classmethod
    def _decode(cls, slot: bytes) -> Self | None:
        text = slot.decode("ascii", "replace").strip()
        if len(text) == 32 and set(text) <= set("0123456789abcdef"):
            return cls(text)  # written by 0.1.0
        body, _, digest = text.rpartition(" ")
        if not body or hashlib.sha256(body.encode()).hexdigest() != digest:
            return None
        return cls(*json.loads(body))

    def encode(self) -> bytes:
        """Return one slot."""
        body = json.dumps([self.instance, self.term, self.commits, self.total])
        return (
            f"{body} {hashlib.sha256(body.encode()).hexdigest()}".ljust(_SLOT - 1).encode() + b"\n"
        )

    def check(self, meta: Meta) -> None:
        """Compare a database with what the marker saw of it.

        Raises:
            StateRefused: it is another database, or an older copy of this one.
        """
        if meta.instance != self.instance:
            raise StateRefused("is not the state that its marker belongs to")
        if meta.owner_term < self.term or meta.commits < self.commits:
            raise StateRefused(
                f"is an older copy: it has {meta.commits} commits of {meta.owner_term} starts, and "
                f"there were {self.commits} of {self.term}"
            )
        same = (meta.owner_term, meta.commits) == (self.term, self.commits)
        if same and self.total and meta.total != self.total:
            raise StateRefused("is a copy that went another way than the state its marker saw")


class MarkerFile:
    """The marker of an open state."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def write(self, meta: Meta) -> None:
        """Replace the file durably.

        Raises:
            OSError: it could not be written; the old one is still there.
        """
        self.close()
        replace_file(self._path, [Marker.of(meta).encode()] * 2)

    def follow(self, meta: Meta) -> None:
        """Note a commit in place, without waiting for the disk; failing to costs only a witness."""
        with contextlib.suppress(OSError):
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
            os.pwrite(self._descriptor, Marker.of(meta).encode(), meta.commits % 2 * _SLOT)

    def close(self) -> None:
        """Let go of the file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
