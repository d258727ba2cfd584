"""What a sink answers, and how it undoes a transaction because of some events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rivven_connect._events import SourceEvent
from rivven_connect._sink import WriteResult

Refusals: TypeAlias = list[tuple[SourceEvent, str]]
"""Events that cannot be stored, with the reason."""


class Refused(Exception):
    """Undoes a transaction because of some events."""

    def __init__(self, failed: Refusals) -> None:
        super().__init__()
        self.failed = failed


def require_none(failed: Refusals) -> None:
    """Return if nothing was refused.

    Raises:
        Refused: something was.
    """
    if failed:
        raise Refused(failed)


def result_of(events: Sequence[SourceEvent], failed: Refusals) -> WriteResult:
    """Return the result of a write that left some events out."""
    result = nothing_written(failed)
    result.add_success(len(events) - len(failed))
    return result


def nothing_written(failed: Refusals) -> WriteResult:
    """Return the result of a transaction that was undone because of some events."""
    result = WriteResult()
    for event, reason in failed:
        result.add_failed_event(event, reason)
    return result
