"""The jsonl source: one JSON value a line, one stream a file.

A last line without a newline is read like any other when the file is read once: it is then taken
for complete. Somebody who is still writing it is found out at the next run, not overlooked. Blank
lines are skipped, and a byte order mark at the start of the file is not part of the first line.
"""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec

from rivven_connect import (
    Catalog,
    ConfiguredCatalog,
    EventBatch,
    Item,
    Json,
    Poison,
    State,
    Stream,
    SyncMode,
    finish_in_thread,
)
from rivven_connect._file_position import Position, saved_place
from rivven_connect._line_reader import LineReader, open_file
from rivven_connect.connectors.jsonl_source._generated import JsonlSourceBase, JsonlSourceConfig

_decode = msgspec.json.Decoder().decode


class JsonlSource(JsonlSourceBase):
    """Reads the lines of a file as records, in order.

    Its state is where it stands, `{"offset", "fingerprint"}`; an event's position is the byte at
    which its line starts. Read as `full_refresh`, a reading that came to the end of the file also
    notes `complete`, and the next one starts over.
    """

    async def check_file_readable(self, config: JsonlSourceConfig) -> None:
        """Return if the file can be read."""
        await asyncio.to_thread(lambda: open_file(config.path).close())

    async def discover(self, config: JsonlSourceConfig) -> Catalog:
        """Return the one stream; what its records look like is not known before they are read."""
        modes = [SyncMode.INCREMENTAL, SyncMode.FULL_REFRESH]
        return Catalog.single_stream(Stream(name=config.stream, supported_sync_modes=modes))

    async def read(
        self, config: JsonlSourceConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        """Yield batches of lines from where `state` says; those that are not JSON as `Poison`."""
        chosen = catalog.find_stream(config.stream)
        if chosen is None:
            return
        reader = LineReader(
            config.path,
            max_line_bytes=config.max_line_bytes,
            follow=config.follow,
            unfinished="set `follow: true` for a file that others are writing",
        )
        try:
            position = await finish_in_thread(lambda: reader.open(saved_place(chosen, state)))
            while True:
                lines = await finish_in_thread(reader.read)
                for item in _items(config.stream, position, lines):
                    yield item
                if not lines and not config.follow:
                    break
                if not lines:
                    await asyncio.sleep(config.poll_interval_ms / 1000)
        finally:
            await finish_in_thread(reader.close)
        if chosen.sync_mode is SyncMode.FULL_REFRESH:
            end = {**position.to_state(), "complete": True}
            yield EventBatch(stream=config.stream, records=[], state=end)


def _items(stream: str, position: Position, lines: Sequence[bytes]) -> Iterator[Item]:
    """Yield what the lines hold, and move `position` behind each item before it is yielded."""
    records: list[Json] = []
    offsets: list[int] = []
    raw: list[bytes] = []
    offset = position.offset
    for line in lines:
        if not line.isspace():
            try:
                records.append(_record(line, offset))
                offsets.append(offset)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield from _batch(stream, position, records, offsets, raw)
                records, offsets, raw = [], [], []
                yield Poison(
                    stream=stream, raw=line.rstrip(b"\r\n"), error=str(error), position=offset
                )
        raw.append(line)
        offset += len(line)
    yield from _batch(stream, position, records, offsets, raw)


def _batch(
    stream: str,
    position: Position,
    records: list[Json],
    offsets: list[int],
    raw: Sequence[bytes],
) -> Iterator[EventBatch]:
    """Yield the records that were read, if any, under a state that covers all of `raw`."""
    if raw:
        joined = b"".join(raw)
        position.advance(joined)
        yield EventBatch(
            stream=stream,
            records=records,
            positions=offsets,
            size=len(joined),
            state=position.to_state(),
        )


def _record(line: bytes, offset: int) -> Json:
    return _decode(line.removeprefix(codecs.BOM_UTF8) if offset == 0 else line)
