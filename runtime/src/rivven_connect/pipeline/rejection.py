"""Records that a sink gives up: dead letters, drops, or the end of the pipeline."""

from __future__ import annotations

import logging

import msgspec

from rivven_connect._errors import PipelineError
from rivven_connect._events import SourceEvent
from rivven_connect.pipeline.blocks import Block
from rivven_connect.pipeline.dead_letters import KEPT_INSTEAD, DeadLetter, event_letter
from rivven_connect.pipeline.originals import unreadable
from rivven_connect.pipeline.plan import SinkPlan
from rivven_connect.pipeline.summary import ConnectorCounts

_log = logging.getLogger("rivven_connect.sink")


def sink_counts(plan: SinkPlan) -> ConnectorCounts:
    """Return empty counts of a sink."""
    return ConnectorCounts("sink", plan.name, plan.spec.connector_type)


class Origins(msgspec.Struct):
    """Blocks of one write, by the source that they came from."""

    groups: list[tuple[str, list[Block]]] = msgspec.field(default_factory=list)

    def blocks(self) -> list[Block]:
        """Return all blocks, in the order in which they came."""
        return [block for _, blocks in self.groups for block in blocks]

    def source_of(self, event: SourceEvent) -> str:
        """Return the source of one of the events."""
        last, _ = self.groups[-1]
        for source, blocks in self.groups[:-1]:
            if any(event is one for block in blocks for one in block.events()):
                return source
        return last


class Attempt(msgspec.Struct):
    """What one pass over some events has come to so far."""

    plan: SinkPlan
    origins: Origins
    counts: ConnectorCounts
    letters: list[DeadLetter] = msgspec.field(default_factory=list)

    def reject(self, event: SourceEvent, error: str, error_class: str, tries: int) -> None:
        """Give an event up, as `on_error` says.

        Raises:
            PipelineError: `on_error` is `stop`.
        """
        where = f"sink {self.plan.name!r} rejected a record of {event.stream!r}: {error}"
        if self.plan.on_error == "stop":
            raise PipelineError(f"{where}; {KEPT_INSTEAD}")
        if self.plan.on_error == "drop":
            self.counts.dropped += 1
            _log.warning("dropped: %s", where)
            return
        kept = unreadable(event)  # a transform of the sink may have put anything into it
        self.letters.append(
            event_letter(
                kept,
                kind="sink",
                path=f"sinks/{self.plan.name}",
                source=self.origins.source_of(event),
                sink=self.plan.name,
                error=error,
                error_class=error_class,
                record=kept.data,
                attempt=tries,
            )
        )
