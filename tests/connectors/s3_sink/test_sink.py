# ruff: noqa: ASYNC240  # a test has its loop for itself
from __future__ import annotations

import csv
import dataclasses
import datetime
import gzip
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from rivven_connect import (
    Catalog,
    ConfiguredCatalog,
    ConnectorError,
    EventBatch,
    EventType,
    JsonObject,
    SourceEvent,
    Stream,
)
from rivven_connect._arrow import to_arrow
from rivven_connect.connectors.s3_sink import S3Sink
from rivven_connect.connectors.s3_sink._generated import S3SinkConfig
from tests.connectors.object_kit import Content, json_rows

NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}-(\d{12}-\d{12})\.(.+)")
ENDINGS = {"none": "", "gzip": ".gz", "zstd": ".zst"}
NOON = datetime.datetime(
    2026, 1, 31, 23, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=-2))
)


async def opened(config: S3SinkConfig, **schemas: JsonObject) -> S3Sink:
    sink = S3Sink()
    await sink.open(config)
    streams = [Stream(name=name, json_schema=schema) for name, schema in schemas.items()]
    await sink.prepare(config, ConfiguredCatalog.from_catalog(Catalog(streams)))
    return sink


async def written(config: S3SinkConfig, *batches: EventBatch) -> S3Sink:
    sink = await opened(config)
    await sink.write_batches(config, batches)
    await sink.flush(config)
    return sink


def batch(records: Sequence[Any], stream: str = "s", **more: Any) -> EventBatch:
    return EventBatch(stream=stream, records=list(records), **more)


def ids(count: int, start: int = 0) -> list[JsonObject]:
    return [{"id": n} for n in range(start, start + count)]


def decompressed(raw: bytes, compression: str) -> bytes:
    if compression == "gzip":
        return gzip.decompress(raw)
    if compression == "zstd":
        return zstandard.ZstdDecompressor().decompress(raw)
    return raw


def rows_of(key: str, raw: bytes) -> list[Any]:
    """Return what an object holds, as an independent reader has it."""
    name = key.rpartition("/")[2]
    for compression in ("gzip", "zstd"):
        if name.endswith(ENDINGS[compression]):
            raw = decompressed(raw, compression)
    if ".parquet" in name:
        return [
            {name: value for name, value in row.items() if value is not None}
            for row in pq.read_table(pa.BufferReader(raw)).to_pylist()
        ]
    if ".csv" in name:
        return list(csv.DictReader(io.StringIO(raw.decode(), newline="")))
    return json_rows(raw) if ".jsonl" in name else list(json.loads(raw))


def all_rows(content: Content) -> list[Any]:
    return [row for key, raw in content.all().items() for row in rows_of(key, raw)]


def folders_of(content: Content) -> set[str]:
    return {key.rpartition("/")[0] for key in content.listed()}


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@pytest.mark.parametrize("format_", ["json", "jsonl", "csv", "parquet"])
async def test_every_format_is_read_by_others(
    content: Content, configured: Any, format_: str, compression: str
) -> None:
    config = configured(format=format_, compression=compression, prefix="raw/v1/")
    records = [{"id": n, "name": f'ünï "{n}",\r\n', "list": [n, None]} for n in range(5)]
    sink = await written(config, batch(records[:3]), batch(records[3:]))
    await sink.close()
    ((key, raw),) = content.all().items()
    found = NAME.fullmatch(key.removeprefix("raw/v1/s/"))
    ending = format_ + ("" if format_ == "parquet" else ENDINGS[compression])
    assert found is not None
    assert found.groups() == ("000000000000-000000000004", ending)
    if compression == "gzip" and format_ != "parquet":
        assert raw[4:8] == bytes(4), "the time of compression differs when a flush is tried again"
    if format_ == "csv":
        assert [row["name"] for row in rows_of(key, raw)] == [one["name"] for one in records]
        assert [json.loads(row["list"]) for row in rows_of(key, raw)] == [
            [n, None] for n in range(5)
        ]
    else:
        assert rows_of(key, raw) == records
    if format_ == "parquet":
        column = pq.read_metadata(pa.BufferReader(raw)).row_group(0).column(0)
        assert column.compression == {"none": "UNCOMPRESSED"}.get(compression, compression.upper())


async def test_nothing_is_visible_before_a_flush_and_all_of_it_after(
    content: Content, configured: Any
) -> None:
    config = configured()
    sink = await opened(config)
    await sink.write_batches(config, [batch(ids(3)), batch(ids(2, 3))])
    assert content.listed() == []
    await sink.flush(config)
    await sink.write_batches(config, [batch(ids(4, 5))])
    await sink.flush(config)
    await sink.flush(config)
    assert [key[-32:] for key in content.listed()] == [
        "-000000000000-000000000004.jsonl",
        "-000000000005-000000000008.jsonl",
    ]
    assert all_rows(content) == ids(9)
    await sink.write_batches(config, [batch(ids(1, 99))])
    await sink.close()
    await sink.flush(config)
    assert all_rows(content) == ids(9)


