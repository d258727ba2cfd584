"""The sink contracts: plain, batching, transactional."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias, TypeGuard, TypeVar

import msgspec

from rivven_connect import _hooks
from rivven_connect._batch import Batch, BatchConfig, Checkpoint, EventBatch
from rivven_connect._batcher import Batcher
from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._checks import CheckResult
from rivven_connect._connector import Connector
from rivven_connect._events import SourceEvent
from rivven_connect._spec import GeneratedBatchSpec
from rivven_connect.config import ConfigModel

ConfigT = TypeVar("ConfigT", bound=ConfigModel)

BatchForm: TypeAlias = Literal["rows", "json", "arrow"]
"""How a sink takes whole batches: as they are, as JSON Lines, or as Arrow batches."""


class JsonForm(msgspec.Struct, frozen=True):
    """What a sink that takes `json` asks its batches for: cheap then, and possible without."""

    group: int = 0
    """How many records `EventBatch.arrays` is to put into each array; 0 if it is not asked."""
    fields: Mapping[str, Collection[str]] = msgspec.field(default_factory=dict)
    """Fields that `EventBatch.values` is asked for, by the stream's full name."""

    @classmethod
    def of_all(cls, forms: Sequence[JsonForm]) -> JsonForm:
        """Return one form for several sinks; there are no arrays where their sizes differ."""
        fields: dict[str, set[str]] = {}
        for form in forms:
            for name, wanted in form.fields.items():
                fields.setdefault(name, set()).update(wanted)
        groups = {form.group for form in forms}
        return cls(groups.pop() if len(groups) == 1 else 0, fields)


class FailedEvent(msgspec.Struct, frozen=True):
    """One event of the call that was not written, and why; named by identity, not equality."""

    event: SourceEvent
    error: str
    retryable: bool = False
    retry_after: float | None = None
    """Seconds that the other side asked us to wait, if it did."""


class FailedRecord(msgspec.Struct, frozen=True):
    """One record of a `write_batches` that was not written, by its place among all of the call's."""

    place: int
    error: str
    retryable: bool = False
    retry_after: float | None = None


