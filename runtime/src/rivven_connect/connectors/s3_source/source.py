"""The s3 source: the objects below a prefix, oldest first, each read once.

Its state is in `progress.py`. An event's position is key, version and number of its record.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from rivven_connect import (
    Catalog,
    ConfiguredCatalog,
    ConfiguredStream,
    ConnectorError,
    ErrorKind,
    EventBatch,
    Item,
    JsonObject,
    Poison,
    State,
    Stream,
    StreamState,
    SyncMode,
    finish_in_thread,
)
from rivven_connect._object_store.keys import folder_of, require_usable
from rivven_connect._object_store.opening import open_bucket
from rivven_connect._object_store.stored import StoredObject
from rivven_connect.connectors.s3_source._generated import S3SourceBase, S3SourceConfig
from rivven_connect.connectors.s3_source.choosing import kind_of, matcher_of
from rivven_connect.connectors.s3_source.content import named, opened
from rivven_connect.connectors.s3_source.formats import READERS, Bad, Piece
from rivven_connect.connectors.s3_source.progress import Progress, version_of

if TYPE_CHECKING:
    from rivven_connect._object_store.bucket import Bucket

_log = logging.getLogger("rivven_connect.s3_source")


class S3Source(S3SourceBase):
    """Reads objects as records of one stream."""

    def __init__(self) -> None:
        self._bucket: Bucket | None = None

    async def open(self, config: S3SourceConfig) -> None:
        """Make the client; nothing is connected.

        Raises:
            ConnectorError: a setting cannot be used, or an extra is not installed.
        """
        require_usable(config.prefix)
        self._bucket = await asyncio.to_thread(open_bucket, config)

    async def check_bucket_readable(self, config: S3SourceConfig) -> None:
        """Return if the bucket can be listed."""
        bucket = await asyncio.to_thread(open_bucket, config)
        await asyncio.to_thread(bucket.require_readable, folder_of(config.prefix))

    async def discover(self, config: S3SourceConfig) -> Catalog:
        """Return the one stream; what its records look like is not known before they are read."""
        modes = [SyncMode.INCREMENTAL, SyncMode.FULL_REFRESH]
        return Catalog.single_stream(Stream(name=config.stream, supported_sync_modes=modes))

    async def read(
        self, config: S3SourceConfig, catalog: ConfiguredCatalog, state: State | None
    ) -> AsyncIterator[Item]:
        """Yield the records of objects that were not read, and rows that cannot be as `Poison`.

        Raises:
            ConnectorError: an object cannot be read; it is begun again where it was left.
        """
        chosen = catalog.find_stream(config.stream)
        if chosen is None:
            return
        bucket = self._bucket
        if bucket is None:
            raise ConnectorError.internal("the s3 source is not open")
        progress = Progress.resumed(config.overlap_secs, _saved(chosen, state))
        while True:
            unsaved = 0
            listed = await _listed(bucket, config)
            if not listed and not config.follow:
                _log.warning("no object matches %r below %r", config.pattern, config.prefix)
            pending = progress.pending(listed)
            for stored, following in itertools.zip_longest(pending, pending[1:]):
                try:
                    async for item in _items(bucket, config, stored, progress):
                        unsaved += len(item) if isinstance(item, EventBatch) else 1
                        yield item
                except _GoneError as error:
                    await asyncio.to_thread(bucket.require_readable, folder_of(config.prefix))
                    _log.warning("skipped an object that was deleted before it was read: %s", error)
                    continue  # and not noted as read: it may come back
                progress.finish(stored, following)
                if progress.is_worth_a_state(unsaved):
                    unsaved = 0
                    yield EventBatch(stream=config.stream, records=[], state=progress.state())
            yield EventBatch(stream=config.stream, records=[], state=progress.state())
            if not config.follow:
                break
            await asyncio.sleep(config.poll_interval_secs)
        if chosen.sync_mode is SyncMode.FULL_REFRESH:
            end = {**progress.state(), "complete": True}
            yield EventBatch(stream=config.stream, records=[], state=end)


class _GoneError(Exception):
    """An object is not there, or nothing of its bucket is."""


class _Steps:
    """A reader, advanced in threads one step at a time; `close` waits for a step that is abandoned."""

    def __init__(self, pieces: Iterator[Piece | Bad], key: str) -> None:
        self._pieces = pieces
        self._key = key
        self._lock = threading.Lock()
        self._closed = False

    def next(self) -> Piece | Bad | None:
        """Return what is next, or None at the end."""
        with self._lock, named(self._key):
            return None if self._closed else next(self._pieces, None)

    def close(self) -> None:
        """Let go of the object."""
        with self._lock:
            self._closed = True
            self._pieces.close()  # type: ignore[attr-defined]  # readers are generators


async def _listed(bucket: Bucket, config: S3SourceConfig) -> list[StoredObject]:
    """Return all objects that are meant; those without content hold no records."""
    matches = matcher_of(config)
    pages = bucket.pages(folder_of(config.prefix))
    found: list[StoredObject] = []
    while (page := await asyncio.to_thread(next, pages, None)) is not None:
        found += [stored for stored in page if stored.size and matches(stored.key)]
    return found


async def _items(
    bucket: Bucket, config: S3SourceConfig, stored: StoredObject, progress: Progress
) -> AsyncIterator[Item]:
    """Yield what is left of one object.

    Raises:
        _GoneError: it was listed, and is not there.
        ConnectorError: it cannot be read.
    """
    steps = _Steps(_pieces(bucket, config, stored, progress.resume_point(stored)), stored.key)
    place = [stored.key, version_of(stored)]
    has_begun = False
    try:
        while (found := await asyncio.to_thread(steps.next)) is not None:
            has_begun = True
            if isinstance(found, Bad):
                position = [*place, found.index]
                yield Poison(config.stream, found.raw, found.error, position)
                continue
            count = len(found.records)
            yield EventBatch(
                stream=config.stream,
                records=found.records,
                positions=[[*place, found.first + at] for at in range(count)],
                size=found.size,
                state=progress.moved(stored, found.at),
            )
    except ConnectorError as error:
        if error.kind is not ErrorKind.NOT_FOUND or has_begun:
            raise
        raise _GoneError(str(error)) from error
    finally:
        await finish_in_thread(steps.close)


def _pieces(
    bucket: Bucket, config: S3SourceConfig, stored: StoredObject, at: JsonObject
) -> Iterator[Piece | Bad]:
    """Yield what a reader of the object's format finds from a place on."""
    kind = kind_of(config, stored.key)
    with opened(bucket, stored, kind, most=config.max_object_bytes) as file:
        try:
            yield from READERS[kind.format](file, at, config.max_record_bytes)
        except ModuleNotFoundError as error:
            raise ConnectorError.configuration(
                f"{kind.format} needs {error.name}: pip install 'rivven-connect[s3,parquet]'"
            ) from error


def _saved(chosen: ConfiguredStream, state: State | None) -> StreamState | None:
    """Return where to go on; None where a full refresh starts over."""
    saved = state.get_stream(chosen.stream.full_name()) if state else None
    starts_over = chosen.sync_mode is SyncMode.FULL_REFRESH
    if saved is not None and starts_over and saved.get("complete", bool, False):
        return None
    return saved
