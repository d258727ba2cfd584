"""From frames to the assembler, and when to say where we are while nothing comes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from rivven_connect.connectors.postgres_cdc_source.changes import Assembler
from rivven_connect.connectors.postgres_cdc_source.pgoutput import (
    Decoder,
    Delete,
    Insert,
    Relation,
    Update,
)
from rivven_connect.connectors.postgres_cdc_source.replication import (
    DATA,
    PAYLOAD,
    decode_keepalive,
)
from rivven_connect.connectors.postgres_cdc_source.stream import ReplicationStream


class Intake:
    """Decodes what a stream sends and feeds an assembler with it."""

    def __init__(self, stream: ReplicationStream, assembler: Assembler, pulse: Pulse) -> None:
        self._stream = stream
        self._assembler = assembler
        self._pulse = pulse
        self._decode = Decoder().decode

    def take_in(self, frames: Sequence[bytes]) -> Iterator[Relation | None]:
        """Feed frames; yield a relation that must be defined first, and None when it is time to take.

        Raises:
            ProtocolError: the server sends what cannot be read.
        """
        decode, change, feed = self._decode, self._assembler.change, self._assembler.feed
        for frame in frames:
            if frame[0] != DATA:
                self._keep_alive(frame)
                continue
            message = decode(frame, PAYLOAD)
            if isinstance(message, Insert | Update | Delete):
                if change(message.relation, message, len(frame)):
                    yield None
            elif isinstance(message, Relation):
                yield message
            else:
                feed(message)

    def _keep_alive(self, frame: bytes) -> None:
        keepalive = decode_keepalive(frame)
        self._assembler.advance(keepalive.end_lsn)
        if keepalive.wants_reply:
            self._stream.tell()
            self._pulse.is_hurried = True


class Pulse:
    """When the place is saved while no change comes: now and then, so that the server can forget."""

    def __init__(self, interval_s: float, saved: int) -> None:
        self.interval_s = interval_s
        self.is_hurried = False
        """Whether the server waits for it: it shuts down, or it has not heard from us for long."""
        self._clock = asyncio.get_running_loop().time
        self._saved = saved
        self._at = self._clock()

    def is_due(self, lsn: int, *, is_end: bool) -> bool:
        """Whether a place should be saved."""
        is_time = self.is_hurried or is_end or self._clock() - self._at >= self.interval_s
        return is_time and lsn > self._saved

    def beat(self, lsn: int) -> None:
        """Note that a place is saved."""
        self._saved, self._at, self.is_hurried = lsn, self._clock(), False
