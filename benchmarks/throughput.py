"""B-W: what it costs to move records, start-up removed."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import peers
import pipelines
from cases import FLOOR, STARTED, Case
from measure import Command

RECORDS = int(os.environ.get("BENCH_RECORDS", "500000"))
_ROWS = 10_000
"""Records of a columnar batch."""
_COLUMNAR = max(RECORDS * 4 // _ROWS, 2) * _ROWS
"""More of them: one costs a tenth of what it costs as a row."""
_IN_FLIGHT = 200_000
"""Twice the rows of a file, as the sink's documentation wants it."""


def floor(folder: Path, count: int, script: str = "floor.py", units: float = 1.0) -> Command:
    """Return the loop that writes `count` records."""
    for name in ("orders.py", "columns.py", script):
        shutil.copy(pipelines.WORKLOADS / name, folder)
    return Command([sys.executable, script, str(count), "floor.out"], folder, units=units)


def source(connector: str, **config: Any) -> dict[str, Any]:
    """Return the source of a pipeline that lies beside its project."""
    return {"connector": f"../{connector}", "config": config}


def _orders(
    folder: Path, *, page_size: int = 0, transformed: bool = False, checked: bool = False
) -> Mapping[str, Command]:
    """Return floor and pipeline, each also with next to no records, which is what starting takes."""
    pipelines.scaffold("bench-orders", folder, "orders.py")
    sink = pipelines.jsonl()
    more: dict[str, Any] = {}
    if transformed:
        pipelines.scaffold("bench-totals", folder)
        more["transforms"] = [{"transform": "../bench-totals"}]
        sink["batch"] = {"max_records": 1000}
    if checked:
        more["streams"] = [{"name": "orders", "validate": True}]

    def make(count: int) -> tuple[Command, Command]:
        orders = source("bench-orders", count=count, page_size=page_size) | more
        return floor(folder, count), pipelines.run(
            folder / f"run-{count}", orders, {"files": sink}, written=pipelines.lines, count=count
        )

    return _both(make, RECORDS, pipelines.FEW)


def _columns(folder: Path) -> Mapping[str, Command]:
    pipelines.scaffold("bench-columns", folder, "orders.py", "columns.py")
    sink = {"connector": "parquet", "config": {"path": f"{pipelines.OUT}.parquet"}}

    def make(count: int) -> tuple[Command, Command]:
        return floor(folder, count, "floor_parquet.py"), pipelines.run(
            folder / f"run-{count}", source("bench-columns", count=count), {"files": sink},
            settings={"max_in_flight": _IN_FLIGHT}, written=_parquet_rows, count=count,
        )  # fmt: skip

    return _both(make, _COLUMNAR, _ROWS)


def _both(
    make: Callable[[int], tuple[Command, Command]], many: int, few: int
) -> Mapping[str, Command]:
    commands = {}
    for prefix, count in (("", many), (STARTED, few)):
        commands[f"{prefix}{FLOOR}"], commands[f"{prefix}rivven run"] = make(count)
    return commands


_COUNT_ROWS = """
import sys
import pyarrow.parquet as pq
print(sum(pq.ParquetFile(path).metadata.num_rows for path in sys.argv[1:]))
"""


def _parquet_rows(folder: Path) -> int:
    """Count them in a process of its own: what this one weighs, all that it starts begin with."""
    found = [str(path) for path in folder.rglob("*.parquet") if path.is_file()]
    argv = [sys.executable, "-c", _COUNT_ROWS, *found]
    return int(subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _no_parquet() -> str | None:
    if importlib.util.find_spec("pyarrow") is None:
        return "pyarrow is not installed"
    if not importlib.metadata.entry_points(group="rivven.sinks", name="parquet"):
        return "no sink is called parquet"
    return None


_FLOOR = "a `for` loop with `orjson.dumps` and a buffered file"
CASES = (
    Case("W1", f"{RECORDS // 1000}k orders, yielded one by one -> JSONL, through `rivven run`, start-up removed",
         _FLOOR, _orders, 1.6, peers=functools.partial(peers.commands, RECORDS)),
    Case("W1p", "the same, yielded in pages of 1,000",
         _FLOOR, functools.partial(_orders, page_size=1000), 1.3),
    Case("W1t", "W1 with one transform and a durable checkpoint per batch of 1,000",
         _FLOOR, functools.partial(_orders, transformed=True), 2.0),
    Case("W1v", "W1t with every record checked against its stream's schema",
         _FLOOR, functools.partial(_orders, transformed=True, checked=True), 2.7),
    Case("W1a", f"{_COLUMNAR // 1000}k orders in Arrow batches of 10,000 -> Parquet",
         "`pyarrow.parquet.ParquetWriter` writing the same batches", _columns, 1.2, missing=_no_parquet),
)  # fmt: skip