class WriteResult(msgspec.Struct):
    """What came of a write.

    Failures refer to events of this call. A count without events means that nobody knows which
    records failed: the whole batch is retried, then the pipeline stops.
    """

    records_written: int = 0
    bytes_written: int = 0
    records_failed: int = 0
    errors: list[str] = msgspec.field(default_factory=list)
    failed_events: list[FailedEvent] = msgspec.field(default_factory=list)
    failed_records: list[FailedRecord] = msgspec.field(default_factory=list)

    def add_success(self, records: int, size: int = 0) -> None:
        """Count records that are written, and their size in bytes."""
        self.records_written += records
        self.bytes_written += size

    def add_failure(self, records: int, error: str) -> None:
        """Count records that are not written, where the sink cannot say which."""
        self.records_failed += records
        self.errors.append(error)

    def add_failed_event(
        self,
        event: SourceEvent,
        error: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """Name one record that is not written; it is retried, or becomes a dead letter.

        `retry_after` is how many seconds the other side asked us to wait before the next try.
        """
        self.failed_events.append(FailedEvent(event, error, retryable, retry_after))
        self.add_failure(1, error)

    def add_failed_record(
        self,
        place: int,
        error: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """Name one record that a `write_batches` has not written, by its place among all of them.

        Places count from 0 over all batches of the call. The engine makes an event of it, which
        then fails as with `add_failed_event`.
        """
        self.failed_records.append(FailedRecord(place, error, retryable, retry_after))
        self.add_failure(1, error)

    def has_failures(self) -> bool:
        """Whether anything was not written."""
        return self.records_failed > 0


class Sink(Connector[ConfigT], ABC):
    """Writes to a system, one stream of events at a time."""

    checks: ClassVar[Sequence[_hooks.CheckHook]] = ()
    """The declared check hooks."""

    overwrites: ClassVar[bool] = False
    """Whether `prepare` replaces what a stream's place held before, where the mode is `overwrite`."""

    truncates: ClassVar[bool] = False
    """Whether the sink empties a stream's place at an event of type `truncate`; others get none."""

    async def check(self, config: ConfigT) -> CheckResult:
        """Say whether the sink can do its work; by default, run the declared check hooks."""
        return await _hooks.run_checks(self, self.checks, config)

    async def prepare(self, config: ConfigT, catalog: ConfiguredCatalog) -> None:
        """Learn schema, key and write mode of each stream, before its first record.

        Called again, after a flush, when a schema changes.
        """

    @abstractmethod
    async def write(self, config: ConfigT, events: AsyncIterator[SourceEvent]) -> WriteResult:
        """Write a finite number of events and say which were written.

        Raises:
            ConnectorError: the outcome of the whole call is unknown; it is treated as not written.
        """

    async def flush(self, config: ConfigT) -> None:
        """Make everything written so far durable; only then does a checkpoint pass it."""


class BatchSink(Sink[ConfigT]):
    """Writes many events at once; the engine fills the batches to `batch_config`."""

    def batch_config(self, config: ConfigT) -> BatchConfig:
        """Return when a batch is full; by default, what the manifest declares."""
        return _declared_limits(self, config)

    @abstractmethod
    async def write_batch(self, config: ConfigT, events: Sequence[SourceEvent]) -> WriteResult:
        """Write the events and say which were written."""

    takes: BatchForm = "rows"
    """What `write_batches` is given, where a sink overrides it; `open` may still choose.

    - `rows`: batches as they travel; `EventBatch.rows` gives the records.
    - `json`: `EventBatch.lines` costs nothing, because the engine has encoded every record once for
      all sinks; the records themselves may be gone (`records` is None).
    - `arrow`: every `records` is a `pyarrow.RecordBatch`; rows are converted by their stream's schema.
    """

    json_form: JsonForm = JsonForm()
    """How the lines are made for a sink that takes `json`; `open` and `prepare` may still choose."""

    async def write_batches(self, config: ConfigT, batches: Sequence[EventBatch]) -> WriteResult:
        """Write whole batches; the fast form of `write_batch`, which it calls by default.

        All or nothing, as far as the sink can. A sink that knows what became of each names the
        failed ones with `add_failed_record`, and gets those alone again. Where the result has other
        failures, or a record is at fault, the engine gives the same records to `write_batch`, which
        says which ones.
        """
        return await self.write_batch(config, [event for b in batches for event in b.events()])

    async def write(self, config: ConfigT, events: AsyncIterator[SourceEvent]) -> WriteResult:
        """Collect the events to batches of `batch_config` and write each."""
        batcher = Batcher(self.batch_config(config))
        total = WriteResult()
        async for event in events:
            if chunk := batcher.add(event):
                _add(total, await self.write_batch(config, chunk.events))
        if chunk := batcher.flush():
            _add(total, await self.write_batch(config, chunk.events))
        return total


def takes_batches(sink: type[Sink[Any]]) -> TypeGuard[type[BatchSink[Any]]]:
    """Whether a class of sinks writes whole batches by itself."""
    return issubclass(sink, BatchSink) and sink.write_batches is not BatchSink.write_batches


class TransactionalSink(Sink[ConfigT]):
    """Writes events and checkpoint in one transaction of the system itself."""

    def batch_config(self, config: ConfigT) -> BatchConfig:
        """Return when a batch is full; by default, what the manifest declares."""
        return _declared_limits(self, config)

    @abstractmethod
    async def write_transaction(self, config: ConfigT, batch: Batch) -> WriteResult:
        """Write all events and the checkpoint, or nothing.

        A result with failures means that nothing was committed. Called with no events when only
        the checkpoint moves.
        """

    @abstractmethod
    async def committed_checkpoint(
        self, config: ConfigT, pipeline: str, sink: str
    ) -> Checkpoint | None:
        """Return the checkpoint that the system holds, or None; on start it wins."""

    async def write(self, config: ConfigT, events: AsyncIterator[SourceEvent]) -> WriteResult:
        """Write the events in one transaction, without a checkpoint.

        Where the sink refuses some of them for good, nothing was committed: the rest is written
        without them.
        """
        pending = [event async for event in events]
        total = WriteResult()
        while pending:
            result = await self.write_transaction(
                config, Batch("", "", 0, pending, Checkpoint({}, {}))
            )
            if not result.has_failures():
                _add(total, result)
                break
            refused = {id(one.event) for one in result.failed_events if not one.retryable}
            if len(refused) < result.records_failed:
                reason = result.errors[0] if result.errors else "the transaction failed"
                total.add_failure(len(pending), reason)
                break
            result.records_written = result.bytes_written = 0
            _add(total, result)
            pending = [event for event in pending if id(event) not in refused]
        return total


def _declared_limits(sink: Sink[ConfigT], config: ConfigT) -> BatchConfig:
    spec = getattr(sink, "spec_type", None)
    if isinstance(spec, type) and issubclass(spec, GeneratedBatchSpec):
        return spec.batch_config(config)
    return BatchConfig()


def _add(total: WriteResult, part: WriteResult) -> None:
    total.records_written += part.records_written
    total.bytes_written += part.bytes_written
    total.records_failed += part.records_failed
    total.errors += part.errors
    total.failed_events += part.failed_events
