"""What a `WriteResult` means for each event of the call."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import msgspec.structs

from rivven_connect._errors import ConnectorError
from rivven_connect._events import SourceEvent
from rivven_connect._sink import FailedEvent, WriteResult


class Verdict(msgspec.Struct, frozen=True):
    """What to do after a write: nothing, try some events again, give some up."""

    again: Sequence[SourceEvent]
    rejected: Sequence[FailedEvent]
    reason: str = ""
    retry_after: float | None = None
    """Seconds that the other side asked us to wait, the longest of them."""


def judge(
    result: WriteResult,
    events: Sequence[SourceEvent],
    *,
    order_safe: bool,
    all_or_nothing: bool = False,
) -> Verdict:
    """Return what became of `events`, which are those of the call that gave `result`.

    A retryable failure is tried again alone where the sink says that order does not matter, else
    together with everything behind it. Failures that are counted and not named mean that nobody
    knows which records are safe: all of them are tried again.

    With `all_or_nothing`, the call was one transaction.

    Raises:
        ConnectorError: the result names an event that was not in the call, or says nothing about
            some of the events: what is not accounted for is not taken for written.
    """
    if not result.records_failed and not result.failed_events:
        require_account(result, len(events))
        return Verdict((), ())
    places = {id(event): index for index, event in enumerate(events)}
    failed: dict[int, FailedEvent] = {}
    for one in result.failed_events:
        place = places.get(id(one.event))
        if place is None:
            raise ConnectorError.internal(
                "the sink's result names an event that was not in this write; "
                "name the very objects that the call was given"
            )
        failed[place] = one
    reason = str(result.errors[0]) if result.errors else ""
    wait: float | None = None
    if result.records_failed > len(result.failed_events):
        return Verdict(events, (), reason or f"{result.records_failed} records failed")
    gone = {place for place, one in failed.items() if not one.retryable}
    rejected = [one for _, one in sorted(failed.items()) if not one.retryable]
    retryable = sorted(failed.keys() - gone)
    again: Sequence[SourceEvent] = ()
    if retryable:
        wanted = retryable if order_safe else range(retryable[0], len(events))
        again = [events[place] for place in wanted if place not in gone]
        reason = failed[retryable[0]].error
        asked = [wait for place in retryable if (wait := failed[place].retry_after) is not None]
        wait = max(asked, default=None)
    # Of a transaction with failures, nothing is written, so nothing needs to be accounted for.
    if not (all_or_nothing and failed):
        require_account(result, len(events) - len(again) - len(rejected))
    return Verdict(again, rejected, reason, wait)


def named(result: WriteResult, events: Sequence[SourceEvent]) -> WriteResult:
    """Return the result of a `write_batches` with its failed records as events; `events` are all.

    Raises:
        ConnectorError: a place is behind the last event.
    """
    try:
        failed = [
            FailedEvent(events[one.place], one.error, one.retryable, one.retry_after)
            for one in result.failed_records
        ]
    except IndexError:
        raise ConnectorError.internal(
            f"the sink's result names a record behind the last of {len(events)}"
        ) from None
    return msgspec.structs.replace(result, failed_events=failed, failed_records=[])


def require_account(result: WriteResult, written: int) -> None:
    """Check that a sink has said of so many records that they are written.

    Raises:
        ConnectorError: it has not.
    """
    if result.records_written < written:
        raise ConnectorError.internal(
            f"the sink's result counts {result.records_written} records as written, and {written} "
            "are neither failed nor to be tried again; count each with add_success, add_failure or "
            "add_failed_event"
        )
