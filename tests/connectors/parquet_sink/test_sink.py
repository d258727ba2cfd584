# ruff: noqa: ASYNC220, ASYNC240  # a test has its loop for itself
from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rivven_connect import (
    AnySink,
    Catalog,
    ConfiguredCatalog,
    ConnectorError,
    EventBatch,
    EventType,
    JsonObject,
    SourceEvent,
    Stream,
)
from rivven_connect._arrow import to_arrow, to_rows
from rivven_connect._stream_paths import make_folder
from rivven_connect.connectors.parquet_sink import ParquetSink
from rivven_connect.connectors.parquet_sink._generated import ParquetSinkConfig

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "note": {"type": "string"}, "any": {}},
}
NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}-\d{12}-\d{12}\.parquet")


def config_of(path: Path | str, **values: Any) -> ParquetSinkConfig:
    return ParquetSinkConfig.parse({"path": str(path), **values})


def catalog_of(**schemas: JsonObject) -> ConfiguredCatalog:
    streams = [Stream(name=name, json_schema=schema) for name, schema in schemas.items()]
    return ConfiguredCatalog.from_catalog(Catalog(streams))


def records(count: int, start: int = 0, stream: str = "s") -> list[SourceEvent]:
    return [SourceEvent.record(stream, {"id": n}) for n in range(start, start + count)]


def columns(count: int, start: int = 0, stream: str = "s", **more: Any) -> EventBatch:
    batch = pa.record_batch({"id": list(range(start, start + count))})
    return EventBatch(stream=stream, records=batch, **more)


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def rows_of(folder: Path) -> list[JsonObject]:
    """The rows of all files, in the order of their names; null columns are left out."""
    return [
        {key: value for key, value in row.items() if value is not None}
        for path in files_of(folder)
        for batch in pq.read_table(path).to_batches()
        for row in to_rows(batch)
    ]


def ids_of(folder: Path) -> list[int]:
    return [row["id"] for row in rows_of(folder)]


async def test_records_get_the_columns_of_their_schema(tmp_path: Path) -> None:
    sink, config = ParquetSink(), config_of(tmp_path)
    await sink.prepare(config, catalog_of(s=SCHEMA))
    data = [{"id": 1, "note": "ünï", "any": [1, {"a": 2}]}, {"id": 2, "extra": 1.5}, {"any": "x"}]
    result = await sink.write_batch(config, [SourceEvent.record("s", one) for one in data])
    await sink.flush(config)
    assert (result.records_written, result.has_failures()) == (3, False)
    assert result.bytes_written > 0
    assert rows_of(tmp_path / "s") == data
    (path,) = files_of(tmp_path / "s")
    assert NAME.fullmatch(path.name)
    found = pq.read_table(path)
    assert str(found.schema.field("extra").type) == "double"
    assert found.column("any").to_pylist() == ['[1,{"a":2}]', None, '"x"']


async def test_columns_are_written_as_they_are(tmp_path: Path) -> None:
    sink, config = ParquetSink(), config_of(tmp_path)
    table = pa.table(
        {
            "at": pa.array([1, 2], pa.timestamp("us", "UTC")),
            "price": pa.array([None, 1], pa.decimal128(9, 2)),
            "word": pa.array(["a", "b"]).dictionary_encode(),
            "points": pa.array([[1.5], []], pa.list_(pa.float32())),
        }
    )
    batches = [EventBatch(stream="s", records=batch) for batch in table.to_batches()]
    result = await sink.write_batches(config, batches)
    await sink.flush(config)
    assert (result.records_written, result.bytes_written) == (2, table.nbytes)
    (path,) = files_of(tmp_path / "s")
    assert pq.read_table(path) == table


