"""Stops a pipeline whose records fail in bulk: then something other than single records is wrong."""

from __future__ import annotations

from collections import deque

from rivven_connect._errors import PipelineError


class FloodGuard:
    """Counts dead letters over the last `window` records.

    While fewer than `window` records have been seen, the window counts as full of good ones: up to
    `max_ratio * window` letters are tolerated, also by an input that is no larger than that.
    """

    def __init__(self, max_ratio: float, window: int) -> None:
        self._allowed = max_ratio * window
        self._max_ratio = max_ratio
        self._window = window
        self._recent: deque[tuple[int, int]] = deque()
        self._records = 0
        self._letters = 0

    def __len__(self) -> int:
        return len(self._recent)

    def add(self, records: int, letters: int) -> None:
        """Note how many of the last records became dead letters.

        Raises:
            PipelineError: more than `max_ratio` of the last `window` records did.
        """
        if not (records or letters):
            return
        self._recent.append((records, letters))
        self._records += records
        self._letters += letters
        while self._records - self._recent[0][0] >= self._window:
            old_records, old_letters = self._recent.popleft()
            self._records -= old_records
            self._letters -= old_letters
        if self._letters > max(self._allowed, self._max_ratio * self._records):
            raise PipelineError(
                f"{self._letters} of the last {self._records} records became dead letters, more "
                f"than max_ratio {self._max_ratio:g} of a window of {self._window}"
            )
