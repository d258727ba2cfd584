"""Dead letters: records that cannot be delivered, kept with everything needed to replay them."""

from __future__ import annotations

import base64
import datetime
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from rivven_connect._batch import Poison
from rivven_connect._errors import ConnectorError, PipelineError
from rivven_connect._events import SourceEvent
from rivven_connect._json import Json, JsonObject, encode_json
from rivven_connect._redaction import redact
from rivven_connect.pipeline.plan import DeadLetterPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One record that could not be delivered, as it was before it failed.

    `kind` is `poison`, `transform` or `sink`; `path` is the place in the pipeline file that failed.
    """

    kind: str
    path: str
    source: str
    sink: str | None
    stream: str
    namespace: str | None = None
    operation: str = "record"
    position: Json = None
    sub_index: int = 0
    record: Json = None
    raw: bytes | None = None
    error_class: str
    error: str
    attempt: int = 1

    def envelope(self, pipeline: str, now: str) -> JsonObject:
        """Return the line that is written, as plain JSON."""
        found: JsonObject = {
            "kind": self.kind,
            "path": self.path,
            "pipeline": pipeline,
            "source": self.source,
            "sink": self.sink,
            "stream": self.stream,
            "namespace": self.namespace,
            "operation": self.operation,
            "position": self.position,
            "sub_index": self.sub_index,
            "error_class": self.error_class,
            "error": redact(self.error),
            "attempt": self.attempt,
            "timestamp": now,
        }
        if self.raw is not None:
            found["raw_base64"] = base64.b64encode(self.raw).decode("ascii")
        else:
            found["record"] = self.record
        return found


def poison_letter(poison: Poison, source: str) -> DeadLetter:
    """Return the dead letter of bytes that the source could not parse."""
    return DeadLetter(
        kind="poison",
        path=f"sources/{source}",
        source=source,
        sink=None,
        stream=poison.stream,
        position=poison.position,
        raw=poison.raw,
        error_class="Poison",
        error=poison.error,
    )


def event_letter(
    event: SourceEvent,
    *,
    kind: str,
    path: str,
    source: str,
    sink: str | None,
    error: str,
    error_class: str,
    record: Json,
    attempt: int = 1,
) -> DeadLetter:
    """Return the dead letter of an event; `record` is its data from before the failure."""
    return DeadLetter(
        kind=kind,
        path=path,
        source=source,
        sink=sink,
        stream=event.stream,
        namespace=event.namespace,
        operation=event.event_type.value,
        position=event.position,
        sub_index=event.sub_index,
        record=record,
        error_class=error_class,
        error=error,
        attempt=attempt,
    )


def error_class(error: Exception) -> str:
    """Return what a dead letter calls an error: its kind, or the class of a foreign one."""
    return error.kind.value if isinstance(error, ConnectorError) else type(error).__name__


class DeadLetterFile:
    """Appends dead letters to a JSON Lines file that only its owner may read, durably."""

    def __init__(self, plan: DeadLetterPlan, pipeline: str) -> None:
        self._plan = plan
        self._pipeline = pipeline
        self._flood = FloodGuard(plan.max_ratio, plan.window)

    def append(self, letters: Sequence[DeadLetter]) -> None:
        """Write the letters and wait until they are on disk.

        Raises:
            OSError: nothing may be taken for written; the checkpoint must not pass.
        """
        if not letters:
            return
        now = datetime.datetime.now(datetime.UTC).isoformat()
        lines = [encode_json(letter.envelope(self._pipeline, now)) for letter in letters]
        path = self._plan.path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with open(os.open(path, flags, 0o600), "ab", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            # A crash may have left half a line; it must not swallow the next one.
            torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            data = memoryview((b"\n" if torn else b"") + b"\n".join(lines) + b"\n")
            while data:
                data = data[file.write(data) or 0 :]
            os.fsync(file.fileno())

    def count(self, records: int, letters: int) -> None:
        """Note how many of the last records became dead letters.

        Raises:
            PipelineError: too many; something other than single records is wrong.
        """
        self._flood.add(records, letters)


class FloodGuard:
    """Stops a pipeline whose records fail in bulk."""

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
