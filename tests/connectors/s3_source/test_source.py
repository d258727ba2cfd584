from __future__ import annotations

import asyncio
import contextlib
import datetime
import gzip
import http.client
import io
import json
import logging
import os
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from rivven_connect import (
    ConfiguredCatalog,
    ConnectorError,
    ErrorKind,
    EventBatch,
    FatalError,
    JsonObject,
    State,
    StreamState,
    SyncMode,
)
from rivven_connect._object_store.bucket import Bucket
from rivven_connect._object_store.opening import open_bucket
from rivven_connect._object_store.stored import StoredObject
from rivven_connect.connectors.s3_source import S3Source
from rivven_connect.connectors.s3_source import formats as formats_module
from rivven_connect.connectors.s3_source._generated import S3SourceConfig
from rivven_connect.connectors.s3_source.progress import Progress
from services.object_store import ObjectStore
from tests.connectors.object_kit import Content, Passing, proxied, s3_block


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats_module, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(formats_module, "_PIECE_ROWS", 7)
    monkeypatch.setattr(formats_module, "_COLUMN_ROWS", 5)


class Lake:
    """A bucket that is a folder, whose objects get the age that a test wants."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "lake"
        self.folder.mkdir()
        self._root = root

    def config(self, **values: Any) -> S3SourceConfig:
        place = {"provider": "local", "bucket": "lake", "local": {"root": str(self._root)}}
        return S3SourceConfig.parse({**place, **values})

    def put(self, key: str, content: bytes, at: float = 1_000_000) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (at, at))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def rows(count: int, start: int = 0) -> list[JsonObject]:
    return [{"id": n, "text": f"ü{n}"} for n in range(start, start + count)]


def as_lines(records: Sequence[Any]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in records).encode()


def as_csv(records: Sequence[JsonObject]) -> bytes:
    names = list(records[0])
    lines = [names, *([str(one[name]) for name in names] for one in records)]
    return "".join(",".join(line) + "\r\n" for line in lines).encode()


def as_parquet(records: Sequence[JsonObject], group: int = 8) -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(records)), out, row_group_size=group)
    content: bytes = out.getvalue().to_pybytes()
    return content


def as_twins() -> bytes:
    """Return Parquet with two columns of one name, of which a record could hold one."""
    out = pa.BufferOutputStream()
    pq.write_table(pa.table([pa.array([1]), pa.array(["x"])], names=["a", "a"]), out)
    content: bytes = out.getvalue().to_pybytes()
    return content


MAKERS = {
    "jsonl": as_lines,
    "ndjson": as_lines,
    "json": lambda records: json.dumps(records).encode(),
    "csv": as_csv,
    "parquet": as_parquet,
}


def packed(raw: bytes, ending: str) -> bytes:
    if ending == ".gz":
        half = len(raw) // 2
        return gzip.compress(raw[:half]) + gzip.compress(raw[half:])
    if ending == ".zst":
        half = len(raw) // 2
        made = zstandard.ZstdCompressor()
        return made.compress(raw[:half]) + made.compress(raw[half:])
    return raw


def data(found: Any) -> list[Any]:
    return [event.data for event in found.events]


def ids(found: Any) -> list[int]:
    return [int(event.data["id"]) for event in found.events]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
@pytest.mark.parametrize("format_", MAKERS)
async def test_every_format_resumes_at_every_state(
    read: Any, content: Content, configured: Any, format_: str, ending: str
) -> None:
    if format_ == "parquet" and ending:
        ending = ""
    for part, start in enumerate((0, 30, 31)):
        records = rows((30, 1, 20)[part], start)
        key = f"raw/part-{part}.{format_}{ending}"
        content.put(key, packed(MAKERS[format_](records), ending))
    content.put("rawer/no.txt", b"of another folder")
    config = configured(prefix="raw")
    full = await read(S3Source(), config)
    wanted: list[Any] = rows(51)
    if format_ == "csv":
        wanted = [{"id": str(one["id"]), "text": one["text"]} for one in wanted]
    assert data(full) == wanted
    assert len(full.states) > 5
    positions = [tuple(event.position) for event in full.events]
    assert len(set(positions)) == 51
    assert {key for key, _, _ in positions} == {
        f"raw/part-{part}.{format_}{ending}" for part in range(3)
    }
    assert [index for _, _, index in positions] == [*range(30), 0, *range(20)]
    for after, state in full.states:
        rest = await read(S3Source(), config, state)
        assert data(rest) == wanted[after:]
        assert [tuple(event.position) for event in rest.events] == positions[after:]


async def test_columns_stay_columns(read: Any, content: Content, configured: Any) -> None:
    table = pa.table({"at": pa.array([1, 2], pa.timestamp("us", "UTC")), "x": [[1], None]})
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    content.put("a.parquet", out.getvalue().to_pybytes())
    found = await read(S3Source(), configured())
    (batch,) = (one for one in found.batches if len(one))
    assert batch.is_columnar()
    assert pa.Table.from_batches([batch.records]) == table
    assert batch.size == batch.records.nbytes


async def test_every_object_is_read_once(read: Any, content: Content, configured: Any) -> None:
    config, state = configured(), None
    for start, count in ((0, 3), (3, 0), (3, 2), (5, 4)):
        if count:
            content.put(f"{9 - start}.jsonl", as_lines(rows(count, start)))
        found = await read(S3Source(), config, state)
        assert ids(found) == list(range(start, start + count))
        state = found.states[-1][1]
    content.put("6.jsonl", as_lines(rows(2, 3)))  # the same again
    found = await read(S3Source(), config, state)
    assert ids(found) == []
    content.put("6.jsonl", as_lines(rows(3, 3)))
    found = await read(S3Source(), config, state)
    assert ids(found) == [3, 4, 5]


async def test_more_objects_than_a_page_of_the_list(
    read: Any, content: Content, configured: Any
) -> None:
    for number in range(1_010):
        content.put(f"{number:04}.jsonl", b'{"id": %d}\n' % number)
    found = await read(S3Source(), configured(pattern="*[05]0.jsonl"))
    assert sorted(ids(found)) == [number for number in range(1_010) if number % 50 == 0]


async def test_an_object_that_appears_late_is_read(read: Any, lake: Lake) -> None:
    lake.put("b.jsonl", as_lines(rows(1)), 10_000)
    config = lake.config(overlap_secs=100)
    first = await read(S3Source(), config)
    lake.put("a.jsonl", as_lines(rows(1, 1)), 9_901)
    lake.put("c.jsonl", as_lines(rows(1, 2)), 10_000)
    lake.put("too-old.jsonl", as_lines(rows(1, 3)), 9_899)
    second = await read(S3Source(), config, first.states[-1][1])
    assert ids(second) == [1, 2]
    lake.put("d.jsonl", as_lines(rows(1, 4)), 20_000)
    third = await read(S3Source(), config, second.states[-1][1])
    assert ids(third) == [4]
    assert len(third.states[-1][1]["seen"]) == 1, "the state grows"
    assert ids(await read(S3Source(), config, third.states[-1][1])) == []


async def test_an_object_dated_in_the_future_hides_no_other(read: Any, lake: Lake) -> None:
    now = time.time()
    lake.put("a.jsonl", as_lines(rows(1)), now + 30 * 86_400)
    first = await read(S3Source(), lake.config())
    lake.put("b.jsonl", as_lines(rows(1, 1)), now)
    second = await read(S3Source(), lake.config(), first.states[-1][1])
    assert ids(second) == [1]
    assert ids(await read(S3Source(), lake.config(), second.states[-1][1])) == []


async def test_a_bucket_that_goes_away_after_it_was_listed_is_an_error(
    read: Any, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unmounted folder, say: its objects count as read for ever if each is taken for deleted."""
    lake.put("a.jsonl", as_lines(rows(2)))
    away = lake.folder.with_name("away")
    listed = Bucket.pages

    def unmounting(bucket: Bucket, prefix: str) -> Iterator[list[StoredObject]]:
        yield from listed(bucket, prefix)
        if lake.folder.exists():
            lake.folder.rename(away)

    monkeypatch.setattr(Bucket, "pages", unmounting)
    with pytest.raises(ConnectorError, match="is not there"):
        await read(S3Source(), lake.config())


