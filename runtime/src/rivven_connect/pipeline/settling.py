"""The end of the story: what every sink has is committed, gives its room back, is acknowledged."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from rivven_connect._failpoints import failpoint
from rivven_connect._json import JsonObject, decode_json, encode_json
from rivven_connect._retry import RetryGuard
from rivven_connect._source import Source
from rivven_connect._state import State
from rivven_connect.pipeline.committer import Committer
from rivven_connect.pipeline.ledger import Entry, Ledger
from rivven_connect.pipeline.patience import Patience
from rivven_connect.pipeline.plan import SourcePlan
from rivven_connect.pipeline.state_schema import state_name
from rivven_connect.pipeline.store import StateKey
from rivven_connect.pipeline.summary import ConnectorCounts, Gauges
from rivven_connect.pipeline.window import Piece, Window


class Settler:
    """Moves the checkpoint of one source; `committed` is where it stands."""

    def __init__(
        self,
        plan: SourcePlan,
        committer: Committer,
        patience: Patience,
        guard: RetryGuard,
        gauges: Gauges,
    ) -> None:
        self._plan = plan
        self._committer = committer
        self._patience = patience
        self._guard = guard
        self._gauges = gauges
        self.committed: dict[str, JsonObject] = {}

    async def run(self, source: Source[Any], ledger: Ledger, window: Window) -> None:
        """Commit what every sink has, then give the window its room back, then acknowledge."""
        while entries := await ledger.settled():
            moved = await self._commit(entries)
            for entry in entries:
                window.release(entry.piece)
            if moved:
                await self.acknowledge(source)
                failpoint("after_acknowledge")

    async def _commit(self, entries: Sequence[Entry]) -> bool:
        """Save the states and counts of settled pieces; say whether the checkpoint moved."""
        if all(entry.piece.is_empty() and not entry.counts for entry in entries):
            return False
        encoded: dict[StateKey, bytes] = {}
        counts = [ConnectorCounts("source", self._plan.name, self._plan.spec.connector_type)]
        for entry in entries:
            encoded.update(entry.piece.states)
            _count(entry.piece, counts[0])
            counts += entry.counts
        states: dict[StateKey, JsonObject] = {
            key: decode_json(value) for key, value in encoded.items()
        }
        failpoint("before_commit")
        await self._committer.commit(self._plan.name, states, counts)
        failpoint("after_commit")
        moved = {state_name(key): state for key, state in states.items()}
        progress = any(self.committed.get(name) != state for name, state in moved.items())
        self.committed |= moved
        # A source that delivers the same again and fails again gets no further.
        if progress or not self._plan.spec.replayable:
            self._guard.reset()
        self._patience.succeeded()
        self._note_lag(entries)
        return bool(states)

    def _note_lag(self, entries: Sequence[Entry]) -> None:
        now = datetime.datetime.now(datetime.UTC)
        for entry in reversed(entries):
            newest = entry.piece.blocks[-1].newest() if entry.piece.blocks else None
            if newest is not None:
                aware = newest if newest.tzinfo else newest.replace(tzinfo=datetime.UTC)
                self._gauges.lag_s = max(0.0, (now - aware).total_seconds())
                return

    async def acknowledge(self, source: Source[Any]) -> None:
        """Tell the source what is durable; a failure is tried again and undoes nothing."""
        if not self.committed or type(source).acknowledge is Source.acknowledge:
            return
        await self._patience.insist(
            "acknowledge",
            lambda: source.acknowledge(self._plan.config, State.from_json(self.snapshot())),
        )

    def snapshot(self) -> dict[str, JsonObject]:
        """Return the committed state as a copy: a source may do with it what it likes."""
        found: dict[str, JsonObject] = decode_json(encode_json(self.committed))
        return found


def _count(piece: Piece, into: ConnectorCounts) -> None:
    into.read += piece.read
    into.filtered += piece.filtered
    into.dropped += piece.dropped
    into.written += piece.records
    into.dead_letters += len(piece.letters)
    into.bytes += piece.size
