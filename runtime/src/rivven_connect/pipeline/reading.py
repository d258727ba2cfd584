"""The reading half of a source: items in, pieces of known size out, transforms in between."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection

import msgspec

from rivven_connect._adapters import close_iterator
from rivven_connect._batch import EventBatch, Item, PassedBatch, Poison
from rivven_connect._cancellation import connector_call
from rivven_connect._errors import ConnectorError
from rivven_connect._events import CONTROLS, EventType, SourceEvent, full_name
from rivven_connect._failpoints import failpoint
from rivven_connect._json import UNENCODABLE, Json, encode_json
from rivven_connect._redaction import redact
from rivven_connect._sink import BatchForm, JsonForm
from rivven_connect._state import GLOBAL_STREAM
from rivven_connect.metric_names import READ_LATENCY_SECONDS
from rivven_connect.pipeline.blocks import Block, HeldBatch, part_of
from rivven_connect.pipeline.chain import TransformChain, Transformed
from rivven_connect.pipeline.cutting import LARGEST_PIECE, Cutter, PieceLimits
from rivven_connect.pipeline.draft import Draft
from rivven_connect.pipeline.patience import Patience
from rivven_connect.pipeline.plan import SourcePlan
from rivven_connect.pipeline.refusals import Refusals
from rivven_connect.pipeline.schemas import StreamSchemas
from rivven_connect.pipeline.store import StateKey
from rivven_connect.pipeline.window import Piece, Window

_log = logging.getLogger("rivven_connect.source")

_ALONE = CONTROLS | {EventType.TRUNCATE}

_LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40}


class SourceReader:
    """Reads one source into its window; what was read before a failure still counts.

    A draft goes into the window as a piece when it is full, or when the window's tick asks for it.
    Records travel in blocks. One by one go only those that came so, that a transform waits for, or
    that are at fault.
    """

    def __init__(
        self,
        plan: SourcePlan,
        schemas: StreamSchemas,
        *,
        chain: TransformChain,
        patience: Patience,
        limits: PieceLimits,
        forms: Collection[BatchForm],
        json_form: JsonForm,
        qualifies: bool,
        make_window: Callable[[Callable[[], None]], Window],
    ) -> None:
        self._plan = plan
        self._schemas = schemas
        self._chain = chain
        self._transforms = bool(chain)
        self._reads_by_hooks = plan.reads_by_hooks
        self._qualifies = qualifies
        self._patience = patience
        self.window = make_window(self.hand_off)
        self._columnar = "arrow" in forms
        self._draft = Draft(forms, json_form)
        self._refusals = Refusals(plan, self._draft)
        self._reading = patience.timing(READ_LATENCY_SECONDS)
        self._steps = 0
        self._unpaid = 0
        self._cutter = Cutter(limits, self.window, self._draft)

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
        piece = self._draft.take()
        if piece.is_empty():
            return
        failpoint("transformed")
        self.window.put(piece)
        failpoint("handed_off")

    def rush(self) -> None:
        """Put the draft into the window, and have all of it delivered now."""
        self.hand_off()
        self.window.put(Piece(urgent=True))

    def _is_due(self, steps: int = 1) -> bool:
        """Whether the draft is a full piece; asked once behind every record or block of them."""
        # Only now: what took its time in a transform must not find that the tick has gone by.
        self.window.announce()
        self._steps += steps
        return (
            self._unpaid >= self._cutter.limits.max_records
            or self._steps >= LARGEST_PIECE
            or self._cutter.is_full()
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
        # A source's own `read` may have changed what the hooks gave, and still look at it.
        if self._reads_by_hooks and isinstance(batch, PassedBatch):
            batch = batch.take()
        key = (full_name(batch.stream, batch.namespace), batch.partition)
        if batch.event_types and not _ALONE.isdisjoint(batch.event_types):
            await self._each(batch, key)
        else:
            await self._blocks(batch, key)
        if batch.state is not None:
            self._state(key, batch.state)
        if batch.flush:
            self.rush()

    async def _blocks(self, batch: EventBatch, key: StateKey) -> None:
        """Take a batch in parts that fit a piece; what is wrong with one of them goes singly."""
        start, total = 0, len(batch)
        is_wanted = self._schemas.selects(key[0])
        is_columnar = batch.is_columnar() and (not is_wanted or self._takes_columns(key))
        while start < total:
            if is_columnar:
                part = self._cutter.columns(batch, start)
            else:
                if self._cutter.would_split(total - start):
                    await self._put()
                part = part_of(batch, start, start + self._cutter.room())
                part.records = part.rows()
            start += len(part)
            if not is_wanted:
                self._count(len(part))
                self._draft.piece.filtered += len(part)
            elif not await self._together(part, key):
                await self._each(part, key)
                continue
            if self._is_due(len(part)):
                await self._put()

    def _takes_columns(self, key: StateKey) -> bool:
        """Whether a sink takes columns, and nothing on this side of the window works on rows."""
        return self._columnar and not self._transforms and not self._schemas.looks_at(key[0])

    async def _together(self, part: EventBatch, key: StateKey) -> bool:
        """Add a part as a whole; False, and nothing done, where its records have to go singly."""
        if not (self._chain.is_plain and self._schemas.fits(key[0], part)):
            return False
        records, positions = part.records, part.positions
        part.records = self._schemas.with_fields(key[0], part)
        if self._qualifies and positions is not None:
            part.positions = [one if one is None else [self._plan.name, one] for one in positions]
        if self._transforms:
            await self._transform_all(part, key)
            return True
        block = self._whole_block(part, key)
        if block is None:
            part.records, part.positions = records, positions
            return False
        if self._cutter.is_too_much(block):
            await self._put()
        self._count(len(part))
        self._draft.add(block)
        return True

    def _whole_block(self, batch: EventBatch, key: StateKey) -> Block | None:
        """Return a batch as a block, unless its records have to go singly."""
        with contextlib.suppress(*UNENCODABLE):
            block = self._draft.block_of_rows(batch, key)
            return block if self._cutter.adapt(block) else None
        return None

    def _count(self, records: int) -> None:
        self._draft.piece.read += records
        self._unpaid += records

    async def _each(self, batch: EventBatch, key: StateKey) -> None:
        """Take the records of a batch one by one."""
        for event in batch.events():
            event.state = None
            if self._admit(event, key):
                await self._transform(event, key)
            if self._is_due():
                await self._put()

    async def _transform_all(self, part: EventBatch, key: StateKey) -> None:
        """Transform the records of a part together."""
        found = Transformed()
        try:
            await self._chain.apply_all(part, self._plan.name, found)
        finally:
            self._count(found.read)
            self._note(found)
            block = self._whole_block(found.whole, key) if found.whole is not None else None
            if block is None:
                self._add_all(found.events, key)
            else:
                self._add_block(block)

    def _add_all(self, events: list[SourceEvent], key: StateKey) -> None:
        """Add events, together where they fit a piece; they are counted, so nothing waits here."""
        most = self._cutter.limits.max_records
        for start in range(0, len(events), most):
            some = events[start : start + most]
            blocks: list[Block] = []
            with contextlib.suppress(*UNENCODABLE):
                blocks = self._draft.blocks_of_events(some, key)
            if blocks and all(map(self._cutter.adapt, blocks)):
                for block in blocks:
                    self._add_block(block)
                continue
            for event in some:
                self._add(event, key)

    def _add_block(self, block: Block) -> None:
        """Add a block whose records are counted, so nothing waits here."""
        if self._cutter.is_too_much(block):
            self.hand_off()
        self._draft.add(block)

    async def _event(self, event: SourceEvent, key: StateKey) -> None:
        # What the source said: a transform has no say in where it resumes.
        state = None if event.is_control else event.state
        if self._admit(event, key):
            await self._transform(event, key)
        if state is not None:
            self._state(key, state)

    def _admit(self, event: SourceEvent, key: StateKey) -> bool:
        """Count an event and bring it to its place; True where the transforms are still to come."""
        if event.event_type in CONTROLS:
            self._control(event)
            return False
        self._count(1)
        if self._qualifies and event.position is not None:
            event.position = [self._plan.name, event.position]
        if not self._schemas.selects(key[0]):
            self._draft.piece.filtered += 1
        elif event.event_type is EventType.TRUNCATE:
            # A block of its own: it has no record, so no transform sees it.
            self._draft.add(Block(key, HeldBatch([event]), 0))
        elif reason := self._schemas.misfit(key[0], event):
            self._refusals.misfit(event, reason)
        else:
            self._schemas.keep_fields(key[0], event)
            if self._transforms:
                return True
            self._add(event, key)
        return False

    async def _transform(self, event: SourceEvent, key: StateKey) -> None:
        found = Transformed()
        # Counted where it ends: the draft may be handed off while the transform waits.
        self._draft.piece.read -= 1
        await self._chain.apply(event, self._plan.name, found)
        self._draft.piece.read += 1
        for one in found.events:
            self._add(one, key)
        self._note(found)

    def _note(self, found: Transformed) -> None:
        for letter in found.letters:
            self._draft.keep(letter)
        self._draft.piece.filtered += found.filtered
        self._draft.piece.dropped += found.dropped

    def _add(self, event: SourceEvent, key: StateKey) -> None:
        """Add an event to the draft; one that is not JSON fails like any other bad record."""
        limits = self._cutter.limits
        if self._draft.records >= limits.max_records or self._draft.weight >= limits.max_bytes:
            self.hand_off()  # one record has become many
        try:
            size = len(encode_json(event.data))
            if event.metadata is not None:
                size += len(msgspec.json.encode(event.metadata))
        except UNENCODABLE as error:
            self._refusals.unencodable(event, error)
        else:
            self._draft.add_event(event, key, size)

    def _poison(self, poison: Poison) -> None:
        if self._schemas.selects(poison.stream):
            self._refusals.poison(poison)
        else:
            self._draft.piece.read += 1
            self._draft.piece.filtered += 1

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
        except UNENCODABLE as error:
            raise ConnectorError.state(f"the state of {key[0]!r} is not JSON: {error}") from error
        self._draft.note_state(key, encoded)
