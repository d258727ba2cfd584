"""How an event looks, in each format.

Data comes from strangers, and a terminal obeys control characters: none of them is ever printed.
JSON already escapes those below U+0020; here the rest is escaped as well, which changes no value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import msgspec

from rivven_connect import JsonObject, SourceEvent
from rivven_connect.connectors.stdout_sink._generated import StdoutSinkConfig
from rivven_connect.documents import escape_text

Renderer = Callable[[SourceEvent], str]
"""Returns the lines of one event, the last newline included.

Raises TypeError, ValueError or RecursionError for a record that is not JSON.
"""

# DEL, C1, Arabic letter mark, zero-width and bidirectional controls, line separators, BOM, tags.
_UNSAFE = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_DIM, _STRONG, _PLAIN = "\x1b[2m", "\x1b[1;36m", "\x1b[0m"
_encoder = msgspec.json.Encoder()


def renderer(config: StdoutSinkConfig, *, colored: bool) -> Renderer:
    """Return what renders events as the config says."""
    if config.format == "json":
        return lambda event: f"{_json(_object(config, event))}\n"
    indent = 2 if config.format == "pretty" else None

    def render(event: SourceEvent) -> str:
        separator = " " if indent is None else "\n"
        body = _json(event.data, indent)
        metadata = _metadata(event) if config.include_metadata else {}
        if metadata:
            body = f"{body}{separator}{_tinted(_json(metadata), _DIM, colored=colored)}"
        return f"{_heading(config, event, colored=colored)}{separator}{body}\n"

    return render


def _heading(config: StdoutSinkConfig, event: SourceEvent, *, colored: bool) -> str:
    heading = f"{_tinted(escape_text(event.full_name()), _STRONG, colored=colored)} {event.event_type.value}"
    if config.include_timestamp and event.timestamp is not None:
        heading = f"{_tinted(event.timestamp.isoformat(), _DIM, colored=colored)} {heading}"
    return heading


def _object(config: StdoutSinkConfig, event: SourceEvent) -> JsonObject:
    found: JsonObject = {"stream": event.stream}
    if event.namespace is not None:
        found["namespace"] = event.namespace
    found["type"] = event.event_type
    if config.include_timestamp:
        found["timestamp"] = event.timestamp
    found["data"] = event.data
    if config.include_metadata:
        found["metadata"] = _metadata(event)
    return found


def _metadata(event: SourceEvent) -> JsonObject:
    found: JsonObject = {} if event.position is None else {"position": event.position}
    if event.metadata is not None:
        found.update(msgspec.to_builtins(event.metadata))
    return found


def _json(value: object, indent: int | None = None) -> str:
    text = _encoder.encode(value)
    if indent is not None:
        text = msgspec.json.format(text, indent=indent)
    return _UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], text.decode())


def _tinted(text: str, color: str, *, colored: bool) -> str:
    return f"{color}{text}{_PLAIN}" if colored else text
