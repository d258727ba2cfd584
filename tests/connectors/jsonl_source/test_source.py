# ruff: noqa: ASYNC240  # a test has its loop for itself
from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from rivven_connect import (
    ConfiguredCatalog,
    ConnectorError,
    ErrorKind,
    EventBatch,
    Item,
    State,
    StreamState,
    SyncMode,
)
from rivven_connect import _line_reader as reader_module
from rivven_connect._line_reader import LineReader
from rivven_connect.connectors.jsonl_source import JsonlSource
from rivven_connect.connectors.jsonl_source._generated import JsonlSourceConfig


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.jsonl"


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_BATCH_LINES", 3)


def config_of(path: Path, **values: Any) -> JsonlSourceConfig:
    return JsonlSourceConfig.parse({"path": str(path), **values})


def rows(count: int, start: int = 0) -> str:
    return "".join(f'{{"id": {number}}}\n' for number in range(start, start + count))


def ids(read: Any) -> list[int]:
    return [event.data["id"] for event in read.events]


async def test_lines_become_records_of_the_named_stream(read: Any, path: Path) -> None:
    path.write_text('{"id": 1}\n[2, null]\n"drei ✓"\n4.5\nnull\n', encoding="utf-8")
    found = await read(JsonlSource(), config_of(path, stream="mixed"))
    assert [event.data for event in found.events] == [{"id": 1}, [2, None], "drei ✓", 4.5, None]
    assert {event.stream for event in found.events} == {"mixed"}


async def test_positions_and_sizes_are_those_of_the_lines(read: Any, path: Path) -> None:
    path.write_text('{"id": 1}\n\n{"id": 2}\r\n', encoding="utf-8")
    found = await read(JsonlSource(), config_of(path))
    assert [event.position for event in found.events] == [0, 11]
    assert [batch.size for batch in found.batches] == [22]


async def test_batches_are_bounded(read: Any, path: Path) -> None:
    path.write_text(rows(2_500), encoding="utf-8")
    found = await read(JsonlSource(), config_of(path))
    assert [len(batch) for batch in found.batches] == [1000, 1000, 500]
    path.write_text((json.dumps({"id": "x" * 400_000}) + "\n") * 7, encoding="utf-8")
    found = await read(JsonlSource(), config_of(path))
    assert [len(batch) for batch in found.batches] == [3, 3, 1]


@pytest.mark.usefixtures("small_batches")
async def test_resuming_at_any_state_repeats_and_loses_nothing(read: Any, path: Path) -> None:
    text = rows(7) + "\n  \nnot json\n" + rows(4, 7) + "{\n{}}\n" + '{"id": 11}'
    path.write_text(text, encoding="utf-8")
    full = await read(JsonlSource(), config_of(path))
    assert ids(full) == list(range(12))
    assert [poison.raw for poison in full.poison] == [b"not json", b"{", b"{}}"]
    assert full.states[-1][1]["offset"] == len(text)
    for after, state in full.states:
        rest = await read(JsonlSource(), config_of(path), state)
        assert ids(rest) == list(range(after, 12))
        behind = [poison for poison in full.poison if poison.position >= state["offset"]]
        assert rest.poison == behind


@pytest.mark.usefixtures("small_batches")
async def test_what_is_appended_is_read_by_the_next_run(read: Any, path: Path) -> None:
    state, expected = None, 0
    for count in (5, 0, 1, 3, 1_500):
        with path.open("a", encoding="utf-8") as file:
            file.write(rows(count, expected))
        found = await read(JsonlSource(), config_of(path), state)
        assert ids(found) == list(range(expected, expected + count))
        expected += count
        state = found.states[-1][1] if found.states else state


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b'{"id": 1} {"id": 2}',
        b"\xff\xfe",
        b'{"id": "\xff"}',
        b'{"id": "\\ud800"}',
        b"NaN",
        b'{"id": 1e400}',
        b"[" * 5_000,
    ],
)
async def test_a_line_that_is_not_json_is_kept_as_it_is(read: Any, path: Path, line: bytes) -> None:
    path.write_bytes(b'{"id": 0}\n' + line + b'\r\n{"id": 1}\n')
    found = await read(JsonlSource(), config_of(path))
    assert ids(found) == [0, 1]
    assert [(poison.raw, poison.position) for poison in found.poison] == [(line, 10)]
    assert found.poison[0].error
    assert found.states[-1][1]["offset"] == path.stat().st_size