async def test_each_stream_has_its_folder(tmp_path: Path) -> None:
    for template in (str(tmp_path / "a"), str(tmp_path / "b" / "{stream}" / "raw")):
        sink, config = ParquetSink(), config_of(template)
        odd = columns(1, 9, stream="../x")
        await sink.write_batches(config, [columns(2), columns(1, 5, namespace="n"), odd])
        await sink.write_batch(config, records(1, 7))
        await sink.flush(config)
    assert ids_of(tmp_path / "a" / "s") == ids_of(tmp_path / "b" / "s" / "raw") == [0, 1, 7]
    assert ids_of(tmp_path / "a" / "n.s") == ids_of(tmp_path / "b" / "n.s" / "raw") == [5]
    assert ids_of(tmp_path / "a" / "%2E.%2Fx") == [9]
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


async def test_nothing_is_visible_before_a_flush_and_all_of_it_after(tmp_path: Path) -> None:
    sink, config = ParquetSink(), config_of(tmp_path)
    for start in range(0, 30, 10):
        await sink.write_batches(config, [columns(10, start)])
    assert not files_of(tmp_path)
    await sink.flush(config)
    assert [path.name[-33:] for path in files_of(tmp_path)] == [
        "000000000000-000000000029.parquet"[-33:]
    ]
    await sink.write_batches(config, [columns(10, 30)])
    await sink.close()
    await sink.flush(config)
    assert ids_of(tmp_path) == list(range(30))
    await sink.write_batches(config, [columns(2, 30)])
    await sink.flush(config)
    assert files_of(tmp_path)[1].name.endswith("-000000000030-000000000031.parquet")
    assert [name for name in os.listdir(tmp_path / "s") if name.startswith(".")] == []


async def test_runs_add_to_one_another(tmp_path: Path) -> None:
    for start in (0, 3):
        sink, config = ParquetSink(), config_of(tmp_path)
        await sink.write_batch(config, records(3, start))
        await sink.flush(config)
    assert ids_of(tmp_path) == list(range(6))


async def test_files_are_cut_at_their_limits(tmp_path: Path) -> None:
    sink, config = ParquetSink(), config_of(tmp_path / "rows", batch_size=4, row_group_rows=3)
    await sink.write_batches(config, [columns(3), columns(10, 3)])
    await sink.flush(config)
    counts = [pq.read_metadata(path).num_rows for path in files_of(tmp_path / "rows")]
    assert counts == [3, 4, 4, 2]
    assert ids_of(tmp_path / "rows") == list(range(13))
    assert pq.read_metadata(files_of(tmp_path / "rows")[1]).num_row_groups == 2
    config = config_of(tmp_path / "bytes", max_file_bytes=1024)
    await sink.write_batches(config, [columns(100, start) for start in (0, 100, 200)])
    await sink.flush(config)
    assert [pq.read_metadata(path).num_rows for path in files_of(tmp_path / "bytes")] == [100] * 3


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd"])
async def test_columns_are_compressed_as_wanted(tmp_path: Path, compression: str) -> None:
    sink, config = ParquetSink(), config_of(tmp_path, compression=compression)
    await sink.write_batches(config, [columns(10)])
    await sink.flush(config)
    (path,) = files_of(tmp_path)
    found = pq.read_metadata(path).row_group(0).column(0).compression
    assert found == {"none": "UNCOMPRESSED"}.get(compression, compression.upper())


def test_limits_come_from_the_config() -> None:
    limits = ParquetSink().batch_config(config_of("x", batch_size=7, flush_interval_secs=2))
    assert (limits.max_records, limits.max_bytes, limits.max_wait_ms) == (7, 2**27, 2000)


async def test_a_new_column_joins_the_file_and_another_type_starts_one(tmp_path: Path) -> None:
    sink, config = ParquetSink(), config_of(tmp_path)
    made: list[dict[str, Any]] = [
        {"id": [1], "x": [None]},
        {"id": [2], "x": ["a"]},
        {"id": [3], "y": [[]]},
        {"id": [4], "y": [[1.5]]},
        {"id": ["5"]},
        {"id": [6]},
    ]
    batches = [EventBatch(stream="s", records=pa.record_batch(one)) for one in made]
    await sink.write_batches(config, batches)
    await sink.flush(config)
    first, second, third = (pq.read_table(path) for path in files_of(tmp_path))
    assert first.to_pylist() == [
        {"id": 1, "x": None, "y": None},
        {"id": 2, "x": "a", "y": None},
        {"id": 3, "x": None, "y": []},
        {"id": 4, "x": None, "y": [1.5]},
    ]
    assert (second.to_pylist(), third.to_pylist()) == ([{"id": "5"}], [{"id": 6}])


