# ruff: noqa: ASYNC220, ASYNC240  # a test has its loop for itself
from __future__ import annotations

import datetime
import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rivven_connect import (
    Catalog,
    ConfiguredCatalog,
    ConnectorError,
    EventType,
    SourceEvent,
    Stream,
    WriteResult,
)
from rivven_connect._appended_files import AppendedFiles
from rivven_connect._stream_paths import file_name
from rivven_connect.connectors.jsonl_sink import JsonlSink
from rivven_connect.connectors.jsonl_sink._generated import JsonlSinkConfig
from rivven_connect.connectors.jsonl_sink.lines import JsonLines

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
HOSTILE = [
    "..",
    ".",
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "nul\0",
    "",
    ".hidden",
    "trailing.",
    "%2E%2E",
    "new\nline",
    "\x1b[2J",
    "ünï/cödé",
    "\ud800",
    "x" * 5_000,
    "x" * 5_000 + "y",
    "/" * 300,
    "{stream}",
    "~",
]


def config_of(path: Path | str, **values: Any) -> JsonlSinkConfig:
    return JsonlSinkConfig.parse({"path": str(path), **values})


async def write(
    config: JsonlSinkConfig, events: Sequence[SourceEvent], *, prepare: Sequence[str] = ()
) -> WriteResult:
    """Run a sink once, as the engine does."""
    sink = JsonlSink()
    catalog = Catalog([Stream(name=name) for name in prepare])
    await sink.open(config)
    try:
        await sink.prepare(config, ConfiguredCatalog.from_catalog(catalog))
        result = await sink.write_batch(config, events)
        await sink.flush(config)
    finally:
        await sink.close()
    return result


def records(count: int, start: int = 0, stream: str = "s") -> list[SourceEvent]:
    return [SourceEvent.record(stream, {"id": n}) for n in range(start, start + count)]


def lines_of(path: Path) -> list[Any]:
    text = path.read_bytes()
    assert text.endswith(b"\n") or not text
    return [json.loads(line) for line in text.splitlines()]


async def test_records_are_the_data_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    events = [
        SourceEvent.record("s", {"text": "line\nbreak ✓", "n": None}),
        SourceEvent.update("s", {"id": 1}, {"id": 2}),
        SourceEvent.record("s", [1, "x"]),
    ]
    result = await write(config_of(path), events)
    assert (result.records_written, result.bytes_written) == (3, path.stat().st_size)
    assert lines_of(path) == [event.data for event in events]