async def test_a_value_does_not_reach_over_the_end_of_its_line(read: Any, path: Path) -> None:
    path.write_text('[1\n,2]\n3 4\n{"id": 1}\n', encoding="utf-8")
    found = await read(JsonlSource(), config_of(path))
    assert [event.data for event in found.events] == [{"id": 1}]
    assert len(found.poison) == 3


async def test_a_byte_order_mark_is_no_part_of_the_first_line(read: Any, path: Path) -> None:
    path.write_text(rows(2), encoding="utf-8-sig")
    found = await read(JsonlSource(), config_of(path))
    assert (ids(found), found.poison) == ([0, 1], [])


async def test_a_last_line_without_newline_may_get_one_later(read: Any, path: Path) -> None:
    path.write_text('{"id": 0}', encoding="utf-8")
    first = await read(JsonlSource(), config_of(path))
    assert ids(first) == [0]
    path.write_text('{"id": 0}\n{"id": 1}\n', encoding="utf-8")
    assert ids(await read(JsonlSource(), config_of(path), first.states[-1][1])) == [1]


async def test_a_last_line_that_was_still_being_written_is_found_out(read: Any, path: Path) -> None:
    path.write_text("12", encoding="utf-8")
    first = await read(JsonlSource(), config_of(path))
    path.write_text("1234\n", encoding="utf-8")
    with pytest.raises(ConnectorError, match="follow: true") as caught:
        await read(JsonlSource(), config_of(path), first.states[-1][1])
    assert caught.value.kind is ErrorKind.STATE


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: rows(400, 5_000),
        lambda text: "x" + text[1:],
        lambda text: text[:-3] + "x" + text[-2:] + rows(10),
    ],
    ids=["truncated", "emptied", "replaced", "rewritten at its start", "rewritten at its end"],
)
async def test_a_file_that_is_not_the_one_read_before_is_refused(
    read: Any, path: Path, change: Callable[[str], str]
) -> None:
    path.write_text(rows(300), encoding="utf-8")
    first = await read(JsonlSource(), config_of(path))
    path.write_text(change(rows(300)), encoding="utf-8")
    with pytest.raises(ConnectorError, match="rivven state reset") as caught:
        await read(JsonlSource(), config_of(path), first.states[-1][1])
    assert caught.value.kind is ErrorKind.STATE
    assert caught.value.fatal
    assert ("truncated" in str(caught.value)) is (path.stat().st_size < len(rows(300)))


async def test_a_copy_of_the_file_is_the_same_file(read: Any, path: Path) -> None:
    path.write_text(rows(300), encoding="utf-8")
    first = await read(JsonlSource(), config_of(path))
    path.unlink()
    path.write_text(rows(301), encoding="utf-8")
    assert ids(await read(JsonlSource(), config_of(path), first.states[-1][1])) == [300]


async def test_a_full_refresh_starts_over_once_it_is_complete(read: Any, path: Path) -> None:
    path.write_text(rows(2_500), encoding="utf-8")
    refresh = SyncMode.FULL_REFRESH
    full = await read(JsonlSource(), config_of(path), mode=refresh)
    rest = await read(JsonlSource(), config_of(path), full.states[0][1], mode=refresh)
    assert ids(rest) == list(range(1000, 2500))
    path.write_text(rows(3, 7), encoding="utf-8")
    again = await read(JsonlSource(), config_of(path), full.states[-1][1], mode=refresh)
    assert ids(again) == [7, 8, 9]


async def test_a_line_beyond_the_limit_stops_the_run_behind_those_before_it(path: Path) -> None:
    path.write_text('{"id": 0}\n{"id": 1234567}\n', encoding="utf-8")
    config = config_of(path, max_line_bytes=12)
    catalog = ConfiguredCatalog.from_catalog(await JsonlSource().discover(config))
    items = JsonlSource().read(config, catalog, None)
    batch = await anext(items)
    assert isinstance(batch, EventBatch)
    assert batch.records == [{"id": 0}]
    with pytest.raises(ConnectorError, match=r"at byte 10 of .* raise `max_line_bytes`"):
        await anext(items)