async def test_text_and_json_never_share_a_column(tmp_path: Path) -> None:
    sink, config = ParquetSink(), config_of(tmp_path)
    values: list[Any] = [["1"], [1, "1"], ["2"], [{"in": "1"}], [{"in": 1}, {"in": "1"}]]
    for one in values:
        await sink.write_batch(config, [SourceEvent.record("s", {"x": value}) for value in one])
    await sink.flush(config)
    assert [row["x"] for row in rows_of(tmp_path)] == [value for one in values for value in one]
    assert len(files_of(tmp_path)) == 5


@pytest.mark.parametrize("inside", [False, True])
async def test_json_stays_json_behind_a_column_of_nulls(tmp_path: Path, *, inside: bool) -> None:
    """The column of nulls comes first, and what is JSON would look like any text."""
    sink, config = ParquetSink(), config_of(tmp_path)
    found: list[JsonObject] = [{"id": 1, "x": None}, {"id": 2, "x": 2**64}, {"id": 3, "x": None}]
    data: list[JsonObject] = [{"o": one} for one in found] if inside else found
    for one in data:
        await sink.write_batch(config, [SourceEvent.record("s", one)])
    await sink.flush(config)
    batches = [batch for path in files_of(tmp_path) for batch in pq.read_table(path).to_batches()]
    assert [row for batch in batches for row in to_rows(batch)] == data
    assert len(files_of(tmp_path)) == 2


async def test_a_schema_that_changes_is_followed(tmp_path: Path) -> None:
    sink, config = ParquetSink(), config_of(tmp_path)
    await sink.prepare(config, catalog_of(s=SCHEMA))
    await sink.write_batch(config, records(1))
    await sink.flush(config)
    changed = {"type": "object", "properties": {"id": {"type": "string"}}}
    await sink.prepare(config, catalog_of(s=changed))
    result = await sink.write_batch(config, [SourceEvent.record("s", {"id": "1"}), *records(1)])
    await sink.flush(config)
    assert [one.error for one in result.failed_events] == [
        "id is an integer, and its column is string"
    ]
    assert ids_of(tmp_path) == [0, "1"]


async def test_a_record_that_does_not_fit_is_named_and_fails_alone(tmp_path: Path) -> None:
    sink, config = ParquetSink(), config_of(tmp_path)
    await sink.prepare(config, catalog_of(s=SCHEMA))
    bad = [SourceEvent.record("s", value) for value in ({"id": "x"}, [1], None, {"note": "\ud800"})]
    events = [*records(1), *bad[:2], *records(1, 1), *bad[2:], *records(1, 9, "t")]
    result = await sink.write_batch(config, events)
    await sink.flush(config)
    assert [one.event for one in result.failed_events] == bad
    assert all(a.event is b for a, b in zip(result.failed_events, bad, strict=True))
    assert (result.records_written, result.records_failed) == (3, 4)
    assert (ids_of(tmp_path / "s"), ids_of(tmp_path / "t")) == ([0, 1], [9])


async def test_batches_are_taken_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    sink, config = ParquetSink(), config_of(tmp_path)
    await sink.prepare(config, catalog_of(s=SCHEMA))
    no_struct = pa.record_batch({"x": pa.array([{}], pa.struct([]))})
    twins = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    interval = pa.record_batch({"x": pa.nulls(1, pa.month_day_nano_interval())})
    for bad in (no_struct, twins, interval, [{"id": 1}, {"id": "x"}]):
        with pytest.raises(ConnectorError) as caught:
            await sink.write_batches(config, [columns(2), EventBatch(stream="s", records=bad)])
        assert caught.value.action is caught.value.action.DEAD_LETTER
    await sink.write_batches(config, [columns(2), EventBatch(stream="s", records=[{"id": 2}])])
    await sink.flush(config)
    assert ids_of(tmp_path) == [0, 1, 2]