async def test_an_object_that_was_gone_is_read_when_it_is_back(
    read: Any, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.put("a.jsonl", as_lines(rows(2)))
    lake.put("sub/b.jsonl", as_lines(rows(2, 2)))
    away = lake.folder.with_name("away")
    listed = Bucket.pages

    def unmounting(bucket: Bucket, prefix: str) -> Iterator[list[StoredObject]]:
        yield from listed(bucket, prefix)
        (lake.folder / "sub").rename(away)

    monkeypatch.setattr(Bucket, "pages", unmounting)
    first = await read(S3Source(), lake.config())
    monkeypatch.undo()
    away.rename(lake.folder / "sub")
    second = await read(S3Source(), lake.config(), first.states[-1][1])
    assert (ids(first), ids(second)) == ([0, 1], [2, 3])


async def test_objects_are_read_oldest_first(read: Any, lake: Lake) -> None:
    for key, age in (("a", 3), ("b", 1), ("c", 2), ("d", 2)):
        lake.put(f"{key}.jsonl", as_lines([{"id": age * 10 + ord(key)}]), age * 1000)
    found = await read(S3Source(), lake.config())
    assert ids(found) == [10 + ord("b"), 20 + ord("c"), 20 + ord("d"), 30 + ord("a")]


async def test_only_what_matches_is_read(
    read: Any, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    for number, key in enumerate(
        ("x/a/1.jsonl", "x/2.ndjson", "x/3.csv", "1.jsonl", "y/x/4.jsonl")
    ):
        lake.put(key, as_lines(rows(1, number)))
    lake.put("x/_SUCCESS", b"")
    for prefix, pattern, wanted in (
        ("x", "*.jsonl", [0]),
        ("x/", "*json*", [0, 1]),
        ("", "*.jsonl", [0, 3, 4]),
        ("", "?.jsonl", [3]),
    ):
        found = await read(S3Source(), lake.config(prefix=prefix, pattern=pattern))
        assert sorted(ids(found)) == wanted
    assert "no object matches" not in caplog.text
    assert ids(await read(S3Source(), lake.config(prefix="z", pattern="*.jsonl"))) == []
    assert "no object matches '*.jsonl' below 'z'" in caplog.text
    lake.put("x/5.dat", as_lines(rows(1, 5)))
    with pytest.raises(ConnectorError, match=r"x/5\.dat: its ending names no format"):
        await read(S3Source(), lake.config(prefix="x", pattern="*.dat"))
    found = await read(S3Source(), lake.config(prefix="x", pattern="*.dat", format="jsonl"))
    assert ids(found) == [5]


@pytest.mark.usefixtures("small_blocks")
async def test_bad_lines_are_kept_and_their_neighbours_read(read: Any, lake: Lake) -> None:
    bad = [b"{", b"not json", b'{"id": "\xff"}', b"[" * 5_000, b'{"id": 1} {}']
    lines = [*as_lines(rows(20)).splitlines(), b"", b"  "]
    for place, one in enumerate(bad):
        lines.insert(place * 4, one)
    lake.put("a.jsonl", b"\xef\xbb\xbf" + b"\r\n".join(lines))
    config = lake.config()
    full = await read(S3Source(), config)
    assert ids(full) == list(range(20))
    assert [one.raw for one in full.poison] == bad
    indexes = [event.position[2] for event in full.events] + [
        one.position[2] for one in full.poison
    ]
    assert sorted(indexes) == list(range(25))
    for after, state in full.states:
        rest = await read(S3Source(), config, state)
        assert ids(rest) == list(range(after, 20))
        done = state.get("reading", {}).get("at", {"record": 25})["record"]
        assert [one.raw for one in rest.poison] == [
            one.raw for one in full.poison if one.position[2] >= done
        ]


async def test_csv_is_read_as_the_rfc_has_it(read: Any, lake: Lake) -> None:
    lake.put(
        "a.csv",
        b'\xef\xbb\xbfid,"te,xt"\r\n1,"a ""b"",\r\nc"\r\n\r\n2,\r\n3\r\n"4"x,5\r\n6,7,8\r\n'
        b'9,\xff\r\n10,"last"',
    )
    found = await read(S3Source(), lake.config())
    assert data(found) == [
        {"id": "1", "te,xt": 'a "b",\r\nc'},
        {"id": "2", "te,xt": ""},
        {"id": "10", "te,xt": "last"},
    ]
    assert [one.raw for one in found.poison] == [b"3", b'"4"x,5', b"6,7,8", b"9,\xff"]
    assert [one.position[2] for one in found.poison] == [2, 3, 4, 5]
    for after, state in found.states:
        assert data(await read(S3Source(), lake.config(), state)) == data(found)[after:]


async def test_blank_lines_before_a_header_are_none(read: Any, lake: Lake) -> None:
    lake.put("a.csv", b"\xef\xbb\xbf\r\n\nid\r\n1\r\n")
    found = await read(S3Source(), lake.config())
    assert data(found) == [{"id": "1"}]
    assert [event.position[2] for event in found.events] == [0]


@pytest.mark.parametrize("key", ["a//b.jsonl", "a/../b.jsonl", "a/\tb.jsonl"])
async def test_a_key_that_cannot_be_asked_for_is_named(
    read: Any, object_store: ObjectStore, content: Content, configured: Any, key: str
) -> None:
    """Tried again, the list would fail for ever."""
    content.put("fine.jsonl", b"1\n")
    place = f"{object_store.endpoint}/{content.bucket}/{urllib.parse.quote(key)}"
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(place).netloc)
    with contextlib.closing(connection):
        connection.request("PUT", urllib.parse.urlsplit(place).path, b"2\n")
        assert connection.getresponse().status == 200
    with pytest.raises(FatalError, match="illegal otherwise") as caught:
        await read(S3Source(), configured())
    assert key.replace("\t", "\\t") in caught.value.message


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("a.jsonl.gz", gzip.compress(as_lines(rows(5_000)))[:-1]),
        ("a.jsonl.gz", gzip.compress(as_lines(rows(5_000)))[:-4000]),
        ("a.jsonl.gz", gzip.compress(as_lines(rows(50))) + b"trailing"),
        ("a.jsonl.gz", b"no gzip"),
        ("a.jsonl.zst", zstandard.compress(as_lines(rows(5_000)))[:-1]),
        ("a.jsonl.zst", zstandard.compress(as_lines(rows(50))) + b"trailing"),
        ("a.jsonl.zst", b"no zstd"),
        ("a.csv.gz", gzip.compress(as_csv(rows(5_000)))[:-1]),
        ("a.json.gz", gzip.compress(b"[1]")[:-1]),
        ("a.parquet", as_parquet(rows(50))[:-1]),
        ("a.parquet", b"PAR1"),
        (
            "a.parquet",
            b"PAR1" + as_parquet(rows(50))[4:].replace(as_parquet(rows(50))[40:90], b"x" * 50),
        ),
        ("a.csv", b"\xff,b\r\n1,2\r\n"),
        ("a.csv", b"b,b\r\n1,2\r\n"),
        ("a.parquet", as_twins()),
    ],
    ids=lambda value: value if isinstance(value, str) else str(len(value)),
)
async def test_f13_content_that_ends_early_or_is_damaged_is_an_error(
    read: Any, lake: Lake, key: str, content: bytes
) -> None:
    lake.put(key, content)
    with pytest.raises(ConnectorError) as caught:
        await read(S3Source(), lake.config())
    assert caught.value.kind in {ErrorKind.DATA, ErrorKind.CONFIG}
    assert str(caught.value).startswith(f"{key}: ")


