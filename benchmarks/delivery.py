"""B-M18: what the levels of delivery cost, beside the same pipeline that saves no checkpoint."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import throughput
from cases import FLOOR, STARTED, Case
from measure import Command, tool

RECORDS = throughput.RECORDS // 5
_PAGE = 1000
_FEW = 10


def _levels(sink: str, deliveries: Mapping[str, str], folder: Path) -> Mapping[str, Command]:
    """Return the floor and one command per level, each also with next to no records."""
    throughput.scaffold(folder)
    shutil.copy(throughput.WORKLOADS / "no_checkpoint.py", folder)
    commands = {}
    for prefix, count in (("", RECORDS), (STARTED, _FEW)):
        first = next(iter(deliveries.values()))
        without = [sys.executable, "../no_checkpoint.py", "pipeline.yaml"]
        place = folder / f"without-{count}"
        commands[f"{prefix}{FLOOR}"] = _pipeline(place, sink, first, count, without)
        for name, delivery in deliveries.items():
            place = folder / f"{delivery}-{count}"
            run = [tool("rivven"), "run", "pipeline.yaml"]
            commands[f"{prefix}{name}"] = _pipeline(place, sink, delivery, count, run)
    return commands


def _pipeline(folder: Path, sink: str, delivery: str, count: int, argv: list[str]) -> Command:
    folder.mkdir()
    config = {"count": count, "page_size": _PAGE}
    pipeline = {
        "version": "1.0",
        "sources": {"orders": {"connector": "../bench-orders", "config": config}},
        "sinks": {
            "out": {
                "connector": sink,
                "topics": ["orders"],
                "config": {"path": "out"},
                "delivery": delivery,
                "batch": {"max_records": _PAGE},
            }
        },
    }
    (folder / "pipeline.yaml").write_text(json.dumps(pipeline), encoding="utf-8")

    def clear() -> None:
        shutil.rmtree(folder / ".rivven-state", ignore_errors=True)
        for path in folder.glob("out*"):
            path.unlink()

    def accept(printed: str) -> None:
        written = _ROWS[sink](folder / "out")
        if written != count:
            raise AssertionError(f"{written} of {count} records arrived\n{printed}")

    return Command(argv, folder, prepare=clear, accept=accept)


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def _rows(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as database:
        (found,) = database.execute("SELECT count(DISTINCT id) FROM orders").fetchone()
    return int(found)


_ROWS: Mapping[str, Callable[[Path], int]] = {"jsonl": _lines, "sqlite": _rows}
_FLOOR = "the same pipeline, which commits nothing"
CASES = (
    Case("M18", f"{RECORDS // 1000}k orders in pages of 1,000 -> JSONL, start-up removed",
         _FLOOR, functools.partial(_levels, "jsonl", {"L1": "at_least_once"})),
    Case("M18s", "the same -> SQLite", _FLOOR,
         functools.partial(_levels, "sqlite", {"L1": "at_least_once", "L2": "upsert", "L3": "transactional"})),
)  # fmt: skip
