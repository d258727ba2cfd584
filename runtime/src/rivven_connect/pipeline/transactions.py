"""Writes to a transactional sink: events and the checkpoint that covers them, or nothing.

A transaction ends at a resume point of every stream in it. What was read behind the last one waits
for the next; where it cannot wait, because the window or the batch is full or the sink has been
patient long enough, it is written as part of an unfinished sync, which another attempt replaces.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from rivven_connect._batch import Batch, Checkpoint, UnfinishedSync
from rivven_connect._cancellation import connector_call
from rivven_connect._errors import ConnectorError, PipelineError, RecordError
from rivven_connect._events import SourceEvent
from rivven_connect._failpoints import failpoint
from rivven_connect._failures import classify
from rivven_connect._json import JsonObject, decode_json
from rivven_connect._sink import TransactionalSink
from rivven_connect._state import GLOBAL_STREAM
from rivven_connect._verdict import judge
from rivven_connect.metric_names import WRITE_LATENCY_SECONDS
from rivven_connect.pipeline.blocks import Block
from rivven_connect.pipeline.dead_letters import DeadLetter
from rivven_connect.pipeline.ledger import Entry
from rivven_connect.pipeline.patience import Patience
from rivven_connect.pipeline.plan import SinkPlan
from rivven_connect.pipeline.rejection import Attempt, Origins, sink_counts
from rivven_connect.pipeline.state_schema import state_name
from rivven_connect.pipeline.store import StateKey
from rivven_connect.pipeline.summary import ConnectorCounts

Origin = tuple[str, StateKey]
"""Source id, then stream and partition."""

States = dict[str, dict[str, JsonObject]]
"""Source id -> stream -> state."""

ByStream = list[tuple[StateKey, list[SourceEvent], list[SourceEvent]]]
"""Of one piece, each stream's events: those that the piece's state covers, and those behind it."""


class Covered(msgspec.Struct):
    """What a transaction with a checkpoint holds: events up to resume points, and these."""

    events: list[tuple[str, list[SourceEvent]]] = msgspec.field(default_factory=list)
    changed: States = msgspec.field(default_factory=dict)


class Tails:
    """Events behind the last resume point of their stream, which wait for the next."""

    def __init__(self) -> None:
        self._chunks: dict[Origin, list[tuple[Entry, list[SourceEvent]]]] = {}
        self._left: dict[Entry, int] = {}
        self.records = 0

    def hold(self, origin: Origin, entry: Entry, events: list[SourceEvent]) -> None:
        """Let events wait; their piece is not done before them."""
        self._chunks.setdefault(origin, []).append((entry, events))
        self._left[entry] = self._left.get(entry, 0) + 1
        self.records += len(events)

    def waits(self, entry: Entry) -> bool:
        """Whether events of a piece wait."""
        return entry in self._left

    def origins(self) -> list[Origin]:
        """Return the streams that have events here, in the order in which they came."""
        return list(self._chunks)

    def release(self, origin: Origin) -> tuple[list[SourceEvent], list[Entry]]:
        """Return a stream's events, and the pieces that are through with them."""
        events: list[SourceEvent] = []
        through = []
        for entry, some in self._chunks.pop(origin, []):
            events += some
            self._left[entry] -= 1
            if not self._left[entry]:
                del self._left[entry]
                through.append(entry)
        self.records -= len(events)
        return events, through