async def test_a_document_that_is_not_json_is_kept(read: Any, lake: Lake) -> None:
    lake.put("a.json", b"[1, 2")
    lake.put("b.json", b'{"id": 7}', 2_000_000)
    found = await read(S3Source(), lake.config())
    assert (data(found), [one.raw for one in found.poison]) == ([{"id": 7}], [b"[1, 2"])


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("a.jsonl", b"x" * 2_000 + b"\n"),
        ("a.jsonl", as_lines(rows(1)) + b"x" * 2_000),
        ("a.jsonl.gz", gzip.compress(b"x" * 5_000_000)),
        ("a.json", b"[" + b"1," * 2_000 + b"1]"),
        ("a.csv", b'a,b\r\n1,"' + b"x\r\n" * 1_000),
        ("a.csv.zst", zstandard.compress(b"a\r\n" + b"x" * 2_000)),
    ],
    ids=lambda value: value if isinstance(value, str) else str(len(value)),
)
async def test_a_record_that_is_too_long_stops_the_run(
    read: Any, lake: Lake, key: str, content: bytes
) -> None:
    lake.put(key, content)
    with pytest.raises(ConnectorError, match="raise `max_record_bytes`"):
        await read(S3Source(), lake.config(max_record_bytes=1_000))


def test_a_line_without_end_is_not_gathered() -> None:
    endless = io.BytesIO(b"x" * 10_000_000)
    with pytest.raises(formats_module.UnreadableError):
        next(formats_module.json_lines(endless, {}, 1_000))
    assert endless.tell() < 1_000_000


