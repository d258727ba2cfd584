"""What the engine runs: connectors loaded, configs parsed, topics wired."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import msgspec.structs

from rivven_connect._batch import BatchConfig
from rivven_connect._circuit import CircuitBreakerConfig
from rivven_connect._problems import Problem
from rivven_connect._rate_limit import RateLimitConfig
from rivven_connect._registry import Factory
from rivven_connect._retry import RetryConfig
from rivven_connect._sink import BatchSink, Sink, TransactionalSink
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorSpec
from rivven_connect._transform import Transform
from rivven_connect.pipeline.file import (
    BatchBlock,
    SettingsBlock,
    StreamBlock,
)
from rivven_connect.pipeline.loading import LoadedPipeline
from rivven_connect.pipeline.predicate import Predicate
from rivven_connect.pipeline.summary import ConnectorCounts, Gauges, RunSummary


class DeadLetterPlan(msgspec.Struct, frozen=True):
    """Where dead letters go, and the share of them that stops the pipeline."""

    path: Path
    max_ratio: float
    window: int


class TransformPlan(msgspec.Struct, frozen=True):
    """One transform of a chain, ready to be made."""

    name: str
    path: str
    factory: Factory[Transform[Any]]
    config: Any
    spec: ConnectorSpec
    when: Predicate | None
    on_error: str


class ConnectorPlan(msgspec.Struct, frozen=True):
    """What sources and sinks have in common."""

    name: str
    config: Any
    spec: ConnectorSpec
    transforms: tuple[TransformPlan, ...]
    retry: RetryConfig
    rate_limit: RateLimitConfig
    circuit_breaker: CircuitBreakerConfig | None
    dead_letter: DeadLetterPlan | None
    on_error: str


class SourcePlan(ConnectorPlan, frozen=True):
    """One source, ready to be made."""

    factory: Factory[Source[Any]]
    topic: str
    streams: tuple[StreamBlock, ...] | None
    concurrency: int = 1
    isolate_streams: bool = False
    on_schema_change: str = "evolve"

    @property
    def reads_by_hooks(self) -> bool:
        """Whether the runtime reads the streams one by one; else the source does it all itself."""
        return self.factory.cls.read is Source.read


class SinkPlan(ConnectorPlan, frozen=True):
    """One sink, ready to be made."""

    factory: Factory[Sink[Any]]
    topics: tuple[str, ...]
    delivery: str
    mode: str
    batch: BatchBlock

    def batch_config(self, sink: Sink[Any]) -> BatchConfig:
        """Return when a batch is full: the file's limits over the sink's."""
        own = BatchConfig(max_records=100, max_bytes=1024 * 1024, max_wait_ms=100)
        if isinstance(sink, BatchSink | TransactionalSink):
            own = sink.batch_config(self.config)
        own = own.replace(**self.batch.given())
        if self.batch.max_records is not None:
            own = own.replace(enough_records=None)
        rate = self.rate_limit.events_per_second
        # A batch waits as a whole: at most a tenth of a second's events, or what one burst lets pass.
        paced = max(1, int(rate / 10)) if rate else own.max_records
        return own.replace(max_records=min(own.max_records, paced))


class PipelinePlan(msgspec.Struct, frozen=True):
    """A pipeline that can run: nothing in it depends on the file's text any more."""

    name: str
    path: Path
    state_dir: Path
    settings: SettingsBlock
    sources: tuple[SourcePlan, ...]
    sinks: tuple[SinkPlan, ...]
    loaded: LoadedPipeline
    warnings: tuple[Problem, ...] = ()

    def summary(self) -> RunSummary:
        """Return the counts of a run that has not begun."""
        found = RunSummary(self.name)
        for source in self.sources:
            kind = source.spec.connector_type
            found.sources[source.name] = ConnectorCounts("source", source.name, kind)
        for sink in self.sinks:
            found.sinks[sink.name] = ConnectorCounts("sink", sink.name, sink.spec.connector_type)
        found.gauges = {(one.kind, one.name): Gauges() for one in found.connectors()}
        return found

    def part(self, sources: Collection[str], sinks: Collection[str]) -> PipelinePlan:
        """Return the plan of some sources and sinks, with their part of the memory."""
        chosen = tuple(one for one in self.sources if one.name in sources)
        budget = max(1, self.settings.queue_bytes // len(self.sources)) * len(chosen)
        return msgspec.structs.replace(
            self,
            settings=self.settings.model_copy(update={"queue_bytes": budget}),
            sources=chosen,
            sinks=tuple(one for one in self.sinks if one.name in sinks),
        )

    def sinks_of(self, source: SourcePlan) -> tuple[SinkPlan, ...]:
        """Return the sinks that receive what `source` publishes."""
        return tuple(sink for sink in self.sinks if source.topic in sink.topics)

    def qualifies_positions(self, source: SourcePlan) -> bool:
        """Whether positions of `source` must name it, because they are keys beside another's.

        Two sources may give the same position to different records of streams of one name.
        """
        return any(
            sink.mode == "upsert" and sum(one.topic in sink.topics for one in self.sources) > 1
            for sink in self.sinks_of(source)
        )

    def leader_of(self, source: SourcePlan) -> SinkPlan | None:
        """Return the transactional sink whose checkpoint decides where `source` begins, if any.

        It must be the only sink of the source: another one may have got less.
        """
        sinks = self.sinks_of(source)
        return sinks[0] if len(sinks) == 1 and sinks[0].delivery == "transactional" else None