async def test_runs_add_to_one_another_in_order(content: Content, configured: Any) -> None:
    for start in (0, 3):
        await written(configured(), batch(ids(3, start)))
    assert all_rows(content) == ids(6)


async def test_objects_are_cut_at_their_limits(content: Content, configured: Any) -> None:
    for format_ in ("jsonl", "csv", "parquet"):
        config = configured(format=format_, prefix=format_, batch_size=4, partitioning="none")
        await written(config, batch(ids(3)), batch(ids(10, 3)))
        rows = [len(rows_of(k, v)) for k, v in content.all().items() if k.startswith(format_)]
        assert max(rows) <= 4
        assert sum(rows) == 13
    long = [{"id": n, "text": "x" * 600} for n in range(4)]
    for format_ in ("jsonl", "csv"):
        config = configured(format=format_, prefix=f"long-{format_}", max_file_bytes=1024)
        await written(config, *(batch([one]) for one in long))
        assert sum(key.startswith(f"long-{format_}/") for key in content.listed()) == 4


def test_limits_come_from_the_config() -> None:
    config = S3SinkConfig.parse({"bucket": "b", "batch_size": 7, "flush_interval_secs": 2})
    limits = S3Sink().batch_config(config)
    assert (limits.max_records, limits.max_bytes, limits.max_wait_ms) == (7, 2**27, 2000)


HOSTILE = ["../x", "a/b", ".", "..", "", 'q";drop', "x" * 300, "%2F", "ü\x00\n", "a=b", "~", " s "]


async def test_each_hostile_stream_has_one_folder_of_its_own(
    content: Content, configured: Any
) -> None:
    for prefix in ("p", "q/{stream}/raw"):
        config = configured(prefix=prefix)
        await written(config, *(batch([{"of": name}], name) for name in HOSTILE))
    for depth, prefix in ((2, "p/"), (3, "q/")):
        keys = [key for key in content.listed() if key.startswith(prefix)]
        assert {key.count("/") for key in keys} == {depth}
        found = [row["of"] for key in keys for row in rows_of(key, content.get(key))]
        assert sorted(found) == sorted(HOSTILE)
        assert len({key.split("/")[1] for key in keys}) == len(HOSTILE)


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
async def test_hostile_values_make_one_folder_each(
    content: Content, configured: Any, format_: str
) -> None:
    config = configured(format=format_, partition_fields=["k/1"])
    records = [{"n": n, "k/1": value} for n, value in enumerate(HOSTILE)]
    null = {"n": -1, "k/1": None}
    await written(config, batch([*records, null, {"n": -2}]), batch(records))
    folders = {folder.removeprefix("s/") for folder in folders_of(content)}
    assert len(folders) == len(HOSTILE) + 1
    assert all(folder.startswith("k%2F1=") and "/" not in folder for folder in folders)
    assert {"k%2F1=", "k%2F1=__HIVE_DEFAULT_PARTITION__", "k%2F1=..%2Fx", "k%2F1=%2E"} <= {
        folder.replace("%2E.", "..") for folder in folders
    }
    assert max(map(len, content.listed())) < 1024
    found = sorted(int(row["n"]) for row in all_rows(content))
    assert found == sorted([*range(len(HOSTILE)), *range(len(HOSTILE)), -1, -2])