async def test_changes_say_what_they_are(tmp_path: Path) -> None:
    sink, config = ParquetSink(), config_of(tmp_path)
    events = [
        *records(1),
        SourceEvent.insert("s", {"id": 1}),
        SourceEvent.update("s", {"id": 1}, {"id": 2}),
        SourceEvent.delete("s", {"id": 2}),
    ]
    wanted: list[JsonObject] = [
        {"id": 0},
        {"id": 1, "_rivven_type": "insert"},
        {"id": 2, "_rivven_type": "update"},
        {"id": 2, "_rivven_type": "delete"},
    ]
    await sink.write_batch(config, events)
    await sink.flush(config)
    assert rows_of(tmp_path) == wanted
    batch = EventBatch(
        stream="t",
        records=to_arrow([event.data for event in events]),
        event_types=[event.event_type for event in events],
    )
    await sink.write_batches(config, [batch, columns(1, 5, "t", event_types=[EventType.RECORD])])
    await sink.flush(config)
    assert rows_of(tmp_path / "t") == [*wanted, {"id": 5}]
    assert pq.read_schema(files_of(tmp_path / "t")[0]).names == ["id", "_rivven_type"]
    own = [SourceEvent.insert("u", {"_rivven_type": 1})]
    result = await sink.write_batch(config, own)
    assert result.errors == ["the field _rivven_type is the sink's own"]


async def test_a_flush_that_is_tried_again_replaces_what_it_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, config = ParquetSink(), config_of(tmp_path)
    await sink.write_batches(config, [columns(1, stream="a"), columns(1, stream="b")])
    await sink.flush(config)
    real, failures = os.fsync, 0

    def fail(descriptor: int) -> None:
        nonlocal failures
        if "/b/." in os.readlink(f"/proc/self/fd/{descriptor}") and failures < 2:
            failures += 1
            raise OSError(errno.EIO, "the disk is tired")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    for _ in range(3):
        await sink.write_batches(config, [columns(5, 1, "a"), columns(5, 1, "b")])
        try:
            await sink.flush(config)
        except OSError:
            assert (ids_of(tmp_path / "a"), ids_of(tmp_path / "b")) == (list(range(6)), [0])
    assert failures == 2
    assert ids_of(tmp_path / "a") == ids_of(tmp_path / "b") == list(range(6))
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


