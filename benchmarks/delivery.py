"""B-M18: what the levels of delivery cost, beside the same pipeline that saves no checkpoint."""

from __future__ import annotations

import contextlib
import functools
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pipelines
import throughput
from cases import FLOOR, STARTED, Case
from measure import Command

RECORDS = throughput.RECORDS // 5
_PAGE = 1000


def _levels(sink: str, deliveries: Mapping[str, str], folder: Path) -> Mapping[str, Command]:
    """Return the floor and one command per level, each also with next to no records."""
    pipelines.scaffold("bench-orders", folder, "orders.py")
    shutil.copy(pipelines.WORKLOADS / "no_checkpoint.py", folder)
    without = [sys.executable, "../no_checkpoint.py"]

    def make(name: str, delivery: str, count: int, argv: Sequence[str]) -> Command:
        batched = {
            "connector": sink,
            "config": {"path": pipelines.OUT},
            "delivery": delivery,
            "batch": {"max_records": _PAGE},
        }
        orders = throughput.source("bench-orders", count=count, page_size=_PAGE)
        place = folder / f"{name}-{count}"
        return pipelines.run(
            place, orders, {"out": batched}, written=_WRITTEN[sink], count=count, argv=argv
        )

    commands = {}
    for prefix, count in (("", RECORDS), (STARTED, pipelines.FEW)):
        first = next(iter(deliveries.values()))
        commands[f"{prefix}{FLOOR}"] = make(FLOOR, first, count, without)
        for name, delivery in deliveries.items():
            commands[f"{prefix}{name}"] = make(name, delivery, count, pipelines.RIVVEN_RUN)
    return commands


def _rows(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / pipelines.OUT)) as database:
        (found,) = database.execute("SELECT count(DISTINCT id) FROM orders").fetchone()
    return int(found)


_WRITTEN: Mapping[str, Callable[[Path], int]] = {
    "jsonl": functools.partial(pipelines.lines, pattern=pipelines.OUT),
    "sqlite": _rows,
}
_FLOOR = "the same pipeline, which commits nothing"
CASES = (
    Case("M18", f"{RECORDS // 1000}k orders in pages of 1,000 -> JSONL, start-up removed",
         _FLOOR, functools.partial(_levels, "jsonl", {"L1": "at_least_once"})),
    Case("M18s", "the same -> SQLite", _FLOOR,
         functools.partial(_levels, "sqlite", {"L1": "at_least_once", "L2": "upsert", "L3": "transactional"})),
)  # fmt: skip
