"""The s3 sink before a server that speaks S3: killed at steps of a flush, watched by a reader."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from experiment import DEADLINE_S, Experiment, Numbers, SinkKind, key_of, stopped_at_exit
from oracle import Key, Level
from sink_kinds import rows_of_object
from sizes import size

from rivven_connect import ExitCode
from services.object_store import ObjectStore
from tests.connectors.object_kit import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Content


@pytest.fixture
def content(object_store: ObjectStore, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Content:
    """A bucket, whose keys the commands find in their environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    return Content(object_store.endpoint, bucket)


@contextmanager
def watched(content: Content) -> Iterator[None]:
    """List and read the bucket again and again; what is there must be whole, and stay as it is."""
    done, begun = threading.Event(), threading.Event()
    seen: dict[str, bytes] = {}
    problems: list[str] = []

    def watch() -> None:
        while not done.is_set():
            for key in content.listed():
                raw = content.get(key)
                try:
                    rows_of_object(key, raw)
                except (OSError, EOFError, ValueError, pa.ArrowException) as error:
                    problems.append(f"{key} is not whole: {error}")
                if seen.setdefault(key, raw) != raw:
                    problems.append(f"{key} has changed")
            if seen.keys() - set(content.listed()):
                problems.append("an object is gone")
            begun.set()

    thread = threading.Thread(target=watch)
    thread.start()
    assert begun.wait(DEADLINE_S)
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert problems == []


@pytest.mark.parametrize("point", ["after_write", "inside_commit"])
@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
def test_killed_before_a_real_server_nothing_is_lost_and_nothing_half_is_seen(
    tmp_path: Path, content: Content, point: str, format_: str
) -> None:

    def keys(_: Path) -> list[Key]:
        found = content.all()
        names = sorted(found, key=lambda name: name.rpartition("/")[2])
        return [key_of(row["k"]) for name in names for row in rows_of_object(name, found[name])]

    config: dict[str, Any] = {"bucket": content.bucket, "s3": {"endpoint": content.endpoint}}
    config |= {"format": format_, "compression": "gzip"}
    block = {
        "connector": "s3",
        "config": config,
        "batch": {"max_records": 10, "max_wait_ms": 20},
    }
    kind = SinkKind(name="s3", level=Level.L1, block=block, keys=keys)
    run = Experiment(tmp_path / "run", Numbers(total=30), [kind])
    with watched(content):
        assert run.run(f"{point}=kill@2") == -9
        assert run.run() == 0, run.errors()
    assert run.is_through()
    assert run.verdict() == []


def test_a_command_that_ends_at_once_does_not_abort(tmp_path: Path, content: Content) -> None:
    """The store's client has threads that must not need the interpreter while it ends."""
    sink = {"connector": "s3", "topics": ["in"]}
    config = {"bucket": content.bucket, "s3": {"endpoint": content.endpoint}}
    pipeline = {
        "version": "1.0",
        "sources": {"in": {"connector": "s3", "config": config}},
        "sinks": {"out": {**sink, "config": {**config, "prefix": "out"}}},
    }
    (tmp_path / "pipeline.yaml").write_text(json.dumps(pipeline))
    code = "from rivven_connect.cli import main; main()"
    command = [sys.executable, "-c", code, "check", "pipeline.yaml"]
    ended = [
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        for _ in range(size(100))
    ]
    assert {one.returncode for one in ended} == {0}, ended[0].stderr


def test_f24_a_store_that_does_not_answer_keeps_no_process(tmp_path: Path) -> None:
    """The loop waits for the thread of the call, which nothing can cancel."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(DEADLINE_S)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        config = {"bucket": "lake", "s3": {"endpoint": endpoint, "anonymous": True}}
        pipeline = {
            "version": "1.0",
            "settings": {"shutdown_timeout_ms": 300},
            "sources": {"a": {"connector": "s3", "config": config}},
            "sinks": {"b": {"connector": "jsonl", "topics": ["a"], "config": {"path": "b.jsonl"}}},
        }
        (tmp_path / "pipeline.yaml").write_text(json.dumps(pipeline))
        code = "from rivven_connect.cli import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", code, "run", "pipeline.yaml"],
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        with stopped_at_exit(process):
            asked, _ = silent.accept()
            with asked:
                process.terminate()
                assert process.wait(30) == ExitCode.DRAIN_DEADLINE
