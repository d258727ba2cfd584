"""Dead letters: records that cannot be delivered, kept with everything needed to replay them."""

from __future__ import annotations

import base64
import datetime
import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from rivven_connect._batch import Poison
from rivven_connect._errors import ConnectorError
from rivven_connect._events import EventMetadata, SourceEvent
from rivven_connect._json import Json, JsonObject, encode_json
from rivven_connect._redaction import redact
from rivven_connect.pipeline.config_hash import connectors_of
from rivven_connect.pipeline.flood_guard import FloodGuard
from rivven_connect.pipeline.plan import ConnectorPlan, DeadLetterPlan
from rivven_connect.pipeline.private_files import append_lines

FORMAT: Final = 1
"""The version of the lines that this program writes; without one, a line is older."""

KEPT_INSTEAD: Final = "with `dead_letter` beside `config` it is kept, and the run goes on"
"""What to do about a record that stops a run."""

_log = logging.getLogger("rivven_connect.dead_letters")


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One record that could not be delivered, as it was before it failed.

    `kind` is `poison`, `schema`, `transform` or `sink`; `path` is the place in the pipeline file that failed.
    """

    kind: str
    path: str
    source: str
    sink: str | None
    stream: str
    namespace: str | None = None
    operation: str = "record"
    timestamp: datetime.datetime | None = None
    metadata: EventMetadata | None = None
    position: Json = None
    sub_index: int = 0
    record: Json = None
    raw: bytes | None = None
    error_class: str
    error: str
    attempt: int = 1

    def payload(self) -> Json:
        """Return what is kept of the record: the record itself, or its bytes as base64 (RFC 4648)."""
        if self.raw is None:
            return self.record
        return base64.b64encode(self.raw).decode("ascii")

    def weight(self) -> int:
        """Return about how many bytes the kept record is."""
        return len(self.raw) if self.raw is not None else len(encode_json(self.record))

    def id(self, pipeline: str) -> str:
        """Return the letter's name: the same for the same record that fails at the same place."""
        return letter_id(
            pipeline,
            self.path,
            self.stream,
            position=(self.position, self.sub_index),
            payload=self.payload(),
        )

    def envelope(
        self, pipeline: str, now: str, *, connector: str = "", config_hash: str = ""
    ) -> JsonObject:
        """Return the line that is written, as plain JSON.

        Known secrets are masked in everything that describes the record, and never in the record.
        """
        metadata = None if self.metadata is None else _redacted(msgspec.to_builtins(self.metadata))
        return {
            "format": FORMAT,
            "id": self.id(pipeline),
            "kind": self.kind,
            "path": self.path,
            "connector": connector,
            "config_hash": config_hash,
            "pipeline": pipeline,
            "source": self.source,
            "sink": self.sink,
            "stream": self.stream,
            "namespace": self.namespace,
            "operation": self.operation,
            "position": self.position,
            "sub_index": self.sub_index,
            "event_timestamp": self.timestamp,
            "metadata": metadata,
            "error_class": redact(self.error_class),
            "error": redact(self.error),
            "attempt": self.attempt,
            "timestamp": now,
            "record" if self.raw is None else "raw_base64": self.payload(),
        }


def letter_id(
    pipeline: str, path: str, stream: str, *, position: tuple[Json, int], payload: Json
) -> str:
    """Return 16 hex digits that name a letter; equal records that fail alike share them.

    Args:
        pipeline: the pipeline's name.
        path: where in the pipeline file it failed.
        stream: the record's stream.
        position: the event's position and ordinal.
        payload: the record, or its bytes as base64.
    """
    parts = encode_json([pipeline, path, stream, *position, payload])
    return hashlib.sha256(parts).hexdigest()[:16]


def _redacted(value: Json) -> Json:
    """Return the value with known secrets masked in its texts; what is no text has no place for one."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {_redacted(key): _redacted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_redacted(one) for one in value]
    return value


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
        timestamp=event.timestamp,
        metadata=event.metadata,
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


class RevisedLetters(DeadLetterPlan, frozen=True):
    """A place for letters of a run that stands in for another one, as a replay does."""

    pipeline: str
    """The pipeline whose letters these are."""
    revise: Callable[[DeadLetter], DeadLetter]
    """Returns the letter as that pipeline would have written it."""


class DeadLetterFile:
    """Appends dead letters to a JSON Lines file that only its owner may read, durably.

    `owner` is the source or sink whose letters they are; its letters say then which connector
    failed, and with which config.
    """

    def __init__(
        self, plan: DeadLetterPlan, pipeline: str, *, owner: ConnectorPlan | None = None
    ) -> None:
        self._plan = plan
        self._pipeline = pipeline
        self._revise: Callable[[DeadLetter], DeadLetter] | None = None
        if isinstance(plan, RevisedLetters):
            self._pipeline, self._revise = plan.pipeline, plan.revise
        self._flood = FloodGuard(plan.max_ratio, plan.window)
        self._connectors = connectors_of(owner)
        self.records_with_secrets = 0
        """How many kept records hold a known secret; a record is never masked."""

    def append(self, letters: Sequence[DeadLetter]) -> None:
        """Write the letters and wait until they are on disk.

        Raises:
            OSError: nothing may be taken for written; the checkpoint must not pass.
        """
        if not letters:
            return
        now = datetime.datetime.now(datetime.UTC).isoformat()
        append_lines(self._plan.path, [self._line(one, now) for one in letters])

    def count(self, records: int, letters: int) -> None:
        """Note how many of the last records became dead letters.

        Raises:
            PipelineError: too many; something other than single records is wrong.
        """
        self._flood.add(records, letters)

    def _line(self, letter: DeadLetter, now: str) -> bytes:
        if self._revise is not None:
            letter = self._revise(letter)
        own = self._connectors.get("", ("", ""))
        connector, digest = self._connectors.get(letter.path, own)
        self._look_for_secrets(letter)
        return encode_json(
            letter.envelope(self._pipeline, now, connector=connector, config_hash=digest)
        )

    def _look_for_secrets(self, letter: DeadLetter) -> None:
        raw = encode_json(letter.record) if letter.raw is None else letter.raw
        text = raw.decode("utf-8", "replace")
        if redact(text) == text:
            return
        self.records_with_secrets += 1
        if self.records_with_secrets == 1:
            _log.warning(
                "a dead letter of %s in %s holds a known secret in its record, which is kept as it "
                "is; further ones are not named",
                letter.path,
                self._plan.path,
            )