async def test_events_have_an_envelope(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    event = SourceEvent(
        stream="s", namespace="n", event_type=EventType.DELETE, timestamp=NOON, data={"id": 1}
    )
    await write(config_of(path, format="events"), [event, SourceEvent.record("t", 5)])
    assert lines_of(path) == [
        {
            "stream": "s",
            "namespace": "n",
            "type": "delete",
            "timestamp": "2026-01-01T12:00:00Z",
            "data": {"id": 1},
        },
        {"stream": "t", "type": "record", "timestamp": None, "data": 5},
    ]


async def test_runs_append_to_one_another(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folders" / "a.jsonl"
    await write(config_of(path), records(3))
    await write(config_of(path), records(2, 3))
    assert [row["id"] for row in lines_of(path)] == [0, 1, 2, 3, 4]


async def test_a_relative_path_starts_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await write(config_of("a.jsonl"), records(1))
    assert lines_of(tmp_path / "a.jsonl") == [{"id": 0}]


async def test_each_stream_has_its_file(tmp_path: Path) -> None:
    events = [*records(2, stream="orders"), *records(1, stream="users"), *records(1, 9, "orders")]
    events.append(SourceEvent(stream="orders", namespace="eu", data={"id": 7}))
    await write(config_of(tmp_path / "{stream}.jsonl"), events)
    found = {path.name: [row["id"] for row in lines_of(path)] for path in tmp_path.iterdir()}
    assert found == {"orders.jsonl": [0, 1, 9], "users.jsonl": [0], "eu.orders.jsonl": [7]}


async def test_no_stream_name_leaves_the_folder_or_meets_another(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out"
    events = [SourceEvent.record(name, {"name": n}) for n, name in enumerate(HOSTILE)]
    result = await write(config_of(folder / "{stream}.jsonl"), events, prepare=["..", "a/b"])
    assert result.records_written == len(HOSTILE)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parent for path in files} == {folder}
    assert sorted(row["name"] for path in files for row in lines_of(path)) == list(
        range(len(HOSTILE))
    )
    assert len(files) == len(HOSTILE)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_stream_name_can_be_a_folder(tmp_path: Path, name: str) -> None:
    await write(config_of(tmp_path / "out" / "{stream}" / "data"), [SourceEvent.record(name, 1)])
    (found,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert found == tmp_path / "out" / file_name(name) / "data"


def test_plain_names_stay_as_they_are() -> None:
    assert file_name("public.orders_2-a") == "public.orders_2-a"
    assert file_name("..") == "%2E%2E"
    assert file_name(".hidden.") == "%2Ehidden%2E"


async def test_a_line_torn_at_any_byte_is_removed_or_completed(tmp_path: Path) -> None:
    whole = b'{"id": 0}\n{"id": 1, "text": "\xe2\x9c\x93 } ]"}\n{"id": 2, "list": [1, {"a": 2}]}\n'
    path = tmp_path / "a.jsonl"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = [json.loads(line) for line in whole[: cut + 1].splitlines(True) if b"\n" in line]
        await write(config_of(path), records(1, 9))
        assert lines_of(path) == [*kept, {"id": 9}], f"cut at {cut}"


async def test_the_torn_half_of_a_number_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"1\n23")
    await write(config_of(path), [SourceEvent.record("s", 2345)])
    assert lines_of(path) == [1, 2345]


async def test_a_torn_line_longer_than_a_block_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id": 0}\n{"id": "' + b"x" * 200_000)
    await write(config_of(path), records(1, 1))
    assert lines_of(path) == [{"id": 0}, {"id": 1}]


async def test_files_are_repaired_before_the_first_record(tmp_path: Path) -> None:
    for name in ("s", "t"):
        (tmp_path / f"{name}.jsonl").write_bytes(b'{"id": 0}\n{"id"')
    config = config_of(tmp_path / "{stream}.jsonl")
    assert (await JsonlSink().check(config)).is_success()
    assert (tmp_path / "s.jsonl").read_bytes() == b'{"id": 0}\n{"id"'
    await write(config, [], prepare=["s", "missing"])
    assert lines_of(tmp_path / "s.jsonl") == [{"id": 0}]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.jsonl", "t.jsonl"]


WRITER = """
import asyncio, sys
from rivven_connect import SourceEvent
from rivven_connect.connectors.jsonl_sink import JsonlSink
from rivven_connect.connectors.jsonl_sink._generated import JsonlSinkConfig

async def main():
    config, sink, number = JsonlSinkConfig(path=sys.argv[1]), JsonlSink(), 0
    while True:
        events = [SourceEvent.record("s", {"id": n, "x": "y" * 999}) for n in range(number, number + 500)]
        await sink.write_batch(config, events)
        await sink.flush(config)
        number += 500
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("batches", [1, 2, 5])
async def test_a_killed_writer_loses_nothing_that_was_flushed(tmp_path: Path, batches: int) -> None:
    path = tmp_path / "a.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        flushed = [int(writer.stdout.readline()) for _ in range(batches)][-1]
        writer.send_signal(signal.SIGKILL)
    await write(config_of(path), [SourceEvent.record("s", {"id": "after"})])
    found = [row["id"] for row in lines_of(path)]
    assert found.pop() == "after"
    assert found == list(range(len(found)))
    assert len(found) >= flushed


async def test_a_write_that_fails_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, config = tmp_path / "a.jsonl", config_of(tmp_path / "a.jsonl")
    sink = JsonlSink()
    await sink.write_batch(config, records(2))
    real, calls = os.writev, 0

    def fill_up(descriptor: int, parts: Sequence[memoryview]) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, [parts[0][:5]])

    monkeypatch.setattr(os, "writev", fill_up)
    with pytest.raises(OSError, match="No space"):
        await sink.write_batch(config, records(2, 2))
    monkeypatch.undo()
    assert [row["id"] for row in lines_of(path)] == [0, 1]
    await sink.write_batch(config, records(2, 2))
    await sink.close()
    assert [row["id"] for row in lines_of(path)] == [0, 1, 2, 3]


async def test_flush_syncs_the_file_and_its_new_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    config = config_of(tmp_path / "new" / "a.jsonl")
    sink = JsonlSink()
    await sink.write_batch(config, records(1))
    assert synced == [str(tmp_path), str(tmp_path / "new")]
    synced.clear()
    await sink.flush(config)
    await sink.flush(config)
    await sink.close()
    assert synced == [str(tmp_path / "new" / "a.jsonl")]


def test_files_that_wait_for_their_turn_are_synced_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(os.readlink(f"/proc/self/fd/{fd}")))
    files, before = AppendedFiles(JsonLines(), most_open=3), len(os.listdir("/proc/self/fd"))
    for turn in range(2):
        for number in range(20):
            files.append(str(tmp_path / str(number)), [b"%d\n" % turn])
        assert len(os.listdir("/proc/self/fd")) == before + 3
    files.sync()
    files.close()
    assert {str(tmp_path / str(number)) for number in range(20)} <= set(synced)
    assert all(lines_of(tmp_path / str(number)) == [0, 1] for number in range(20))


async def test_a_file_that_is_deleted_meanwhile_is_an_error(tmp_path: Path) -> None:
    config, sink = config_of(tmp_path / "a.jsonl"), JsonlSink()
    await sink.write_batch(config, records(1))
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(ConnectorError, match="was deleted"):
        await sink.flush(config)
    await sink.close()


async def test_a_record_that_is_not_json_fails_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    bad = [SourceEvent.record("s", value) for value in (object(), "\ud800")]
    events = [*records(1), bad[0], *records(1, 1), bad[1]]
    result = await write(config_of(path), events)
    assert [failed.event for failed in result.failed_events] == bad
    assert (result.records_written, result.records_failed) == (2, 2)
    assert [row["id"] for row in lines_of(path)] == [0, 1]


async def test_files_have_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        await write(config_of(tmp_path / "a.jsonl"), records(1))
    finally:
        os.umask(before)
    assert (tmp_path / "a.jsonl").stat().st_mode & 0o777 == 0o640


async def test_only_regular_files_are_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConnectorError, match="not a regular file"):
        await write(config_of(tmp_path / "pipe"), records(1))


async def test_the_check_says_what_is_wrong_and_creates_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    checked = {
        path: await JsonlSink().check(config_of(tmp_path / path))
        for path in ("new/folder/a.jsonl", "{stream}/a.jsonl", "file", "file/a.jsonl", ".")
    }
    assert [path for path, result in checked.items() if not result.is_success()] == [
        "file/a.jsonl",
        ".",
    ]
    assert "is not a folder" in str(checked["file/a.jsonl"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


async def test_the_check_sees_what_may_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    assert "nothing can be created in" in str(await JsonlSink().check(config_of(tmp_path / "a")))
    assert "may not be written" in str(await JsonlSink().check(config_of(tmp_path / "file")))