async def test_values_of_all_types_tell_their_folders(content: Content, configured: Any) -> None:
    values: list[Any] = [1, 1.5, True, "1", "true", [1], {"a": 1}, "__HIVE_DEFAULT_PARTITION__"]
    config = configured(partition_fields=["v", "w"])
    await written(config, batch([{"v": value} for value in values]), batch(["no object"]))
    null = "w=__HIVE_DEFAULT_PARTITION__"
    names = ["1", "1.5", "true", "%5B1%5D", "%7B%22a%22%3A1%7D"]
    names += ["%5F_HIVE_DEFAULT_PARTITION__", "__HIVE_DEFAULT_PARTITION__"]
    assert folders_of(content) == {f"s/v={name}/{null}" for name in names}


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
async def test_folders_of_time_are_those_of_the_events_in_utc(
    content: Content, configured: Any, format_: str
) -> None:
    config = configured(format=format_, partitioning="hour", partition_fields=["c"])
    sink = await written(config, batch([{"c": "x"}], timestamp=NOON))
    day = "s/year=2026/month=02/day=01"
    assert folders_of(content) == {f"{day}/hour=01/c=x"}
    later = NOON + datetime.timedelta(hours=1)
    events = [SourceEvent.record("s", {"c": "y"}) for _ in range(3)]
    for event, moment in zip(events, (NOON, later, None), strict=True):
        event.timestamp = moment
    await sink.write_batch(config, events)
    await sink.flush(config)
    now = datetime.datetime.now(datetime.UTC).year
    assert {f"{day}/hour=01/c=y", f"{day}/hour=02/c=y"} < folders_of(content)
    assert any(folder.startswith(f"s/year={now}/") for folder in folders_of(content))
    before = set(content.listed())
    mixed = batch([{"c": n} for n in range(4)], timestamps=[NOON, later, NOON, later])
    mixed = dataclasses.replace(mixed, event_types=[EventType.INSERT] * 4)
    await written(configured(format=format_, partitioning="hour"), mixed)
    found = {key: rows_of(key, content.get(key)) for key in set(content.listed()) - before}
    assert {key.split("/")[-2]: [int(row["c"]) for row in rows] for key, rows in found.items()} == {
        "hour=01": [0, 2],
        "hour=02": [1, 3],
    }
    config = configured(format=format_, partitioning="day", prefix="days")
    await written(config, batch([{"c": "x"}], timestamp=NOON))
    assert f"days/{day}" in folders_of(content)


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
async def test_changes_say_what_they_are(content: Content, configured: Any, format_: str) -> None:
    config = configured(format=format_)
    events = [
        SourceEvent.record("s", {"id": 0}),
        SourceEvent.insert("s", {"id": 1}),
        SourceEvent.update("s", {"id": 1}, {"id": 2}),
        SourceEvent.delete("s", {"id": 2}),
    ]
    sink = await opened(config)
    await sink.write_batch(config, events)
    await sink.flush(config)
    data = [event.data for event in events]
    types = [event.event_type for event in events]
    records = to_arrow(data) if format_ == "parquet" else data
    changes = EventBatch(stream="t", records=records, event_types=types)
    plain = batch([{"id": 9}], "t", event_types=[EventType.RECORD])
    await sink.write_batches(config, [changes, plain])
    await sink.flush(config)
    kinds = ["insert", "update", "delete"]
    for stream, more in (("s", []), ("t", [9])):
        rows = [
            row
            for key, raw in content.all().items()
            if key.startswith(f"{stream}/")
            for row in rows_of(key, raw)
        ]
        assert [int(row["id"]) for row in rows] == [0, 1, 2, 2, *more]
        assert [row["_rivven_type"] for row in rows if row.get("_rivven_type")] == kinds
    bad = [SourceEvent.insert("u", {"_rivven_type": 1}), SourceEvent.insert("u", [1])]
    result = await sink.write_batch(config, [*bad, SourceEvent.insert("u", {"id": 5})])
    assert len(result.failed_events) >= 1
    assert result.failed_events[0].event is bad[0]
    assert "the sink's own" in result.errors[0] or "not an object" in result.errors[0]


@pytest.mark.parametrize("format_", ["json", "jsonl", "csv", "parquet"])
async def test_a_record_that_cannot_be_written_is_named_and_fails_alone(
    content: Content, configured: Any, format_: str
) -> None:
    config = configured(format=format_)
    sink = await opened(config)
    bad = [SourceEvent.record("s", value) for value in ({"x": object()}, {"x": "\ud800"})]
    if format_ in ("csv", "parquet"):
        bad += [SourceEvent.record("s", value) for value in ([1], "text", {1: 2})]
    if format_ == "csv":
        bad.append(SourceEvent.record("s", {}))
    good = [SourceEvent.record("s", {"id": n}) for n in range(3)]
    result = await sink.write_batch(config, [good[0], *bad, *good[1:]])
    assert [id(one.event) for one in result.failed_events] == [id(one) for one in bad]
    assert result.records_written == 3
    assert not any(one.retryable for one in result.failed_events)
    for one in bad:
        with pytest.raises(ConnectorError) as caught:
            await sink.write_batches(config, [batch([one.data], partition="x"), batch(ids(1))])
        assert caught.value.action is caught.value.action.DEAD_LETTER
    await sink.flush(config)
    assert [int(row["id"]) for row in all_rows(content)] == [0, 1, 2]


