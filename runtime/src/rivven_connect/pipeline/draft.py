"""The piece that a reader is filling: blocks of records, letters, states."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Collection

from rivven_connect._batch import EventBatch
from rivven_connect._events import SourceEvent
from rivven_connect._json import encode_lines
from rivven_connect._sink import BatchForm, JsonForm
from rivven_connect.pipeline.blocks import (
    RECORD_OVERHEAD,
    Block,
    EncodedBatch,
    HeldBatch,
    by_stream,
    measured,
)
from rivven_connect.pipeline.dead_letters import DeadLetter
from rivven_connect.pipeline.store import StateKey
from rivven_connect.pipeline.window import Piece


class Draft:
    """Gathers one piece after the other; `forms` are those that the source's sinks take.

    `json_form` is how those that take JSON want it. Events that come one by one gather too, and
    become a block when another stream, a state or a block follows.
    """

    def __init__(
        self,
        forms: Collection[BatchForm],
        json_form: JsonForm = JsonForm(),  # noqa: B008  # immutable
    ) -> None:
        self._wants_lines = "json" in forms
        self._only_lines = set(forms) == {"json"}
        self._json_form = json_form
        self.piece = Piece()
        self._loose: list[SourceEvent] = []
        self._loose_key: StateKey = ("", "")
        self._loose_sizes: list[int] = []
        self._loose_weight = 0

    @property
    def records(self) -> int:
        """How many records are in it."""
        return self.piece.records + len(self._loose)

    @property
    def weight(self) -> int:
        """What they weigh."""
        return self.piece.weight + self._loose_weight

    def block_of_rows(self, batch: EventBatch, key: StateKey) -> Block:
        """Return a batch as a block, in the form that the sinks take.

        Raises:
            TypeError: a record has no JSON form; likewise ValueError and RecursionError.
        """
        if batch.is_columnar():
            return Block(key, batch, batch.records.nbytes)
        if not self._wants_lines:
            return Block(key, batch, len(encode_lines(batch.records)) - len(batch))
        encoded = EncodedBatch(batch, keep=not self._only_lines, form=self._json_form)
        return Block(key, encoded, encoded.json_size())

    def blocks_of_events(self, events: list[SourceEvent], key: StateKey) -> list[Block]:
        """Return events as blocks, one for each run of one stream.

        Raises:
            TypeError: something has no JSON form; likewise ValueError and RecursionError.
        """
        return [self._block_of_held(batch, key) for batch in by_stream(events)]

    def _block_of_held(self, batch: HeldBatch, key: StateKey) -> Block:
        lines, size = measured(batch)
        if self._only_lines and batch.is_plain():
            return Block(key, EncodedBatch(batch, lines, form=self._json_form), size)
        batch.encoded = lines if self._wants_lines else None
        return Block(key, batch, size)

    def add(self, block: Block) -> None:
        """Add a block."""
        self._gather()
        self.piece.add(block)

    def add_event(self, event: SourceEvent, key: StateKey, size: int) -> None:
        """Add one event, of which `size` bytes are JSON."""
        if key != self._loose_key:
            self._gather()
            self._loose_key = key
        self._loose.append(event)
        self._loose_sizes.append(size)
        self._loose_weight += size + RECORD_OVERHEAD

    def keep(self, letter: DeadLetter) -> None:
        """Add a dead letter."""
        self.piece.letters.append(letter)
        self.piece.weight += letter.weight() + RECORD_OVERHEAD

    def note_state(self, key: StateKey, encoded: bytes) -> None:
        """Note a resume point behind everything that is here."""
        self._gather()
        self.piece.states[key] = encoded
        self.piece.covers[key] = self.piece.records

    def take(self) -> Piece:
        """Return the piece, and begin another."""
        self._gather()
        piece, self.piece = self.piece, Piece()
        if piece.blocks:
            now = datetime.datetime.now(datetime.UTC)
            for block in piece.blocks:
                block.stamp(now)
        return piece

    def _gather(self) -> None:
        """Make blocks of the loose events."""
        if not self._loose:
            return
        sizes = iter(self._loose_sizes)
        for batch in by_stream(self._loose):
            size = sum(itertools.islice(sizes, len(batch)))
            self.piece.add(Block(self._loose_key, batch, size))
        self._loose, self._loose_sizes, self._loose_weight = [], [], 0