def test_f13_a_part_that_ends_early_is_an_error(lake: Lake) -> None:
    lake.put("a.jsonl", as_lines(rows(9)))
    bucket = open_bucket(lake.config())
    ((found,),) = bucket.pages("")
    with pytest.raises(ConnectorError, match="ends before its end"):
        bucket.read(found, 0, 10_000)


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
async def test_a_bomb_stops_the_run(read: Any, lake: Lake, ending: str) -> None:
    lake.put(f"a.jsonl{ending}", packed(b"\n" * 3_000_000, ending))
    with pytest.raises(ConnectorError, match="holds more than 1000000 bytes"):
        await read(S3Source(), lake.config(max_object_bytes=1_000_000))
    found = await read(S3Source(), lake.config(max_object_bytes=3_000_000))
    assert found.events == []


async def started(source: S3Source, config: S3SourceConfig, state: JsonObject | None = None) -> Any:
    """Return the source's reading, begun."""
    catalog = ConfiguredCatalog.from_catalog(await source.discover(config))
    await source.open(config)
    return source.read(config, catalog, State({"records": state}) if state else None)


async def gathered(items: Any, found: list[EventBatch]) -> None:
    async for item in items:
        found += [item]


async def test_an_object_that_changes_while_it_is_read_is_an_error(
    content: Content, configured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rivven_connect.connectors.s3_source import content as content_module

    monkeypatch.setattr(content_module, "_RANGE_BYTES", 200_000)
    config = configured()
    content.put("a.jsonl", as_lines(rows(50_000, 200_000)))
    items = await started(S3Source(), config)
    batch = await anext(items)
    content.put("a.jsonl", as_lines(rows(50_000, 100_000)))  # of the same size
    with pytest.raises(ConnectorError, match="changed meanwhile") as caught:
        async for _ in items:
            pass
    assert caught.value.retryable
    again = await started(S3Source(), config, batch.state)
    found = [row["id"] async for item in again for row in item.rows()]
    assert found == list(range(100_000, 150_000))


async def test_an_object_that_is_gone_is_skipped_before_and_an_error_within(
    content: Content,
    configured: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from rivven_connect.connectors.s3_source import content as content_module

    monkeypatch.setattr(content_module, "_RANGE_BYTES", 200_000)
    config = configured()
    content.put("a.jsonl", as_lines(rows(1)))
    content.put("b.jsonl", as_lines(rows(1, 1)))
    items = await started(S3Source(), config)
    assert (await anext(items)).rows() == rows(1)
    content.delete("b.jsonl")
    assert [len(item) async for item in items] == [0, 0]
    assert "deleted before it was read" in caplog.text
    content.put("c.jsonl", as_lines(rows(50_000)))
    items = await started(S3Source(), config)
    while len(batch := await anext(items)) < 2:
        pass
    content.delete("c.jsonl")
    with pytest.raises(ConnectorError, match="no such bucket or object"):
        async for _ in items:
            pass
    again = await started(S3Source(), config, batch.state)
    assert [len(item) async for item in again] == [0]
    assert "c.jsonl" in caplog.text


@pytest.mark.parametrize("spoiled", [503, "reset"])
async def test_a_server_that_breaks_in_the_middle_loses_nothing(
    object_store: ObjectStore, bucket: str, content: Content, spoiled: int | str
) -> None:
    for part in range(3):
        content.put(f"{part}.jsonl.gz", gzip.compress(as_lines(rows(3_000, part * 3_000))))
    with proxied(object_store.endpoint) as proxy:
        config = S3SourceConfig.parse({"bucket": bucket, "s3": s3_block(proxy.endpoint)})

        def spoil(request: Passing) -> int | str | None:
            return spoiled if "/1.jsonl" in request.target else None

        proxy.spoil = spoil
        found: list[EventBatch] = []
        with pytest.raises(ConnectorError) as caught:
            await gathered(await started(S3Source(), config), found)
        assert caught.value.retryable
        proxy.spoil = lambda _: None
        await gathered(await started(S3Source(), config, found[-1].state), found)
    assert [row["id"] for item in found for row in item.rows()] == list(range(9_000))


async def test_a_full_refresh_starts_over_when_it_came_to_its_end(
    read: Any, content: Content, configured: Any
) -> None:
    for part in range(3):
        content.put(f"{part}.jsonl", as_lines(rows(2, part * 2)))
    config = configured()
    full = await read(S3Source(), config, mode=SyncMode.FULL_REFRESH)
    assert ids(full) == list(range(6))
    assert full.states[-1][1]["complete"] is True
    for after, state in full.states:
        rest = await read(S3Source(), config, state, mode=SyncMode.FULL_REFRESH)
        assert ids(rest) == list(range(after if "complete" not in state else 0, 6))


async def test_a_followed_prefix_gets_what_comes(
    content: Content, configured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = asyncio.sleep

    async def soon(_: float) -> None:
        await real(0.01)

    monkeypatch.setattr("rivven_connect.connectors.s3_source.source.asyncio.sleep", soon)
    items = await started(S3Source(), configured(follow=True))
    found: list[int] = []
    for part in range(3):
        content.put(f"{part}.jsonl", as_lines(rows(2, part * 2)))
        while len(found) < part * 2 + 2:
            found += [row["id"] for row in (await anext(items)).rows()]
    await items.aclose()
    assert found == list(range(6))


async def test_check_says_what_is_wrong(configured: Any, lake: Lake) -> None:
    assert (await S3Source().check(configured(prefix="a"))).is_success()
    assert (await S3Source().check(lake.config())).is_success()
    missing = str(await S3Source().check(configured(bucket="no-such-bucket")))
    assert "NoSuchBucket: there is no such bucket, and none is made" in missing
    nowhere = lake.config(bucket="nowhere")
    assert "is not there" in str(await S3Source().check(nowhere))
    with pytest.raises(ConnectorError, match="is not there"):
        await anext(await started(S3Source(), nowhere))


def stored(key: str, at: int, etag: str = "e") -> StoredObject:
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return StoredObject(key, 1, moment, etag)


def test_states_that_were_given_out_do_not_change() -> None:
    progress = Progress(100)
    objects = [stored(f"k{n}", n) for n in range(5)]
    given = []
    for one in progress.pending(objects):
        progress.finish(one, None)
        given.append(progress.state())
    assert [len(state["seen"]) for state in given] == [1, 2, 3, 4, 5]


def test_finishing_a_begun_object_does_not_pass_older_ones() -> None:
    progress = Progress(0)
    begun = stored("new", 50)
    state = progress.moved(begun, {"record": 1})
    progress = Progress.resumed(0, StreamState("records", state))
    late = stored("late", 40)
    pending = progress.pending([late, begun])
    assert [one.key for one in pending] == ["new", "late"]
    assert progress.resume_point(begun) == {"record": 1}
    assert progress.resume_point(late) == {}
    progress.finish(begun, late)
    again = Progress.resumed(0, StreamState("records", progress.state()))
    assert [one.key for one in again.pending([late, begun])] == ["late"]


def test_many_small_objects_share_a_state() -> None:
    progress = Progress(100)
    for number in range(1_000):
        progress.finish(stored(f"k{number}", 50), None)
    assert not progress.is_worth_a_state(249)
    assert progress.is_worth_a_state(250)


@pytest.mark.parametrize(
    "state", [{"horizon": "yesterday"}, {"horizon": 5}, {"seen": [1]}, {"seen": {"a": "x"}}]
)
def test_a_state_of_something_else_is_refused(state: JsonObject) -> None:
    with pytest.raises(ConnectorError) as caught:
        Progress.resumed(0, StreamState("records", state))
    assert caught.value.kind is ErrorKind.STATE


async def test_cancelled_reading_waits_for_its_thread(
    content: Content, configured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    content.put("a.jsonl.gz", gzip.compress(as_lines(rows(100_000))))
    for _ in range(5):
        items = await started(S3Source(), configured())
        first: EventBatch = await anext(items)
        task = asyncio.ensure_future(anext(items))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await items.aclose()
        assert first.rows()[0] == {"id": 0, "text": "ü0"}
    assert caplog.text == ""
