"""The s3 sink: records are gathered while batches come, and become objects at each flush.

At least once: after a crash, the records of an object whose flush was not committed come again, in an
object of another name.
"""

from __future__ import annotations

import asyncio
import datetime
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from rivven_connect import (
    BatchConfig,
    ConfiguredCatalog,
    ConnectorError,
    EventBatch,
    JsonObject,
    SourceEvent,
    WriteResult,
)
from rivven_connect._object_store.keys import folder_of, require_usable
from rivven_connect._object_store.opening import open_bucket
from rivven_connect._offload import Offload
from rivven_connect._run_names import run_name, with_range
from rivven_connect._sink import BatchForm
from rivven_connect._stream_paths import PLACEHOLDER
from rivven_connect.connectors.s3_sink._generated import S3SinkBase, S3SinkConfig
from rivven_connect.connectors.s3_sink.gathering import Encode, Gathering
from rivven_connect.connectors.s3_sink.taking import Form, Taken, form_of

if TYPE_CHECKING:
    from rivven_connect._object_store.bucket import Bucket

_AT_ONCE = 8
"""Objects of one flush that are encoded and sent at the same time."""

_ENDINGS = {"none": "", "gzip": ".gz", "zstd": ".zst"}


class S3Sink(S3SinkBase):
    """Writes each stream to objects in a folder of its own.

    An object is named after the run and the range of the stream's records that its flush began with,
    counted from the start of the run. What a failed flush wrote, the next try therefore replaces by
    the same. No object is ever deleted.
    """

    takes: BatchForm = "json"

    def __init__(self) -> None:
        self._run = run_name()
        self._started = datetime.datetime.now(datetime.UTC)
        self._schemas: dict[str, JsonObject] = {}
        self._opened: tuple[Bucket, Form] | None = None
        self._threads = ThreadPoolExecutor(_AT_ONCE, "s3-sink")
        self._takes = Offload()
        self._gathered: dict[str, dict[str, Gathering]] = {}
        self._published: dict[str, int] = {}

    def batch_config(self, config: S3SinkConfig) -> BatchConfig:
        """Return when an object is full."""
        limits = super().batch_config(config)
        return limits.replace(max_wait_ms=config.flush_interval_secs * 1000)

    async def open(self, config: S3SinkConfig) -> None:
        """Make the client, and say in which form records are wanted; nothing is connected.

        Raises:
            ConnectorError: a setting cannot be used, or an extra is not installed.
        """
        require_usable(config.prefix)
        self._threads = ThreadPoolExecutor(_AT_ONCE, "s3-sink")
        if config.format == "parquet":
            self.takes = "arrow"
        elif config.format == "csv" or config.partition_fields:
            self.takes = "rows"
        bucket = await asyncio.to_thread(open_bucket, config)
        self._opened = (
            bucket,
            await asyncio.to_thread(form_of, config, self._schemas, self._started),
        )

    async def close(self) -> None:
        """Forget what was not flushed: no checkpoint has passed it."""
        self._gathered = {}
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def check_bucket_reachable(self, config: S3SinkConfig) -> None:
        """Return if the bucket can be listed; nothing is written, hence the right to is not known."""
        bucket = await asyncio.to_thread(open_bucket, config)
        above = folder_of(config.prefix.partition(PLACEHOLDER)[0])
        await asyncio.to_thread(bucket.require_reachable, above)

    async def prepare(self, config: S3SinkConfig, catalog: ConfiguredCatalog) -> None:
        """Learn the schemas."""
        self._schemas |= {one.stream.full_name(): one.stream.json_schema for one in catalog.streams}

    async def write_batches(
        self, config: S3SinkConfig, batches: Sequence[EventBatch]
    ) -> WriteResult:
        """Take all of the batches.

        Raises:
            ConnectorError: none was taken; a record cannot be written.
        """
        _, form = self._open()
        taken = await self._takes.run(partial(_of_batches, form, batches))
        result = WriteResult()
        self._keep(form, taken, result)
        return result

    async def write_batch(self, config: S3SinkConfig, events: Sequence[SourceEvent]) -> WriteResult:
        """Take the events that the format can hold."""
        _, form = self._open()
        result = WriteResult()
        taken = await asyncio.to_thread(_of_events, form, events, result)
        self._keep(form, taken, result)
        return result

    async def flush(self, config: S3SinkConfig) -> None:
        """Write the objects of all that was taken; they are whole, visible and durable after that.

        Where it fails, nothing that was taken counts as written: it has to come again.
        """
        bucket, _ = self._open()
        gathered, self._gathered = self._gathered, {}
        ending = f".{config.format}"
        if config.format != "parquet":
            ending += _ENDINGS[config.compression]
        objects: list[tuple[str, Encode]] = []
        published: dict[str, int] = {}
        for stream, folders in gathered.items():
            first = self._published.get(stream, 0)
            total = 0
            for folder, gathering in folders.items():
                start = first
                for rows, encode in gathering.files():
                    name = with_range(self._run, start, start + rows - 1)
                    objects.append((f"{folder}/{name}{ending}", encode))
                    start += rows
                total += start - first
            published[stream] = first + total
        await _put_all(self._threads, bucket, objects)
        self._published |= published

    def _open(self) -> tuple[Bucket, Form]:
        if self._opened is None:
            raise ConnectorError.internal("the s3 sink is not open")
        return self._opened

    def _keep(self, form: Form, taken: Sequence[Taken], result: WriteResult) -> None:
        """Gather what was taken until the next flush, and count it."""
        for one in taken:
            folders = self._gathered.setdefault(one.stream, {})
            gathering = folders.get(one.folder)
            if gathering is None:
                gathering = folders[one.folder] = form.gathering(one.stream)
            form.add(gathering, one)
            result.add_success(one.rows, one.size)


def _of_batches(form: Form, batches: Sequence[EventBatch]) -> list[Taken]:
    return [taken for batch in batches for taken in form.batch(batch)]


def _of_events(form: Form, events: Sequence[SourceEvent], result: WriteResult) -> list[Taken]:
    by_stream: dict[str, list[SourceEvent]] = {}
    for event in events:
        by_stream.setdefault(event.full_name(), []).append(event)
    taken: list[Taken] = []
    for group in by_stream.values():
        refused: dict[int, str] = {}
        taken += form.events(group, refused)
        for index, reason in refused.items():
            result.add_failed_event(group[index], reason)
    return taken


async def _put_all(
    threads: ThreadPoolExecutor, bucket: Bucket, objects: Sequence[tuple[str, Encode]]
) -> None:
    """Write the objects, some at a time.

    Raises:
        ConnectorError: one could not be written; those that were begun have ended.
    """
    has_failed = threading.Event()

    def put(key: str, encode: Encode) -> None:
        if has_failed.is_set():
            return
        try:
            bucket.put(key, encode())
        except BaseException:
            has_failed.set()
            raise

    loop = asyncio.get_running_loop()
    calls = [loop.run_in_executor(threads, put, *one) for one in objects]
    ended = await asyncio.gather(*calls, return_exceptions=True)
    for one in ended:
        if one is not None:
            raise one
