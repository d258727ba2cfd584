"""What became of each record of a write."""

from __future__ import annotations

from collections.abc import Sequence

from rivven_connect import RetryableError, SourceEvent, WriteResult
from rivven_connect.connectors.http_webhook_sink.waves import Places


class Outcomes:
    """Gathers them by the place of the record."""

    def __init__(self) -> None:
        self._written = self._size = 0
        self._refused: dict[int, str] = {}
        self._postponed: dict[int, RetryableError] = {}

    @property
    def is_blocked(self) -> bool:
        """Whether something has to be sent again, before anything else is sent."""
        return bool(self._postponed)

    @property
    def reason(self) -> RetryableError:
        """What the first record that is to be sent again failed with."""
        return self._postponed[min(self._postponed)]

    def written(self, records: int, size: int) -> None:
        """Count what arrived."""
        self._written += records
        self._size += size

    def refused(self, place: int, reason: str) -> None:
        """Note that the receiver will never take a record."""
        self._refused[place] = reason

    def postponed(self, places: Places, error: RetryableError) -> None:
        """Note that records have to be sent again."""
        self._postponed |= dict.fromkeys(places, error)

    def result(self, events: Sequence[SourceEvent] | None) -> WriteResult:
        """Return the outcome; it names events, or places where there are none.

        Raises:
            RetryableError: nothing came to an end.
        """
        if self._postponed and not (self._written or self._refused):
            raise self._longest()
        result = WriteResult()
        result.add_success(self._written, self._size)
        for place in sorted(self._refused.keys() | self._postponed):
            error = self._postponed.get(place)
            reason = self._refused[place] if error is None else error.message
            again, wait = error is not None, error.retry_after if error else None
            if events is None:
                result.add_failed_record(place, reason, retryable=again, retry_after=wait)
            else:
                event = events[place]
                result.add_failed_event(event, reason, retryable=again, retry_after=wait)
        return result

    def _longest(self) -> RetryableError:
        """Return the error that asks for the longest wait; of equal ones, the first record's."""
        found = [self._postponed[place] for place in sorted(self._postponed)]
        return max(found, key=lambda error: error.retry_after or 0.0)
