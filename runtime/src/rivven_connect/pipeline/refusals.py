"""Records that a reader gives up: dead letters, drops, or the end of the pipeline."""

from __future__ import annotations

import logging

from rivven_connect._batch import Poison
from rivven_connect._errors import PipelineError
from rivven_connect._events import SourceEvent
from rivven_connect.pipeline.dead_letters import (
    KEPT_INSTEAD,
    DeadLetter,
    event_letter,
    poison_letter,
)
from rivven_connect.pipeline.draft import Draft
from rivven_connect.pipeline.originals import unreadable
from rivven_connect.pipeline.plan import SourcePlan

_log = logging.getLogger("rivven_connect.source")


class Refusals:
    """Enters in the draft what became of records that cannot be taken, as `on_error` says.

    Each raises `PipelineError` where that is `stop`; then the record is not counted.
    """

    def __init__(self, plan: SourcePlan, draft: Draft) -> None:
        self._plan = plan
        self._draft = draft

    def poison(self, poison: Poison) -> None:
        """Give up, and count, what the source could not parse."""
        if self._plan.on_error == "stop":
            # Other positions may hold keys, which are values of the record.
            place = f" (position {poison.position})" if isinstance(poison.position, int) else ""
            reason = f"a record{place} cannot be parsed: {poison.error}; {KEPT_INSTEAD}"
            raise self._end(poison.stream, reason)
        self._draft.piece.read += 1
        self._enter(poison_letter(poison, self._plan.name))

    def misfit(self, event: SourceEvent, reason: str) -> None:
        """Give up a record that does not fit its stream's schema; it is counted already."""
        self._refuse(event, "schema", "schema", reason)

    def unencodable(self, event: SourceEvent, error: Exception) -> None:
        """Give up a record that is not JSON; it is counted already."""
        self._refuse(event, "poison", "serialization", f"the record is not JSON: {error}")

    def _refuse(self, event: SourceEvent, kind: str, error_class: str, reason: str) -> None:
        if self._plan.on_error == "stop":
            self._draft.piece.read -= 1
            raise self._end(event.stream, reason)
        kept = unreadable(event)
        self._enter(
            event_letter(
                kept,
                kind=kind,
                path=f"sources/{self._plan.name}",
                source=self._plan.name,
                sink=None,
                error=reason,
                error_class=error_class,
                record=kept.data,
            )
        )

    def _enter(self, letter: DeadLetter) -> None:
        if self._plan.on_error == "drop":
            self._draft.piece.dropped += 1
            _log.warning("source %s: dropped a record of %s", self._plan.name, letter.stream)
        else:
            self._draft.keep(letter)

    def _end(self, stream: str, reason: str) -> PipelineError:
        return PipelineError(f"source {self._plan.name!r}, stream {stream!r}: {reason}")
