"""B-W2: what it costs to read an API, whole processes; the API is a process that nobody counts."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pipelines
import throughput
from cases import FLOOR, Case, Limit
from measure import Command

PAGES = max(throughput.RECORDS // 2500, 2)
_RECORDS = 500
_LATENCY_MS = 20
_BOUND_S = PAGES * _LATENCY_MS / 1000
_RUN = "rivven run"


@functools.cache
def _server() -> tuple[str, subprocess.Popen[str]]:
    """Start the API and return its URL; it ends with this process, whose end closes its input."""
    process = subprocess.Popen(
        [sys.executable, "web_server.py"],
        cwd=pipelines.WORKLOADS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return f"http://127.0.0.1:{int(process.stdout.readline())}", process


def _pages(latency_ms: int, folder: Path) -> Mapping[str, Command]:
    url = f"{_server()[0]}/{PAGES}/{latency_ms}"
    shutil.copy(pipelines.WORKLOADS / "floor_web.py", folder)
    api = {
        "connector": "http",
        "config": {
            "url": url,
            "records": "/data",
            "pagination": {"type": "cursor", "path": "/next"},
            "primary_key": ["id"],
        },
    }
    return {
        FLOOR: Command([sys.executable, "floor_web.py", url, "floor.out"], folder),
        _RUN: pipelines.run(
            folder / "run",
            api,
            {"files": pipelines.jsonl()},
            written=pipelines.lines,
            count=PAGES * _RECORDS,
        ),
    }


_WORK = f"{PAGES} pages x {_RECORDS} records over local HTTP, cursor pagination -> JSONL"
CASES = (
    Case("W2", f"{_WORK}, whole process", "a bare `aiohttp` loop, whole process",
         functools.partial(_pages, 0), 1.5),
    Case("W2s", f"the same, {_LATENCY_MS} ms per response: pages x latency is {_BOUND_S:g} s",
         "the same loop, which waits for each response",
         functools.partial(_pages, _LATENCY_MS),
         limits=(Limit(_RUN, "wall", round(_BOUND_S * 1.15, 2)),)),
)  # fmt: skip
