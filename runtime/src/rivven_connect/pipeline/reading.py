"""The reading half of a source: items in, pieces of known size out, transforms in between."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import logging
from collections.abc import AsyncIterator, Callable

import msgspec

from rivven_connect._adapters import close_iterator
from rivven_connect._batch import EventBatch, Item, Poison
from rivven_connect._cancellation import connector_call
from rivven_connect._errors import ConnectorError, PipelineError
from rivven_connect._events import CONTROLS, EventType, SourceEvent, full_name
from rivven_connect._failpoints import failpoint
from rivven_connect._json import Json, encode_json
from rivven_connect._redaction import redact
from rivven_connect._state import GLOBAL_STREAM
from rivven_connect.metric_names import READ_LATENCY_SECONDS
from rivven_connect.pipeline.chain import TransformChain, Transformed
from rivven_connect.pipeline.dead_letters import DeadLetter, event_letter, poison_letter
from rivven_connect.pipeline.originals import unreadable
from rivven_connect.pipeline.patience import Patience
from rivven_connect.pipeline.plan import SourcePlan
from rivven_connect.pipeline.schemas import StreamSchemas
from rivven_connect.pipeline.store import StateKey
from rivven_connect.pipeline.window import RECORD_OVERHEAD, Piece, Window

_log = logging.getLogger("rivven_connect.source")

_LARGEST_PIECE = 1_000
_LARGEST_PIECE_BYTES = 1024 * 1024
_LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40}


@dataclasses.dataclass(frozen=True, slots=True)
class PieceLimits:
    """How large a piece may be: no sink splits one."""

    max_records: int = _LARGEST_PIECE
    max_bytes: int = _LARGEST_PIECE_BYTES


class SourceReader:
    """Reads one source into its window; what was read before a failure still counts.

    A draft goes into the window as a piece when it is full, or when the window's tick asks for it.
    """

    def __init__(
        self,
        plan: SourcePlan,
        schemas: StreamSchemas,
        *,
        chain: TransformChain,
        patience: Patience,
        limits: PieceLimits,
        qualifies: bool,
        make_window: Callable[[Callable[[], None]], Window],
    ) -> None:
        self._plan = plan
        self._schemas = schemas
        self._chain = chain
        self._transforms = bool(chain)
        self._qualifies = qualifies
        self._patience = patience
        self.window = make_window(self.hand_off)
        self._draft = Piece()
        self._reading = patience.timing(READ_LATENCY_SECONDS)
        self._steps = 0
        self._unpaid = 0
        self._piece_records = limits.max_records
        self._piece_bytes = min(limits.max_bytes, self.window.max_bytes // 8)

    async def run(self, items: AsyncIterator[Item]) -> None:
        """Read to the end of `items`, or until cancelled; then the window has ended.

        Raises:
            PipelineError: a record failed where `on_error` is `stop`.
            Exception: whatever the source raised; everything before it is in the window.
        """
        try:
            with connector_call("read"):
                async for item in items:
                    failpoint("read")
                    await self._take(item)
                    if self._is_due():
                        await self._put()
        finally:
            self.hand_off()
            self.window.end()
            await close_iterator(items)

    def hand_off(self) -> None:
        """Put the draft into the window."""
        draft, self._draft = self._draft, Piece()
        if draft.is_empty():
            return
        now = None
        for event in draft.events:
            if event.timestamp is None:
                now = now or datetime.datetime.now(datetime.UTC)
                event.timestamp = now
        failpoint("transformed")
        self.window.put(draft)
        failpoint("handed_off")

    def _is_due(self) -> bool:
        """Whether the draft is a full piece; asked once behind every record."""
        # Only now: what took its time in a transform must not find that the tick has gone by.
        self.window.announce()
        draft = self._draft
        self._steps += 1
        return (
            self._unpaid >= self._piece_records
            or len(draft.events) >= self._piece_records
            or draft.weight >= self._piece_bytes
            or self._steps >= _LARGEST_PIECE
            or draft.read >= self.window.free_records()
        )

    async def _put(self) -> None:
        """Make the draft a piece; pieces wait for room, and the loop gets its turn."""
        self._reading.stop()
        self.hand_off()
        unpaid, self._unpaid, self._steps = self._unpaid, 0, 0
        await self._patience.pace(unpaid)
        await self.window.wait_for_space()
        # A hook that never waits would otherwise keep the loop to itself.
        await asyncio.sleep(0)
        self._reading = self._patience.timing(READ_LATENCY_SECONDS)

    async def _take(self, item: Item) -> None:
        if isinstance(item, SourceEvent):
            await self._event(item, (item.full_name(), ""))
        elif isinstance(item, EventBatch):
            await self._batch(item)
        elif isinstance(item, Poison):
            self._poison(item)
        else:
            raise ConnectorError.internal(
                f"read yields events, batches or Poison, not {type(item).__name__}"
            )

    async def _batch(self, batch: EventBatch) -> None:
        name = full_name(batch.stream, batch.namespace)
        key = (name, batch.partition)
        for event in batch.events():
            event.state = None
            if self._admit(event, key):
                await self._transform(event, key)
            if self._is_due():
                await self._put()
        if batch.state is not None:
            self._state(key, batch.state)
        if batch.flush:
            self.hand_off()
            self.window.put(Piece(urgent=True))

    async def _event(self, event: SourceEvent, key: StateKey) -> None:
        if self._admit(event, key):
            await self._transform(event, key)
        if event.state is not None and not event.is_control:
            self._state(key, event.state)

    def _admit(self, event: SourceEvent, key: StateKey) -> bool:
        """Count an event and bring it to its place; True where the transforms are still to come."""
        if event.event_type in CONTROLS:
            self._control(event)
            return False
        self._draft.read += 1
        self._unpaid += 1
        if self._qualifies and event.position is not None:
            event.position = [self._plan.name, event.position]
        if not self._schemas.selects(key[0]):
            self._draft.filtered += 1
        elif reason := self._schemas.misfit(key[0], event):
            self._refuse(event, "schema", reason)
        else:
            self._schemas.keep_fields(key[0], event)
            if self._transforms:
                return True
            self._add(event, key)
        return False

    async def _transform(self, event: SourceEvent, key: StateKey) -> None:
        found = Transformed()
        # Counted where it ends: the draft may be handed off while the transform waits.
        self._draft.read -= 1
        await self._chain.apply(event, self._plan.name, found)
        self._draft.read += 1
        for one in found.events:
            self._add(one, key)
        for letter in found.letters:
            self._keep(letter)
        self._draft.filtered += found.filtered
        self._draft.dropped += found.dropped

    def _add(self, event: SourceEvent, key: StateKey) -> None:
        """Add an event to the draft; one that is not JSON fails like any other bad record."""
        draft = self._draft
        try:
            size = len(encode_json(event.data))
            if event.metadata is not None:
                size += len(msgspec.json.encode(event.metadata))
        except (TypeError, ValueError, RecursionError) as error:
            self._refuse(event, "serialization", f"the record is not JSON: {error}")
            return
        if not draft.runs or draft.runs[-1][1] != key:
            draft.runs.append((len(draft.events), key))
        draft.events.append(event)
        draft.size += size
        draft.weight += size + RECORD_OVERHEAD

    def _keep(self, letter: DeadLetter) -> None:
        self._draft.letters.append(letter)
        self._draft.weight += letter.weight() + RECORD_OVERHEAD

    def _poison(self, poison: Poison) -> None:
        if not self._schemas.selects(poison.stream):
            self._draft.read += 1
            self._draft.filtered += 1
            return
        if self._plan.on_error == "stop":
            raise PipelineError(
                self._where(poison.stream, f"a record cannot be parsed: {poison.error}")
            )
        self._draft.read += 1
        self._reject(poison_letter(poison, self._plan.name))

    def _reject(self, letter: DeadLetter) -> None:
        if self._plan.on_error == "drop":
            self._draft.dropped += 1
            _log.warning("source %s: dropped a record of %s", self._plan.name, letter.stream)
        else:
            self._keep(letter)

    def _refuse(self, event: SourceEvent, error_class: str, reason: str) -> None:
        """Give up a record that cannot be taken, as `on_error` says."""
        if self._plan.on_error == "stop":
            self._draft.read -= 1
            raise PipelineError(self._where(event.stream, reason))
        kept = unreadable(event)
        self._reject(
            event_letter(
                kept,
                kind="schema" if error_class == "schema" else "poison",
                path=f"sources/{self._plan.name}",
                source=self._plan.name,
                sink=None,
                error=reason,
                error_class=error_class,
                record=kept.data,
            )
        )

    def _control(self, event: SourceEvent) -> None:
        if event.event_type is EventType.STATE:
            self._state((event.full_name() or GLOBAL_STREAM, ""), event.data)
        elif event.event_type is EventType.LOG and isinstance(event.data, dict):
            level = _LEVELS.get(str(event.data.get("level")), logging.INFO)
            message = redact(str(event.data.get("message")))
            _log.log(level, "source %s: %s", self._plan.name, message)
        elif event.event_type is EventType.SCHEMA and isinstance(event.data, dict):
            catalog = self._schemas.change(event, event.data)
            if catalog is not None:
                self.hand_off()
                self.window.put(Piece(catalog=catalog, urgent=True))

    def _state(self, key: StateKey, state: Json) -> None:
        """Note a resume point; an empty one never replaces what is known."""
        if not state:
            return
        if not isinstance(state, dict):
            raise ConnectorError.state(f"the state of {key[0]!r} is not an object")
        try:
            encoded = encode_json(state)
        except (TypeError, ValueError, RecursionError) as error:
            raise ConnectorError.state(f"the state of {key[0]!r} is not JSON: {error}") from error
        self._draft.states[key] = encoded
        self._draft.covers[key] = len(self._draft.events)

    def _where(self, stream: str, reason: str) -> str:
        return f"source {self._plan.name!r}, stream {stream!r}: {reason}"
