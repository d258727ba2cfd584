"""Connector projects on disk, for tests that run the command line in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

SOURCE = '''
import asyncio
import logging
import sys
import threading
import warnings
import rivven_connect._errors as errors
from rivven_connect._batch import EventBatch
from rivven_connect._catalog import Catalog, Stream
from rivven_connect._checks import CheckResult
from rivven_connect._secret import Secret
from rivven_connect._source import Source
from rivven_connect._spec import ConnectorSpec
from rivven_connect.config import Integer, SecretText, SourceConfig, Text
from typing import Annotated

class CounterConfig(SourceConfig):
    total: Integer = 10
    page: Integer = 1
    delay_ms: Integer = 0
    fails: Text = ""
    token: Annotated[Secret | None, SecretText()] = None

def leak(how, token):
    async def task():
        raise ValueError(f"task {token}")

    def thread():
        raise ValueError(f"thread {token}")

    if how == "noise":
        try:
            raise ValueError(f"cause {token}")
        except ValueError:
            logging.getLogger("counter").exception("log %s", token)
        warnings.warn(f"warning {token}")
        started = threading.Thread(target=thread)
        started.start()
        started.join()
        asyncio.get_running_loop().create_task(task())
    elif how == "exit":
        sys.exit(f"bye {token}")
    elif how == "group":
        raise ExceptionGroup("group", [ValueError(f"inner {token}")])
    elif how == "escape":
        raise ValueError("red \x1b[31m text")

class Counter(Source[CounterConfig]):
    """Counts."""
    config_type = CounterConfig

    @classmethod
    def spec(cls):
        schema = {"type": "object", "properties": {
            "total": {"type": "integer"}, "page": {"type": "integer"},
            "delay_ms": {"type": "integer"}, "fails": {"type": "string"},
            "token": {"type": "string", "writeOnly": True, "format": "password"}}}
        return ConnectorSpec(connector_type="counter", version="1.2.3", config_schema=schema)

    async def open(self, config):
        leak(config.fails, config.token and config.token.reveal())

    async def check(self, config):
        if config.fails == "check-auth":
            raise errors.ConnectorError.auth(f"refused {config.token.reveal()}")
        return CheckResult.failure("not today") if config.fails == "check" else CheckResult.success()

    async def discover(self, config):
        return Catalog([Stream(name="numbers", json_schema={"type": "object"})])

    async def read(self, config, catalog, state):
        known = state.get_stream("numbers") if state else None
        start = known.get("next", int) if known else 0
        for first in range(start, config.total, config.page):
            ids = list(range(first, min(first + config.page, config.total)))
            if config.fails == "bug":
                raise KeyError("a bug in the connector")
            if config.fails == "auth":
                raise errors.ConnectorError.auth(f"refused {config.token and config.token.reveal()}")
            yield EventBatch("numbers", [{"id": i} for i in ids], state={"next": ids[-1] + 1})
            if config.delay_ms:
                await asyncio.sleep(config.delay_ms / 1000)
'''

SINK = '''
import json, os
from rivven_connect._sink import BatchSink, WriteResult
from rivven_connect._batch import BatchConfig
from rivven_connect._spec import ConnectorKind, ConnectorSpec
from rivven_connect.config import Integer, SinkConfig, Text
import asyncio

class LinesConfig(SinkConfig):
    path: Text
    hang_ms: Integer = 0

class Lines(BatchSink[LinesConfig]):
    """Appends lines to a file."""
    config_type = LinesConfig

    @classmethod
    def spec(cls):
        return ConnectorSpec(connector_type="lines", version="1.0.0", kind=ConnectorKind.SINK)

    def batch_config(self, config):
        return BatchConfig(max_records=50, max_wait_ms=20)

    async def write_batch(self, config, events):
        if config.hang_ms:
            open(os.path.join(os.path.dirname(config.path), "begun"), "w").close()
            await asyncio.sleep(config.hang_ms / 1000)
        with open(config.path, "ab") as file:
            for event in events:
                file.write(json.dumps(event.data).encode() + b"\\n")
            file.flush()
            os.fsync(file.fileno())
        result = WriteResult()
        result.add_success(len(events))
        return result
'''


def write_projects(folder: Path) -> None:
    """Write the projects `./counter` (a source) and `./lines` (a sink)."""
    write_project(
        folder / "counter",
        kind="source",
        name="counter",
        package="counter_kit",
        cls="Counter",
        code=SOURCE,
    )
    write_project(
        folder / "lines",
        kind="sink",
        name="lines",
        package="lines_kit",
        cls="Lines",
        code=SINK,
    )


def write_project(folder: Path, *, kind: str, name: str, package: str, cls: str, code: str) -> None:
    """Write one connector project."""
    source = folder / "src" / package
    source.mkdir(parents=True)
    (source / "__init__.py").write_text(code, encoding="utf-8")
    (folder / "connector.yaml").write_text(f'manifest: "1"\nkind: {kind}\nname: {name}\n')
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "kit-{name}"\nversion = "1.0"\n'
        f'[project.entry-points."rivven.{kind}s"]\n{name} = "{package}:{cls}"\n'
    )


def write_pipeline(
    folder: Path,
    source: Mapping[str, Any],
    settings: str = "",
    sink: Mapping[str, Any] | None = None,
) -> Path:
    """Write a pipeline from `./counter` to `./lines` and return its path."""
    path = folder / "pipeline.yaml"
    path.write_text(
        textwrap.dedent(
            f"""\
            version: "1.0"
            sources:
              numbers:
                connector: ./counter
                config: {json.dumps(dict(source))}
            sinks:
              out:
                connector: ./lines
                topics: [numbers]
                config: {json.dumps({"path": str(folder / "out.jsonl"), **(sink or {})})}
            settings: {{log: {{format: text}}, {settings}}}
            """
        )
    )
    return path


def out_ids(folder: Path) -> list[int]:
    """Return the ids in the sink's file; a half-written last line does not count."""
    path = folder / "out.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line)["id"] for line in lines]


def command(*args: str) -> list[str]:
    """Return the command line of `rivven-connect`."""
    return [sys.executable, "-c", "from rivven_connect.cli import main; main()", *args]


def run_cli(
    *args: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `rivven-connect` to its end."""
    return subprocess.run(
        command(*map(str, args)),
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def start_cli(*args: str | Path, cwd: Path) -> subprocess.Popen[str]:
    """Start `rivven-connect` and return its process."""
    return subprocess.Popen(
        command(*map(str, args)), cwd=cwd, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def wait_until(condition: Callable[[], object], *, seconds: float = 15) -> None:
    """Poll until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
