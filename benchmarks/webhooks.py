"""B-W3: what it costs to post records, beside a bare client that posts the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pipelines
import throughput
from cases import FLOOR, Case, Limit
from measure import Command

RECORDS = throughput.RECORDS * 2 // 5
_BATCH = 100
_PAGE = 1000
_AT_ONCE = (1, 4, 16)
_NOISE = 1.05
"""Two runs of the same differ by this."""


class Receiver:
    """A process that takes everything; its work counts for nobody. It ends with this one."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(pipelines.WORKLOADS / "counting_receiver.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/in"

    def taken(self, _folder: Path | None = None) -> int:
        """Return how many orders came since the last call."""
        with urllib.request.urlopen(self.url, timeout=30) as answer:
            return int(answer.read())


def _commands(folder: Path) -> Mapping[str, Command]:
    pipelines.scaffold("bench-orders", folder, "orders.py")
    for name in ("orders.py", "floor_webhook.py"):
        shutil.copy(pipelines.WORKLOADS / name, folder)
    receiver = Receiver()
    commands = {}
    for at_once in _AT_ONCE:
        name = f"{at_once} at once"
        commands[f"{FLOOR}: {name}"] = _bare(folder, receiver, at_once)
        commands[name] = _piped(folder, receiver, at_once)
    return commands


def _bare(folder: Path, receiver: Receiver, at_once: int) -> Command:
    argv = [sys.executable, "floor_webhook.py", *map(str, (RECORDS, _BATCH, at_once)), receiver.url]

    def accept(printed: str) -> None:
        if (arrived := receiver.taken()) != RECORDS:
            raise AssertionError(f"{arrived} of {RECORDS} orders arrived\n{printed}")

    return Command(argv, folder, accept=accept)


def _piped(folder: Path, receiver: Receiver, at_once: int) -> Command:
    config: dict[str, Any] = {
        "url": receiver.url,
        "batch_size": _BATCH,
        "max_concurrency": at_once,
        "include_metadata": False,
    }
    return pipelines.run(
        folder / f"run-{at_once}",
        throughput.source("bench-orders", count=RECORDS, page_size=_PAGE),
        {"hook": {"connector": "http-webhook", "config": config}},
        written=receiver.taken,
        count=RECORDS,
    )


CASES = (
    Case("W3", f"{RECORDS // 1000}k orders POSTed in batches of {_BATCH}, whole process",
         "a bare `aiohttp` client with `orjson.dumps`, as many requests at once", _commands, 1.3,
         limits=tuple(Limit(f"{n} at once", "wall of first", _NOISE) for n in _AT_ONCE[1:])),
)  # fmt: skip
