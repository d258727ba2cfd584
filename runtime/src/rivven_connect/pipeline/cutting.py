"""How batches are cut to pieces: no sink splits one, and nobody knows how large a record will be."""

from __future__ import annotations

import msgspec
import msgspec.structs

from rivven_connect._batch import EventBatch
from rivven_connect.pipeline.blocks import Block, part_of
from rivven_connect.pipeline.draft import Draft
from rivven_connect.pipeline.window import Window

LARGEST_PIECE = 1_000
"""Records of a piece, whatever its sinks would take."""

_LARGEST_PIECE_BYTES = 1024 * 1024

_FIRST_STRIDE = 16
"""Records of the first block; a source of large records must not have a thousand of them encoded."""


class PieceLimits(msgspec.Struct, frozen=True):
    """How large a piece may be: no sink splits one. Columns are limited by the sinks alone."""

    max_records: int = LARGEST_PIECE
    max_bytes: int = _LARGEST_PIECE_BYTES
    columnar_records: int = LARGEST_PIECE
    columnar_bytes: int = _LARGEST_PIECE_BYTES


class Cutter:
    """Says how much of a batch comes next, from what the draft and the window have room for.

    A block of rows has up to four times the records of the last one, while blocks stay small; after
    one that is too large it has one.
    """

    def __init__(self, limits: PieceLimits, window: Window, draft: Draft) -> None:
        self.limits = msgspec.structs.replace(
            limits, max_bytes=min(limits.max_bytes, window.max_bytes // 8)
        )
        self._window = window
        self._draft = draft
        self._stride = _FIRST_STRIDE

    def is_full(self) -> bool:
        """Whether the draft is a full piece."""
        draft, limits = self._draft, self.limits
        return (
            draft.records >= limits.max_records
            or draft.weight >= limits.max_bytes
            or draft.piece.read >= self._window.free_records()
        )

    def would_split(self, records: int) -> bool:
        """Whether so many records fit an empty piece, and not what is left of this one."""
        left = self.limits.max_records - self._draft.records
        return left < records <= min(self._stride, self.limits.max_records)

    def room(self) -> int:
        """Return how many rows the next part may have."""
        free = self._window.free_records() - self._draft.piece.read
        return max(1, min(self._stride, self.limits.max_records - self._draft.records, free))

    def columns(self, batch: EventBatch, start: int) -> EventBatch:
        """Return the next part of columns: cut by nothing but what nobody may exceed."""
        limits, whole = self.limits, batch.records
        free = self._window.free_records() - self._draft.piece.read
        shared = whole.slice(0, 0).nbytes  # dictionaries, of which no part has less
        per_record = max(1, (whole.nbytes - shared) // len(whole))
        count = min(
            len(whole) - start,
            limits.columnar_records,
            limits.columnar_bytes // per_record,
            max(free, limits.max_records),
        )
        while count > 1 and whole.slice(start, count).nbytes - shared > limits.columnar_bytes:
            count //= 2
        return part_of(batch, start, start + max(1, count))

    def adapt(self, block: Block) -> bool:
        """Choose the size of the next part; False where this one must go record by record."""
        if block.batch.is_columnar():
            return True
        if len(block) > 1 and block.weight > self.limits.max_bytes:
            self._stride = 1
            return False
        most = self.limits.max_bytes * len(block) // block.weight
        self._stride = max(1, min(4 * self._stride, most, LARGEST_PIECE))
        return True

    def is_too_much(self, block: Block) -> bool:
        """Whether the block would make the draft too large."""
        weight = self._draft.weight + block.weight
        most = max(self.limits.max_bytes, self.limits.columnar_bytes * block.batch.is_columnar())
        return self._draft.records > 0 and (
            weight > most or self._draft.records + len(block) > self.limits.max_records
        )
