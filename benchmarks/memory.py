"""B-M: what it costs in memory to hold what a slow sink has not taken, and to move many records."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pipelines
import throughput
from cases import FLOOR, Case, Limit
from measure import Command

_QUEUE_MIB = 64
"""`settings.queue_bytes` as it is when nobody sets it."""
_OVERHEAD = 512
"""Bytes that a record weighs in a queue beyond its own."""
_SECONDS = 3.0
"""What the slow sink takes for all records together: the source is done reading before."""
_SIZES = {"1 B": 1, "1 KiB": 2**10, "64 KiB": 2**16, "1 MiB": 2**20, "8 MiB": 2**23}
_MANY = {"10^5 orders": 10**5, "10^6 orders": 10**6}


def _slow_sink(folder: Path) -> Mapping[str, Command]:
    """Return a pipeline per size, with twice the records that the queues have room for."""
    pipelines.scaffold("bench-blobs", folder)
    pipelines.scaffold("bench-slow", folder)
    commands = {FLOOR: _blobs(folder / "floor", 1, pipelines.FEW)}
    for name, size in _SIZES.items():
        room = _QUEUE_MIB * 2**20 // (size + _OVERHEAD)
        commands[name] = _blobs(folder / str(size), size, 2 * room)
    return commands


def _blobs(folder: Path, size: int, count: int) -> Command:
    config = {"path": f"{pipelines.OUT}.txt", "seconds": _SECONDS / count}
    return pipelines.run(
        folder,
        throughput.source("bench-blobs", size=size, count=count),
        {"slow": {"connector": "../bench-slow", "config": config}},
        settings={"max_in_flight": count},
        written=lambda place: int((place / f"{pipelines.OUT}.txt").read_text(encoding="utf-8")),
        count=count,
    )


def _many(folder: Path) -> Mapping[str, Command]:
    pipelines.scaffold("bench-orders", folder, "orders.py")
    commands = {FLOOR: Command([sys.executable, "-c", "from pydantic import BaseModel"], folder)}
    for name, count in _MANY.items():
        commands[name] = pipelines.run(
            folder / f"run-{count}",
            throughput.source("bench-orders", count=count),
            {"files": pipelines.jsonl()},
            written=pipelines.lines,
            count=count,
        )
    return commands


CASES = (
    Case("M1", f"peak growth above {_QUEUE_MIB} MiB of queues: fast source, slow sink, records of one size",
         "the same pipeline with ten records", _slow_sink,
         limits=tuple(Limit(name, "growth", 64, less=_QUEUE_MIB) for name in _SIZES)),
    Case("M2", "peak memory of W1, flat in the number of records", "bare Python with pydantic", _many,
         limits=(*(Limit(name, "peak", 50) for name in _MANY),
                 Limit(list(_MANY)[-1], "peak rise", 1.05))),
)  # fmt: skip
