"""Dead letters as their file has them: read back, told apart, and made events again."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rivven_connect._events import EventMetadata, EventType, SourceEvent
from rivven_connect._json import Json, encode_json
from rivven_connect._problems import Problem
from rivven_connect.pipeline.dead_letters import FORMAT, letter_id


class StoredLetter(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """One line of a dead-letter file; what an older format lacks has its default here."""

    kind: str
    path: str
    source: str
    stream: str
    format: int = 0
    id: str = ""
    connector: str = ""
    config_hash: str = ""
    pipeline: str = ""
    sink: str | None = None
    namespace: str | None = None
    operation: EventType = EventType.RECORD
    position: Json = None
    sub_index: int = 0
    event_timestamp: datetime.datetime | None = None
    metadata: EventMetadata | None = None
    error_class: str = ""
    error: str = ""
    attempt: int = 1
    timestamp: str = ""
    record: Json = None
    raw_base64: str | None = None

    @property
    def name(self) -> str:
        """The letter's id; an older letter gets the one that it would have today."""
        payload = self.record if self.raw_base64 is None else self.raw_base64
        position = self.position, self.sub_index
        return self.id or letter_id(
            self.pipeline, self.path, self.stream, position=position, payload=payload
        )

    @property
    def owner(self) -> str:
        """The source or sink whose letter this is, as `sources/NAME` or `sinks/NAME`."""
        return "/".join(self.path.split("/")[:2])

    def event(self) -> SourceEvent:
        """Return the event as it was before it failed.

        A record that failed before it got a timestamp gets the time of its failure.
        """
        return SourceEvent(
            stream=self.stream,
            data=self.record,
            event_type=self.operation,
            namespace=self.namespace,
            timestamp=self.event_timestamp or _time(self.timestamp),
            metadata=self.metadata,
            position=self.position,
            sub_index=self.sub_index,
        )

    def to_json(self) -> dict[str, Json]:
        """Return the letter as plain JSON, with its id."""
        found: dict[str, Json] = msgspec.to_builtins(self)
        found["id"] = self.name
        del found["record" if self.raw_base64 is not None else "raw_base64"]
        return found

    def payload(self) -> bytes:
        """Return the record as JSON, or the bytes that could not be parsed as base64."""
        return encode_json(self.record) if self.raw_base64 is None else self.raw_base64.encode()


class Line(msgspec.Struct, frozen=True):
    """One line of a dead-letter file: a letter, or the problem that makes it none."""

    number: int
    """From 1."""
    text: bytes
    letter: StoredLetter | None
    problem: Problem | None = None


_decoder = msgspec.json.Decoder(StoredLetter)


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a dead-letter file; nothing where there is no file.

    Raises:
        OSError: the file cannot be read.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            stripped = text.rstrip(b"\n")
            if stripped.strip():
                yield _line(path, number, stripped)


def _line(path: Path, number: int, text: bytes) -> Line:
    try:
        letter = _decoder.decode(text)
        reason = ""
        if letter.format > FORMAT:
            reason = f"its format {letter.format} is newer than this program, which knows {FORMAT}"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = str(error)
    if not reason:
        return Line(number, text, letter)
    problem = Problem(
        code="RVN742",
        message=f"this line is no dead letter: {reason}",
        hint="it stays in the file; a half line is what a crash leaves, and its record is read again",
        path=path,
        line=number,
        column=1,
        severity="warning",
    )
    return Line(number, text, None, problem)


def _time(text: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
