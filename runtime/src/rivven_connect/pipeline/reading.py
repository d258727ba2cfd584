"""The reading half of a source: items in, units of known size out, transforms in between."""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import AsyncIterator, Callable

from rivven_connect._adapters import close_iterator
from rivven_connect._batch import EventBatch, Item, Poison
from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._errors import ConnectorError, PipelineError
from rivven_connect._events import EventType, SourceEvent
from rivven_connect._failpoints import failpoint
from rivven_connect._json import Json, JsonObject, decode_json, encode_json
from rivven_connect._redaction import redact
from rivven_connect._state import GLOBAL_STREAM
from rivven_connect.pipeline.chain import TransformChain, Transformed
from rivven_connect.pipeline.dead_letters import DeadLetter, event_letter, poison_letter
from rivven_connect.pipeline.plan import SourcePlan
from rivven_connect.pipeline.store import StateKey
from rivven_connect.pipeline.window import RECORD_OVERHEAD, Unit, Window

_log = logging.getLogger("rivven_connect.source")

_LARGEST_PIECE = 1_000
_LARGEST_PIECE_BYTES = 1024 * 1024
_LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40}


class SourceReader:
    """Reads one source into its window; what was read before a failure still counts.

    A draft goes into the window after 1,000 records, or fewer large ones, so that the window's bound
    in bytes holds; or when the window's timer asks for it.
    """

    def __init__(
        self,
        plan: SourcePlan,
        catalog: ConfiguredCatalog,
        chain: TransformChain,
        make_window: Callable[[Callable[[], None]], Window],
    ) -> None:
        self._plan = plan
        self._chain = chain
        self.window = make_window(self.hand_off)
        self._chosen = {one.stream.full_name(): one for one in catalog.streams}
        self._selects = plan.streams is not None
        self._draft = Unit()
        self._steps = 0
        self._piece_bytes = min(_LARGEST_PIECE_BYTES, self.window.max_bytes // 8)

    async def run(self, items: AsyncIterator[Item]) -> None:
        """Read to the end of `items`, or until cancelled; then the window has ended.

        Raises:
            PipelineError: a record failed where `on_error` is `stop`.
            Exception: whatever the source raised; everything before it is in the window.
        """
        try:
            async for item in items:
                failpoint("read")
                await self._take(item)
                await self._put_when_full()
        finally:
            self.hand_off()
            self.window.end()
            await close_iterator(items)

    def hand_off(self) -> None:
        """Put the draft into the window."""
        draft, self._draft = self._draft, Unit()
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

    async def _put_when_full(self) -> None:
        # Only now: what took its time in a transform must not find that the timer has gone by.
        self.window.announce()
        draft = self._draft
        self._steps += 1
        if (
            draft.read < min(_LARGEST_PIECE, self.window.free_records())
            and draft.weight < self._piece_bytes
            and self._steps < _LARGEST_PIECE
        ):
            return
        self._steps = 0
        self.hand_off()
        await self.window.wait_for_space()
        # A hook that never waits would otherwise keep the loop to itself.
        await asyncio.sleep(0)

    async def _take(self, item: Item) -> None:
        if isinstance(item, SourceEvent):
            await self._event(item)
        elif isinstance(item, EventBatch):
            await self._batch(item)
        elif isinstance(item, Poison):
            self._poison(item)
        else:
            raise ConnectorError.internal(
                f"read yields events, batches or Poison, not {type(item).__name__}"
            )

    async def _batch(self, batch: EventBatch) -> None:
        for event in batch.events():
            event.state = None
            await self._event(event)
            await self._put_when_full()
        if batch.state is not None:
            name = f"{batch.namespace}.{batch.stream}" if batch.namespace else batch.stream
            self._state((name, batch.partition), batch.state)
        if batch.flush:
            self.hand_off()
            self.window.put(Unit(), urgent=True)

    async def _event(self, event: SourceEvent) -> None:
        if event.is_control:
            self._control(event)
            return
        name = f"{event.namespace}.{event.stream}" if event.namespace else event.stream
        chosen = self._chosen.get(name)
        if chosen is not None and chosen.fields is not None:
            _keep_fields(event, chosen.fields)
        if chosen is None and self._selects:
            self._draft.filtered += 1
        elif self._chain:
            await self._transform(event)
        else:
            self._add(event)
        self._draft.read += 1
        if event.state is not None:
            self._state((name, ""), event.state)

    async def _transform(self, event: SourceEvent) -> None:
        found = Transformed()
        await self._chain.apply(event, self._plan.name, found)
        # The draft may have been handed off meanwhile; it is read only now.
        for one in found.events:
            self._add(one)
        for letter in found.letters:
            self._keep(letter)
        self._draft.filtered += found.filtered
        self._draft.dropped += found.dropped

    def _add(self, event: SourceEvent) -> None:
        """Add an event to the draft; one that is not JSON fails like any other bad record."""
        draft = self._draft
        try:
            size = len(encode_json(event.data))
        except (TypeError, ValueError, RecursionError) as error:
            reason = f"the record is not JSON: {error}"
            if self._plan.on_error == "stop":
                raise PipelineError(self._where(event.stream, reason)) from error
            self._reject(self._letter(event, reason))
            return
        draft.events.append(event)
        draft.size += size
        draft.weight += size + RECORD_OVERHEAD

    def _keep(self, letter: DeadLetter) -> None:
        self._draft.letters.append(letter)
        self._draft.weight += len(letter.raw or b"") + RECORD_OVERHEAD

    def _poison(self, poison: Poison) -> None:
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

    def _letter(self, event: SourceEvent, reason: str) -> DeadLetter:
        return event_letter(
            event,
            kind="poison",
            path=f"sources/{self._plan.name}",
            source=self._plan.name,
            sink=None,
            error=reason,
            error_class="serialization",
            record=repr(event.data)[:10_000],
        )

    def _control(self, event: SourceEvent) -> None:
        if event.event_type is EventType.STATE:
            name = event.stream or GLOBAL_STREAM
            self._state((name, ""), event.data)
        elif event.event_type is EventType.LOG and isinstance(event.data, dict):
            level = _LEVELS.get(str(event.data.get("level")), logging.INFO)
            message = redact(str(event.data.get("message")))
            _log.log(level, "source %s: %s", self._plan.name, message)
        else:
            _log.info("source %s: the schema of %s changed", self._plan.name, event.stream)

    def _state(self, key: StateKey, state: Json) -> None:
        """Note a resume point; an empty one never replaces what is known."""
        if not state:
            return
        try:
            encoded = encode_json(state)
            known: JsonObject = decode_json(encoded)
        except (TypeError, ValueError, RecursionError) as error:
            raise ConnectorError.state(f"the state of {key[0]!r} is not JSON: {error}") from error
        if not isinstance(known, dict):
            raise ConnectorError.state(f"the state of {key[0]!r} is not an object")
        self._draft.states[key] = encoded

    def _where(self, stream: str, reason: str) -> str:
        return f"source {self._plan.name!r}, stream {stream!r}: {reason}"


def _keep_fields(event: SourceEvent, fields: list[str]) -> None:
    if event.event_type is EventType.UPDATE and isinstance(event.data, dict):
        event.data = {side: _only(record, fields) for side, record in event.data.items()}
    else:
        event.data = _only(event.data, fields)


def _only(record: Json, fields: list[str]) -> Json:
    if not isinstance(record, dict):
        return record
    return {name: record[name] for name in fields if name in record}
