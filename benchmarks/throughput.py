"""B-W: what it costs to move records, start-up removed."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cases import FLOOR, STARTED, Case
from measure import Command, tool

WORKLOADS = Path(__file__).resolve().parent / "workloads"
RECORDS = int(os.environ.get("BENCH_RECORDS", "500000"))
_FEW = 10


def _orders(page_size: int, folder: Path) -> Mapping[str, Command]:
    """Return floor and pipeline, each also with next to no records, which is what starting takes."""
    for name in ("orders.py", "floor.py"):
        shutil.copy(WORKLOADS / name, folder)
    scaffold(folder)
    commands = {}
    for prefix, count in (("", RECORDS), (STARTED, _FEW)):
        floor = [sys.executable, "floor.py", str(count), "floor.jsonl"]
        commands[f"{prefix}{FLOOR}"] = Command(floor, folder)
        commands[f"{prefix}rivven run"] = _pipeline(folder / f"run-{count}", count, page_size)
    return commands


def scaffold(folder: Path) -> None:
    """Make the source's project from its manifest, hooks filled."""
    project = folder / "bench-orders"
    argv = [tool("rivven"), "new", "source", "bench-orders", "--no-input"]
    argv += ["--manifest", str(WORKLOADS / "orders.yaml")]
    argv += ["--directory", str(project)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    package = project / "src" / "bench_orders"
    shutil.copy(WORKLOADS / "source.py.txt", package / "source.py")
    shutil.copy(WORKLOADS / "orders.py", package)


def _pipeline(folder: Path, count: int, page_size: int) -> Command:
    folder.mkdir()
    config = {"count": count, "page_size": page_size}
    pipeline = {
        "version": "1.0",
        "sources": {"orders": {"connector": "../bench-orders", "config": config}},
        "sinks": {
            "files": {
                "connector": "jsonl",
                "topics": ["orders"],
                "config": {"path": "orders.jsonl"},
            }
        },
    }
    (folder / "pipeline.yaml").write_text(json.dumps(pipeline), encoding="utf-8")

    def clear() -> None:
        shutil.rmtree(folder / ".rivven-state", ignore_errors=True)
        (folder / "orders.jsonl").unlink(missing_ok=True)

    def accept(printed: str) -> None:
        with (folder / "orders.jsonl").open("rb") as file:
            written = sum(1 for _ in file)
        if written != count:
            raise AssertionError(f"{written} of {count} records arrived\n{printed}")

    return Command([tool("rivven"), "run", "pipeline.yaml"], folder, prepare=clear, accept=accept)


_FLOOR = "a `for` loop with `orjson.dumps` and a buffered file"
CASES = (
    Case("W1", f"{RECORDS // 1000}k orders, yielded one by one -> JSONL, through `rivven run`, start-up removed",
         _FLOOR, functools.partial(_orders, 0), 1.6),
    Case("W1p", "the same, yielded in pages of 1,000", _FLOOR, functools.partial(_orders, 1000), 1.3),
)  # fmt: skip