class TransactionWriter:
    """Drives `write_transaction`: resume points first, tails where they cannot wait."""

    def __init__(
        self,
        plan: SinkPlan,
        sink: TransactionalSink[Any],
        patience: Patience,
        keep: Callable[[Sequence[DeadLetter]], Awaitable[None]],
        *,
        pipeline: str,
        term: int,
    ) -> None:
        self._plan = plan
        self._sink = sink
        self._patience = patience
        self._keep = keep
        self._pipeline = pipeline
        self._term = term
        self._epoch = term << 32
        self._durable: States = {}
        self._tails = Tails()
        self._unfinished: dict[Origin, str] = {}

    @property
    def waiting(self) -> int:
        """Events that wait for a resume point."""
        return self._tails.records

    async def committed(self) -> Checkpoint | None:
        """Return what the sink holds, and take the sink over from any earlier run.

        Raises:
            RivvenError: the sink cannot say.
        """
        found = await self._patience.insist(
            "committed_checkpoint",
            lambda: self._sink.committed_checkpoint(
                self._plan.config, self._pipeline, self._plan.name
            ),
        )
        # Sources that do not run today keep their place in what the sink holds.
        held = found.state if found is not None else {}
        self._durable = {source: dict(states) for source, states in held.items()}
        return found

    def begin(self, source: str, state: dict[str, JsonObject]) -> None:
        """Say where a source stands when its reading begins."""
        self._durable[source] = dict(state)

    async def write(
        self,
        entries: Sequence[tuple[Entry, ByStream]],
        *,
        everything: bool,
    ) -> tuple[list[Entry], ConnectorCounts]:
        """Write what the entries' checkpoints cover; with `everything`, or else nothing, the tails.

        Return the pieces that are through, and what was done.

        Raises:
            RivvenError: an event has come to no end; nothing of it may be committed.
        """
        counts = sink_counts(self._plan)
        covered, through = self._cover(entries)
        if covered.events or covered.changed:
            await self._transact(covered.events, covered.changed, None, counts)
            self._finish(covered.changed)
        if everything or not (covered.events or covered.changed):
            for origin in self._tails.origins():
                events, released = self._tails.release(origin)
                await self._transact([(origin[0], events)], {}, self._sync(origin), counts)
                through += released
        return through, counts

    def _cover(self, entries: Sequence[tuple[Entry, ByStream]]) -> tuple[Covered, list[Entry]]:
        covered = Covered()
        through: list[Entry] = []
        for entry, streams in entries:
            source = entry.source
            for key in entry.piece.states:
                for origin in self._reached(source, key):
                    events, released = self._tails.release(origin)
                    covered.events.append((source, events))
                    through += released
            for key, before, behind in streams:
                if before:
                    covered.events.append((source, before))
                if behind:
                    self._tails.hold((source, key), entry, behind)
            for key, encoded in entry.piece.states.items():
                name = state_name(key)
                covered.changed.setdefault(source, {})[name] = decode_json(encoded)
            if not self._tails.waits(entry):
                through.append(entry)
        covered.events = [(source, events) for source, events in covered.events if events]
        return covered, through

    def _reached(self, source: str, key: StateKey) -> list[Origin]:
        """Return the tails that a state covers."""
        if key[0] != GLOBAL_STREAM:
            return [(source, key)]
        return [origin for origin in self._tails.origins() if origin[0] == source]

    def _sync(self, origin: Origin) -> UnfinishedSync:
        source, key = origin
        attempt = f"{self._term}.{self._epoch & 0xFFFFFFFF}"
        name = self._unfinished.setdefault(origin, attempt)
        return UnfinishedSync(source, state_name(key), name)

    def _finish(self, changed: States) -> None:
        """Forget the unfinished syncs that a checkpoint has made final."""
        for source, states in changed.items():
            for origin in [one for one in self._unfinished if one[0] == source]:
                if state_name(origin[1]) in states or GLOBAL_STREAM in states:
                    del self._unfinished[origin]

    async def abandon(self, source: str) -> None:
        """Let the sink delete what an unfinished sync of a source has written: it is read again."""
        counts = sink_counts(self._plan)
        for origin in [one for one in self._unfinished if one[0] == source]:
            del self._unfinished[origin]
            await self._transact([], {}, self._sync(origin), counts)

    async def _transact(
        self,
        groups: list[tuple[str, list[SourceEvent]]],
        changed: States,
        sync: UnfinishedSync | None,
        counts: ConnectorCounts,
    ) -> None:
        """Write one transaction; records that the sink gives up are dead letters before it."""
        state = {source: dict(states) for source, states in self._durable.items()}
        for source, states in changed.items():
            state.setdefault(source, {}).update(states)
        attempt = Attempt(self._plan, _origins(groups), counts)
        pending: Sequence[SourceEvent] = [event for _, events in groups for event in events]
        guard = self._patience.guard()
        while True:
            batch = Batch(
                self._pipeline,
                self._plan.name,
                self._epoch,
                pending,
                Checkpoint(state, changed),
                sync,
            )
            try:
                failpoint("before_write")
                left = await self._submit(batch, attempt, guard.attempt + 1)
                failpoint("after_write")
            except Exception as error:  # noqa: BLE001  # a connector may raise anything; `pause` decides
                await self._patience.pause(guard, _located(error))
                continue
            if left is None:
                break
            pending = left
        # Tried again alone, because what it follows is committed.
        await self._patience.insist("flush", lambda: self._sink.flush(self._plan.config))
        failpoint("after_flush")
        self._patience.succeeded()
        counts.written += len(pending)
        self._durable = state
        self._epoch += 1

    async def _submit(
        self, batch: Batch, attempt: Attempt, tries: int
    ) -> Sequence[SourceEvent] | None:
        """Write once; None if it is committed, else what to write instead.

        Raises:
            Exception: nothing was committed, or nobody knows; the same is written again.
        """
        events = batch.events
        await self._patience.pace(len(events))
        with self._patience.timing(WRITE_LATENCY_SECONDS), connector_call("write_transaction"):
            result = await self._sink.write_transaction(self._plan.config, batch)
        # Nothing of a transaction with failures is committed, so order is never at stake.
        verdict = judge(result, events, order_safe=True, all_or_nothing=True)
        if verdict.rejected:
            for failed in verdict.rejected:
                attempt.reject(failed.event, failed.error, "rejected", tries)
            await self._keep(attempt.letters)
            failpoint("sink_letters_kept")
            attempt.counts.dead_letters += len(attempt.letters)
            attempt.letters.clear()
            gone = {id(failed.event) for failed in verdict.rejected}
            return [event for event in events if id(event) not in gone]
        if verdict.again:
            raise ConnectorError.transient(verdict.reason)
        attempt.counts.bytes += result.bytes_written
        return None


def _origins(groups: list[tuple[str, list[SourceEvent]]]) -> Origins:
    """Return the events of a transaction by source."""
    return Origins([(source, [Block.of(events)]) for source, events in groups if events])


def _located(error: Exception) -> Exception:
    """A bad record of which nobody says which one it is cannot become a dead letter."""
    failure = classify(error)
    if isinstance(failure, RecordError):
        return PipelineError(
            f"a transaction failed for a record that the sink did not name: {failure}"
        )
    return error