async def test_the_check_says_why_a_file_cannot_be_read(path: Path) -> None:
    missing = await JsonlSource().check(config_of(path))
    assert [detail.name for detail in missing.failed_checks()] == ["file_readable"]
    assert "does not exist" in str(missing)
    assert "not a regular file" in str(await JsonlSource().check(config_of(path.parent)))
    os.mkfifo(path)
    assert "not a regular file" in str(await JsonlSource().check(config_of(path)))
    path.unlink()
    path.touch()
    assert (await JsonlSource().check(config_of(path))).is_success()


async def follow(path: Path) -> AsyncIterator[Item]:
    config = config_of(path, follow=True, poll_interval_ms=10)
    catalog = ConfiguredCatalog.from_catalog(await JsonlSource().discover(config))
    async for item in JsonlSource().read(config, catalog, State()):
        yield item


async def test_a_followed_file_is_waited_for_line_by_line(path: Path) -> None:
    path.write_text(rows(1), encoding="utf-8")
    arrived: asyncio.Queue[Item] = asyncio.Queue()

    async def consume() -> None:
        async for item in follow(path):
            await arrived.put(item)

    async def records() -> list[Any]:
        item = await arrived.get()
        assert isinstance(item, EventBatch)
        return item.rows()

    task = asyncio.create_task(consume())
    async with asyncio.timeout(10):
        with path.open("a", encoding="utf-8") as file:
            assert await records() == [{"id": 0}]
            for piece in ('{"id"', ": ", "1}"):
                file.write(piece)
                file.flush()
                await asyncio.sleep(0.02)  # long enough to be looked at
            file.write('\n{"id": 2}\n{"id"')
            file.flush()
            assert await records() == [{"id": 1}, {"id": 2}]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert arrived.empty()


@pytest.mark.parametrize("change", ["truncate", "rewrite", "replace", "remove"])
async def test_a_followed_file_that_is_no_more_is_an_error(path: Path, change: str) -> None:
    path.write_text(rows(5), encoding="utf-8")
    items = follow(path)
    await anext(items)
    match change:
        case "truncate":
            os.truncate(path, 3)
        case "rewrite":
            path.write_text(rows(9, start=20), encoding="utf-8")
        case "replace":
            path.rename(path.with_suffix(".1"))
            path.write_text(rows(9), encoding="utf-8")
        case _:
            path.unlink()
    with pytest.raises(ConnectorError, match="while it was followed"):
        async with asyncio.timeout(10):
            await anext(items)


async def test_a_cancelled_reading_closes_the_file(path: Path) -> None:
    path.write_text(rows(1), encoding="utf-8")
    before = len(os.listdir("/proc/self/fd"))

    async def consume() -> None:
        async for _ in follow(path):
            pass

    for _ in range(20):
        task = asyncio.create_task(consume())
        await asyncio.sleep(0.002)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_a_reader_that_was_closed_opens_nothing(path: Path) -> None:
    path.write_text(rows(1), encoding="utf-8")
    before = len(os.listdir("/proc/self/fd"))
    reader = LineReader(str(path), max_line_bytes=100, follow=False)
    reader.close()
    reader.open(None)
    assert reader.read() == []
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("is_resumed", [False, True])
def test_the_rest_of_a_line_that_was_still_being_written_is_no_line(
    path: Path, is_resumed: bool
) -> None:
    path.write_bytes(b"12\n34")
    reader = LineReader(str(path), max_line_bytes=100, follow=False)
    position = reader.open(None)
    found = reader.read()
    assert found == [b"12\n", b"34"]
    if is_resumed:
        position.advance(b"".join(found))
        reader.close()
        reader = LineReader(str(path), max_line_bytes=100, follow=False)
        reader.open(StreamState("s", position.to_state()))
    with path.open("ab") as file:
        file.write(b"56\n")
    with pytest.raises(ConnectorError, match="has grown since"):
        reader.read()
    reader.close()


def test_a_last_line_may_get_its_newline_later(path: Path) -> None:
    path.write_bytes(b"12")
    reader = LineReader(str(path), max_line_bytes=100, follow=False)
    reader.open(None)
    assert reader.read() == [b"12"]
    with path.open("ab") as file:
        file.write(b"\n34\n")
    assert reader.read() == [b"\n", b"34\n"]
    reader.close()
