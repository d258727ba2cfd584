"""The writing half: one sink and its task; it takes batches from its inbox and brings them to an end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

from rivven_connect._batch import BatchConfig
from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._failpoints import failpoint
from rivven_connect._json import JsonObject
from rivven_connect._sink import BatchForm, BatchSink, JsonForm, Sink, TransactionalSink
from rivven_connect.pipeline.blocks import (
    Block,
    HeldBatch,
    by_stream,
    estimated_size,
    events_of,
)
from rivven_connect.pipeline.chain import TransformChain, Transformed
from rivven_connect.pipeline.committer import Committer
from rivven_connect.pipeline.failures import stop_error
from rivven_connect.pipeline.inbox import Inbox
from rivven_connect.pipeline.ledger import Entry, Ledger
from rivven_connect.pipeline.lifecycle import open_connector
from rivven_connect.pipeline.observer import Observer
from rivven_connect.pipeline.originals import Original
from rivven_connect.pipeline.patience import Patience
from rivven_connect.pipeline.plan import SinkPlan, SourcePlan
from rivven_connect.pipeline.rejection import Origins, sink_counts
from rivven_connect.pipeline.selection import catalog_for_sink
from rivven_connect.pipeline.summary import ConnectorCounts, Gauges
from rivven_connect.pipeline.transactions import ByStream, States, TransactionWriter
from rivven_connect.pipeline.writing import RecordWriter

_log = logging.getLogger("rivven_connect.sink")


class SinkRunner:
    """Drives one sink. All sources that reach it put their pieces into its inbox."""

    def __init__(
        self,
        plan: SinkPlan,
        committer: Committer,
        *,
        observer: Observer,
        counts: ConnectorCounts,
        gauges: Gauges,
        pipeline: str,
        shares_events: bool,
    ) -> None:
        self.plan = plan
        self._committer = committer
        self._gauges = gauges
        self._pipeline = pipeline
        self._shares_events = shares_events
        self._chain = TransformChain(plan.transforms, plan.retry, sink=plan.name)
        self._sink: Sink[Any] = plan.factory.create()
        self._limits = BatchConfig()
        self.inbox = Inbox(self._limits, gauges)
        self._patience = Patience(
            f"sink {plan.name!r}", plan, observer, counts, gauges, pipeline=pipeline
        )
        self._catalogs: dict[str, tuple[SourcePlan, ConfiguredCatalog]] = {}
        self._ledgers: list[Ledger] = []
        self._writer: RecordWriter | TransactionWriter | None = None
        self._counted = sink_counts(plan)
        """What was done and waits for a piece to be through, to be committed with it."""
        self._busy = asyncio.Lock()
        self._is_broken = False

    async def open(self, stack: contextlib.AsyncExitStack) -> States | None:
        """Open the sink and its transforms; the stack closes them.

        Return the checkpoint of a transactional sink: source -> stream -> state.
        """
        try:
            context = open_connector(self._sink, self.plan.config, f"sink {self.plan.name!r}")
            await stack.enter_async_context(context)
            self._limits = self.plan.batch_config(self._sink)
        except Exception as error:
            raise stop_error(f"sink {self.plan.name!r} cannot be opened", error) from error
        await self._chain.open(stack)
        self.inbox = Inbox(self._limits, self._gauges)
        if self.plan.delivery != "transactional" or not isinstance(self._sink, TransactionalSink):
            self._writer = RecordWriter(self.plan, self._sink, self._limits, self._patience)
            return None
        writer = TransactionWriter(
            self.plan,
            self._sink,
            self._patience,
            lambda letters: self._committer.keep("sink", self.plan.name, letters),
            pipeline=self._pipeline,
            term=self._committer.term,
        )
        self._writer = writer
        found = await writer.committed()
        return {} if found is None else {name: dict(at) for name, at in found.state.items()}

    @property
    def form(self) -> BatchForm:
        """The form in which this sink wants records; what looks at single ones wants rows."""
        if self._chain or not isinstance(self._writer, RecordWriter):
            return "rows"
        return self._writer.form

    @property
    def json_form(self) -> JsonForm:
        """How this sink wants JSON."""
        return self._sink.json_form if isinstance(self._sink, BatchSink) else JsonForm()

    @property
    def limits(self) -> BatchConfig:
        """When a batch of this sink is full."""
        return self._limits

    async def prepare(self, sources: Sequence[tuple[SourcePlan, ConfiguredCatalog]]) -> None:
        """Tell the sink the streams that it will get."""
        for plan, catalog in sources:
            self._catalogs[plan.name] = (plan, catalog)
        chosen = catalog_for_sink(self.plan, self._catalogs.values())
        if isinstance(self._writer, RecordWriter):
            self._writer.prepare(chosen)
        await self._patience.insist("prepare", lambda: self._sink.prepare(self.plan.config, chosen))

    def start_at(self, source: str, state: dict[str, JsonObject]) -> None:
        """Note where a source stands before anything of the run is written."""
        if isinstance(self._writer, TransactionWriter):
            self._writer.begin(source, state)

    async def begin(self, source: str, state: dict[str, JsonObject], ledger: Ledger) -> None:
        """Get ready for a session of a source that starts at `state`."""
        self._ledgers.append(ledger)
        if self._is_broken:
            ledger.break_off()
        elif isinstance(self._writer, TransactionWriter):
            async with self._busy:
                self._writer.begin(source, state)
                await self._writer.abandon(source)

    def end(self, ledger: Ledger) -> None:
        """Forget the ledger of a session that is over."""
        self._ledgers.remove(ledger)

    async def run(self) -> None:
        """Deliver what comes into the inbox until cancelled.

        Raises:
            RivvenError: a record has come to no end; nothing behind it will be committed.
        """
        try:
            while True:
                entries, hurried = await self.inbox.take()
                async with self._busy:
                    await self._deliver(entries, hurried=hurried)
        except BaseException:
            self._is_broken = True
            for ledger in self._ledgers:
                ledger.break_off()
            raise

    async def _deliver(self, entries: Sequence[Entry], *, hurried: bool) -> None:
        if entries and (catalog := entries[0].piece.catalog) is not None:
            if isinstance(self._writer, TransactionWriter) and self._writer.waiting:
                through, counts = await self._writer.write([], everything=True)
                self._counted.add(counts)
                self._finish(through, self._counted)
            plan, _ = self._catalogs[entries[0].source]
            await self.prepare([(plan, catalog)])
            entries[0].done()
        elif isinstance(self._writer, TransactionWriter):
            await self._transact(self._writer, entries, hurried=hurried)
        elif isinstance(self._writer, RecordWriter):
            await self._write(self._writer, entries)
        self._gauges.last_progress = asyncio.get_running_loop().time()

    async def _write(self, writer: RecordWriter, entries: Sequence[Entry]) -> None:
        """Write the events of all pieces, make them durable, and say so."""
        changed = Transformed()
        origins = Origins()
        for entry in entries:
            blocks = await self._transform(entry, entry.piece.blocks, changed)
            origins.groups.append((entry.source, blocks))
        counts = sink_counts(self.plan)
        if any(blocks for _, blocks in origins.groups):
            attempt = await writer.write(origins)
            counts = attempt.counts
            changed.letters += attempt.letters
        await self._keep(entries, changed, counts)
        self._finish(entries, counts)

    async def _transact(
        self, writer: TransactionWriter, entries: Sequence[Entry], *, hurried: bool
    ) -> None:
        """Write what is covered by resume points, with them, and the rest where it cannot wait."""
        changed = Transformed()
        split: list[tuple[Entry, ByStream]] = []
        for entry in entries:
            streams: ByStream = []
            for key, before, behind in entry.piece.by_stream():
                covered = events_of(await self._transform(entry, before, changed))
                rest = events_of(await self._transform(entry, behind, changed))
                streams.append((key, covered, rest))
            split.append((entry, streams))
        own = sink_counts(self.plan)
        # Before the transaction: the other order can lose a dead letter.
        await self._keep(entries, changed, own)
        # In a hurry, what already waited when this batch came has waited long enough.
        overdue = hurried and writer.waiting > 0
        full = writer.waiting >= self._limits.max_records
        through, counts = await writer.write(split, everything=full or overdue)
        counts.add(own)
        if writer.waiting:
            self.inbox.remind(hurry=hurried)
        self._counted.add(counts)
        self._finish(through, self._counted)

    def _finish(self, entries: Sequence[Entry], counts: ConnectorCounts) -> None:
        """Say that pieces are through; the last one takes the counts to the next commit."""
        for entry in entries[:-1]:
            entry.done()
        if entries:
            entries[-1].done(counts if counts != sink_counts(self.plan) else None)
            self._counted = sink_counts(self.plan)

    async def _keep(
        self, entries: Sequence[Entry], changed: Transformed, counts: ConnectorCounts
    ) -> None:
        """Make the dead letters of a delivery durable, and count what was not written."""
        await self._committer.keep("sink", self.plan.name, changed.letters)
        failpoint("sink_letters_kept")
        counts.read = sum(entry.piece.records for entry in entries)
        counts.filtered += changed.filtered
        counts.dropped += changed.dropped
        counts.dead_letters += len(changed.letters)
        counts.bytes = counts.bytes or sum(entry.piece.size for entry in entries)

    def _ignores(self, block: Block, into: Transformed) -> bool:
        """Whether a block is a truncate, which means nothing to this sink; said, because rows stay."""
        if not block.truncates:
            return False
        name = block.batch.full_name()
        _log.warning("sink %s keeps its rows of %s, which was truncated", self.plan.name, name)
        into.filtered += len(block)
        return True

    async def _transform(self, entry: Entry, blocks: list[Block], into: Transformed) -> list[Block]:
        """Return what the sink's transforms make of some blocks; what fails goes into `into`."""
        blocks = [
            block for block in blocks if self._sink.truncates or not self._ignores(block, into)
        ]
        if self.form != "arrow":
            blocks = [block.in_rows() for block in blocks]
        if not self._chain:
            return blocks
        found = Transformed()
        made: list[Block] = []
        for block in blocks:
            if block.truncates:
                made.append(block)
                continue
            events = block.events()
            if self._shares_events:
                events = [Original.of(event).event() for event in events]
            if self._chain.is_plain:
                await self._chain.apply_all(HeldBatch(events), entry.source, found)
            else:
                for event in events:
                    await self._chain.apply(event, entry.source, found)
            if found.events:
                made += [
                    Block(block.key, batch, estimated_size(batch.held))
                    for batch in by_stream(found.events)
                ]
            found.events = []
        into.letters += found.letters
        into.filtered += found.filtered
        into.dropped += found.dropped
        return made