async def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, config = ParquetSink(), config_of(tmp_path)

    def fill_up(*args: Any, **keywords: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", fill_up)
    await sink.write_batches(config, [columns(5)])
    with pytest.raises(OSError, match="No space"):
        await sink.flush(config)
    assert os.listdir(tmp_path / "s") == []


async def test_a_staged_file_that_is_deleted_meanwhile_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, config, real = ParquetSink(), config_of(tmp_path), pq.write_table

    def write_and_delete(*args: Any, **keywords: Any) -> None:
        real(*args, **keywords)
        for path in (tmp_path / "s").iterdir():
            path.unlink()

    monkeypatch.setattr(pq, "write_table", write_and_delete)
    await sink.write_batches(config, [columns(5)])
    with pytest.raises(ConnectorError, match="was deleted while it was written"):
        await sink.flush(config)


async def test_a_flush_syncs_files_and_folders_before_and_after_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real, rename = os.fsync, os.replace

    def note(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        done.append(f"fsync {Path(name).relative_to(tmp_path)}".replace(run_of(name), "RUN"))
        real(descriptor)

    def replace(source: Path, target: Path) -> None:
        done.append(f"rename to {target.name}".replace(run_of(target.name), "RUN"))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "replace", replace)
    sink, config = ParquetSink(), config_of(tmp_path / "lake")
    await sink.write_batches(config, [columns(5)])
    await sink.flush(config)
    await sink.flush(config)
    assert done == [
        "fsync .",
        "fsync lake",
        "fsync lake/s/.RUN-000000000000-000000000004.parquet.tmp",
        "rename to RUN-000000000000-000000000004.parquet",
        "fsync lake/s",
    ]


def run_of(name: str) -> str:
    found = re.search(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}", name)
    return found[0] if found else "\0"


async def test_a_large_batch_does_not_hold_up_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, config, real = ParquetSink(), config_of(tmp_path), pq.write_table
    writing, go_on = threading.Event(), threading.Event()

    def wait(*args: Any, **keywords: Any) -> None:
        writing.set()
        assert go_on.wait(30)
        real(*args, **keywords)

    monkeypatch.setattr(pq, "write_table", wait)
    await sink.write_batches(config, [columns(5)])
    flush = asyncio.create_task(sink.flush(config))
    assert await asyncio.to_thread(writing.wait, 30)
    closing = asyncio.create_task(sink.close())
    await asyncio.sleep(0)
    assert not closing.done()
    go_on.set()
    await asyncio.gather(flush, closing)
    assert ids_of(tmp_path) == list(range(5))


async def test_only_abandoned_files_of_earlier_runs_are_swept(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    range_ = "000000000000-000000000009"
    abandoned = f".20200101T000000.000000Z-00000000-{range_}.parquet.tmp"
    kept = [
        f".29990101T000000.000000Z-00000000-{range_}.parquet.tmp",
        f"20200101T000000.000000Z-00000000-{range_}.parquet",
        f".20200101T000000.000000Z-{range_}.parquet.tmp",
        ".hidden.parquet.tmp",
        "a.parquet.tmp",
    ]
    for name in (abandoned, *kept):
        (folder / name).write_bytes(b"")
    config = config_of(tmp_path)
    assert (await ParquetSink().check(config)).is_success()
    assert len(os.listdir(folder)) == 6
    await ParquetSink().prepare(config, catalog_of(s={}, missing={}))
    assert sorted(os.listdir(folder)) == sorted(kept)
    (folder / abandoned).write_bytes(b"")
    sink = ParquetSink()
    await sink.write_batches(config, [columns(1)])
    await sink.flush(config)
    assert not (folder / abandoned).exists()
    assert len(os.listdir(folder)) == 6


async def test_the_staged_file_of_a_run_that_is_alive_is_not_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink, config, real = ParquetSink(), config_of(tmp_path), pq.write_table

    def sweep_meanwhile(*args: Any, **keywords: Any) -> None:
        other = ParquetSink()
        asyncio.run(other.prepare(config, catalog_of(s={})))
        real(*args, **keywords)

    monkeypatch.setattr(pq, "write_table", sweep_meanwhile)
    await sink.write_batches(config, [columns(5)])
    await sink.flush(config)
    assert ids_of(tmp_path) == list(range(5))


WRITER = """
import asyncio, sys
import pyarrow as pa
from rivven_connect import EventBatch
from rivven_connect.connectors.parquet_sink import ParquetSink
from rivven_connect.connectors.parquet_sink._generated import ParquetSinkConfig

async def main():
    config, sink, number = ParquetSinkConfig(path=sys.argv[1]), ParquetSink(), 0
    while True:
        ids = list(range(number, number + 20_000))
        batch = pa.record_batch({"id": ids, "x": [f"{n:0200}" for n in ids]})
        await sink.write_batches(config, [EventBatch(stream="s", records=batch)])
        await sink.flush(config)
        number += 20_000
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("batches", [0, 1, 3])
async def test_a_killed_writer_loses_nothing_that_was_flushed(tmp_path: Path, batches: int) -> None:
    config, folder = config_of(tmp_path), tmp_path / "s"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        flushed = [int(writer.stdout.readline()) for _ in range(batches)]
        while not any(name.startswith(".") for name in _listed(folder)):
            assert writer.poll() is None  # it writes one file after the other
        writer.send_signal(signal.SIGKILL)
    found = ids_of(tmp_path)
    assert found == list(range(len(found)))
    assert len(found) >= (flushed or [0])[-1]
    sink = ParquetSink()
    await sink.prepare(config, catalog_of(s={}))
    await sink.write_batches(config, [columns(1, -1)])
    await sink.flush(config)
    assert sorted(ids_of(tmp_path)) == [-1, *found]
    assert all(NAME.fullmatch(name) for name in os.listdir(folder))


def _listed(folder: Path) -> Sequence[str]:
    return os.listdir(folder) if folder.is_dir() else ()


async def test_the_check_says_what_is_wrong_and_creates_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    checked = {
        path: await ParquetSink().check(config_of(tmp_path / path))
        for path in ("new/lake", "{stream}/a", "file", "file/lake", ".")
    }
    assert [path for path, result in checked.items() if not result.is_success()] == [
        "file",
        "file/lake",
    ]
    assert "is not a folder" in str(checked["file"])
    with pytest.raises(ConnectorError, match="file is not a folder"):  # as a run says it
        make_folder(tmp_path / "file" / "lake")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


async def test_the_check_sees_what_may_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    found = await ParquetSink().check(config_of(tmp_path / "a"))
    assert "nothing can be created in" in str(found)


async def test_plain_json_drives_it_too(tmp_path: Path) -> None:
    async def events() -> AsyncIterator[SourceEvent]:
        for event in records(10):
            yield event

    raw = {"path": str(tmp_path), "batch_size": 3}
    result = await AnySink(ParquetSink).write_raw(raw, events())
    assert result.records_written == 10
    assert ids_of(tmp_path) == list(range(10))


def test_pyarrow_is_loaded_with_the_first_batch_and_missed_by_name(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from rivven_connect import ConnectorError
from rivven_connect.connectors.parquet_sink import ParquetSink
sink, config = ParquetSink(), ParquetSink.config_type.parse({"path": sys.argv[1]})
ParquetSink.spec(), sink.batch_config(config)
assert "pyarrow" not in sys.modules
sys.modules["pyarrow"] = None
try:
    asyncio.run(sink.open(config))
except ConnectorError as error:
    print(error)
"""
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert found.stdout == (
        "the parquet sink needs pyarrow: pip install 'rivven-connect[parquet]'\n"
    )


RUN = "from rivven_connect.cli import main; main()"


def run_pipeline(folder: Path, text: str) -> None:
    (folder / "pipeline.yaml").write_text(text)
    command = [sys.executable, "-c", RUN, "run", "pipeline.yaml"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def test_a_pipeline_writes_files(tmp_path: Path) -> None:
    rows = [{"id": n, "name": f"n{n}"} for n in range(250)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_pipeline(
        tmp_path,
        """\
version: "1.0"
sources:
  in: {connector: jsonl, config: {path: in.jsonl}}
sinks:
  out: {connector: parquet, topics: [in], config: {path: lake, batch_size: 100}}
""",
    )
    assert sorted(rows_of(tmp_path / "lake"), key=lambda row: row["id"]) == rows
    assert len(files_of(tmp_path / "lake")) >= 3


def test_the_changes_of_a_pipeline_are_rows_of_the_records_columns(tmp_path: Path) -> None:
    run_pipeline(
        tmp_path,
        """\
version: "1.0"
sources:
  in:
    connector: datagen
    config: {pattern: orders, seed: 7, max_events: 500, events_per_second: 0, cdc_mode: true}
sinks:
  rows: {connector: jsonl, topics: [in], config: {path: all.jsonl, format: events}}
  out: {connector: parquet, topics: [in], config: {path: lake}}
""",
    )
    wanted = []
    for line in (tmp_path / "all.jsonl").read_text().splitlines():
        event = json.loads(line)
        data = event["data"]["after"] if event["type"] == "update" else event["data"]
        wanted.append({**data, "_rivven_type": event["type"]})
    found = rows_of(tmp_path / "lake")
    assert {"insert", "update", "delete"} == {row["_rivven_type"] for row in found}
    assert sorted(map(str, map(sorted, map(dict.items, found)))) == sorted(
        map(str, map(sorted, map(dict.items, wanted)))
    )
    for path in files_of(tmp_path / "lake"):
        assert {"before", "after"}.isdisjoint(pq.read_schema(path).names)