async def test_columns_are_written_as_they_are(content: Content, configured: Any) -> None:
    table = pa.table(
        {
            "at": pa.array([1, 2], pa.timestamp("us", "UTC")),
            "price": pa.array([None, 1], pa.decimal128(9, 2)),
            "word": pa.array(["a", "b"]).dictionary_encode(),
        }
    )
    config = configured(format="parquet", partition_fields=["word"])
    await written(config, *(EventBatch(stream="s", records=one) for one in table.to_batches()))
    assert folders_of(content) == {"s/word=a", "s/word=b"}
    found = [pq.read_table(pa.BufferReader(raw)) for raw in content.all().values()]
    assert pa.concat_tables(found).sort_by("at").cast(table.schema) == table


async def test_csv_has_the_columns_of_schema_and_records(content: Content, configured: Any) -> None:
    config = configured(format="csv")
    schema = {"type": "object", "properties": {"b": {}, "a": {}}}
    sink = await opened(config, s=schema)
    await sink.write_batches(
        config,
        [
            batch([{"a": None, "c,d": ""}, {"b": True, "a": 1.5}]),
            batch([{"b": "\r\n", "e": {"k": ['"']}}, {"a": datetime.date(2026, 1, 2), "b": "NaN"}]),
            batch([{"a": float("nan"), "b": " x", "e": []}]),
        ],
    )
    await sink.flush(config)
    ((_, raw),) = content.all().items()
    assert raw.decode().split("\r\n", 1) == [
        'b,a,"c,d",e',
        ',,"",\r\ntrue,1.5,,\r\n"\r\n",,,"{""k"":[""\\""""]}"\r\nNaN,2026-01-02,,\r\n" x",,,[]\r\n',
    ]


async def test_a_single_csv_column_has_no_empty_lines(content: Content, configured: Any) -> None:
    await written(configured(format="csv"), batch([{"a": None}, {"a": "x"}, {"a": ""}]))
    assert list(content.all().values()) == [b'a\r\n""\r\nx\r\n""\r\n']


async def test_a_name_that_begins_as_a_byte_order_mark_keeps_it(
    content: Content, configured: Any
) -> None:
    """Readers skip one at the start of an object."""
    await written(configured(format="csv"), batch([{"\ufeffa": 1}]))
    assert list(content.all().values()) == ['"\ufeffa"\r\n1\r\n'.encode()]


async def test_cells_that_look_like_formulas_are_escaped_on_demand(
    content: Content, configured: Any
) -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "'=", "x=1"]
    records = [{"=n": text, "m": -1} for text in texts]
    for escape in (False, True):
        config = configured(format="csv", prefix=str(escape), escape_formulas=escape)
        await written(config, batch(records))
    plain, escaped = (rows_of("x.csv", raw) for raw in content.all().values())
    assert [row["=n"] for row in plain] == texts
    assert [row["'=n"] for row in escaped] == [f"'{text}" for text in texts[:7]] + texts[7:]
    assert {row["m"] for row in escaped} == {"-1"}


async def test_rows_of_ever_new_columns_do_not_explode(content: Content, configured: Any) -> None:
    config = configured(format="csv")
    records = [{f"c{n}-{i}": i for i in range(300)} for n in range(20)]
    await written(config, batch(records))
    tables = [rows_of(key, raw) for key, raw in content.all().items()]
    assert sum(map(len, tables)) == 20
    assert max(len(table[0]) for table in tables) <= 2000
    sink = await opened(config)
    wide = SourceEvent.record("s", {f"c{i}": i for i in range(2001)})
    result = await sink.write_batch(config, [wide])
    assert result.errors == ["the record has 2001 fields; CSV holds 1 to 2000"]


async def test_a_folder_of_this_machine_is_a_bucket_too(tmp_path: Path) -> None:
    place = {"provider": "local", "bucket": "lake", "local": {"root": str(tmp_path)}}
    config = S3SinkConfig.parse({**place, "prefix": "a", "partition_fields": ["k"]})
    sink = S3Sink()
    assert (await sink.check(config)).is_success()
    assert list(tmp_path.iterdir()) == []
    await written(config, batch([{"k": "x/y", "id": 1}], "../s"))
    (path,) = (one for one in tmp_path.rglob("*") if one.is_file())
    assert path.parent == tmp_path / "lake" / "a" / "%2E.%2Fs" / "k=x%2Fy"
    assert json_rows(path.read_bytes()) == [{"k": "x/y", "id": 1}]
    elsewhere = S3SinkConfig.parse({**place, "local": {"root": str(tmp_path / "no")}})
    assert not (await sink.check(elsewhere)).is_success()


@pytest.mark.parametrize("prefix", ["a/../b", "..", "a/.", "ü" * 101])
async def test_a_prefix_that_leads_elsewhere_is_refused(configured: Any, prefix: str) -> None:
    with pytest.raises(ConnectorError, match="prefix"):
        await S3Sink().open(configured(prefix=prefix))
