"""The jsonl sink: one line a record, one write a batch, durable at each flush.

At least once: after a crash, lines whose flush did not finish may stand in the file and come again.
A file has one writer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import msgspec

from rivven_connect import ConfiguredCatalog, EventBatch, Json, SourceEvent, WriteResult
from rivven_connect._appended_files import AppendedFiles
from rivven_connect._offload import Offload, finish_in_thread
from rivven_connect._sink import BatchForm
from rivven_connect._stream_paths import PLACEHOLDER, require_writable, stream_path
from rivven_connect.connectors.jsonl_sink._generated import JsonlSinkBase, JsonlSinkConfig
from rivven_connect.connectors.jsonl_sink.lines import JsonLines

_encoder = msgspec.json.Encoder()

_UNENCODABLE = (TypeError, ValueError, RecursionError)
"""What the encoder raises for a record that is not JSON: an object of some class, a lone surrogate, a loop."""


class JsonlSink(JsonlSinkBase):
    """Appends lines to one file, or to one file per stream."""

    takes: BatchForm = "json"

    def __init__(self) -> None:
        self._files = AppendedFiles(JsonLines())
        self._writes, self._syncs = Offload(), Offload()

    async def open(self, config: JsonlSinkConfig) -> None:
        """Say what is wanted: records as JSON, or events."""
        if config.format == "events":
            self.takes = "rows"

    async def close(self) -> None:
        """Close the files."""
        await finish_in_thread(self._files.close)

    async def check_directory_writable(self, config: JsonlSinkConfig) -> None:
        """Return if the files can be written; none is created or changed."""
        await asyncio.to_thread(require_writable, config.path)

    async def prepare(self, config: JsonlSinkConfig, catalog: ConfiguredCatalog) -> None:
        """Repair what a crash left in the files that will be written.

        Not in `open`, which `check` also calls.
        """
        for path in {_path(config, chosen.stream.full_name()) for chosen in catalog.streams}:
            await asyncio.to_thread(self._files.repair, path)

    async def write_batch(
        self, config: JsonlSinkConfig, events: Sequence[SourceEvent]
    ) -> WriteResult:
        """Append the events, each file's in one write."""
        result = WriteResult()
        by_path: dict[str, list[SourceEvent]] = {}
        for event in events:
            by_path.setdefault(_path(config, event.full_name()), []).append(event)
        for path, group in by_path.items():
            written, lines = _encode(config, group, result)
            if lines:
                await self._writes.run(partial(self._files.append, path, [lines]))
            result.add_success(written, len(lines))
        return result

    async def write_batches(
        self, config: JsonlSinkConfig, batches: Sequence[EventBatch]
    ) -> WriteResult:
        """Append the batches as the engine has encoded them, each file's in one write."""
        if self.takes == "rows":
            return await super().write_batches(config, batches)
        result = WriteResult()
        by_path: dict[str, list[EventBatch]] = {}
        for batch in batches:
            by_path.setdefault(_path(config, batch.full_name()), []).append(batch)
        for path, group in by_path.items():
            lines = [batch.lines() for batch in group]
            await self._writes.run(partial(self._files.append, path, lines))
            result.add_success(sum(map(len, group)), sum(map(len, lines)))
        return result

    async def flush(self, config: JsonlSinkConfig) -> None:
        """Bring the appended lines to the disk."""
        await self._syncs.run(self._files.sync)


def _path(config: JsonlSinkConfig, stream: str) -> str:
    return stream_path(config.path, stream) if PLACEHOLDER in config.path else config.path


def _encode(
    config: JsonlSinkConfig, events: Sequence[SourceEvent], result: WriteResult
) -> tuple[int, bytes]:
    """Return how many events are encoded, and their lines; the others are named in `result`."""
    values = [_envelope(e) if config.format == "events" else e.data for e in events]
    try:
        return len(events), _encoder.encode_lines(values)
    except _UNENCODABLE:
        lines = [_line(event, value, result) for event, value in zip(events, values, strict=True)]
        return sum(map(bool, lines)), b"".join(lines)


def _line(event: SourceEvent, value: Json, result: WriteResult) -> bytes:
    try:
        return _encoder.encode(value) + b"\n"
    except _UNENCODABLE as error:
        result.add_failed_event(event, f"the record cannot be written as JSON: {error}")
        return b""


def _envelope(event: SourceEvent) -> Json:
    found = {"stream": event.stream, "type": event.event_type, "timestamp": event.timestamp}
    if event.namespace is not None:
        found["namespace"] = event.namespace
    return {**found, "data": event.data}
