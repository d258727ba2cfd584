"""B-SC: what a unit of work costs as there is more of it; it must not grow."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pipelines
import throughput
from cases import FLOOR, STARTED, Case, Limit
from generation import generating
from measure import Command

_SPREAD = min(throughput.RECORDS, 100_000)
"""Records that are spread over streams, or that each of several sinks gets."""
_RECORDS = [10_000, 30_000, 100_000, 300_000, 1_000_000]
_LARGE = [3_000_000, 10_000_000]
"""Only with BENCH_LARGE: they take a quarter of an hour."""
_STREAMS = [1, 3, 10, 30, 100, 300, 1000]
_SINKS = [1, 2, 4, 8, 16]
_FIELDS = [30, 100, 300, 1000, 3000]
"""Not fewer: what ten take drowns in what starting takes."""
_LEAST_FIELDS = 6
_OFTEN = 5
"""How often what is short runs for one figure."""
_MOST_RISE = 1.25
"""Above this, a curve rises; below, it may be the machine."""


def _records(folder: Path) -> Mapping[str, Command]:
    pipelines.scaffold("bench-orders", folder, "orders.py")
    commands = _floors(folder)
    counts = _RECORDS + (_LARGE if os.environ.get("BENCH_LARGE") else [])
    for name, count in [(STARTED, pipelines.FEW), *_named(counts, "records")]:
        commands[name] = _run(folder / f"run-{count}", "bench-orders", count=count)
    return commands


def _streams(folder: Path) -> Mapping[str, Command]:
    pipelines.scaffold("bench-many", folder, "orders.py")
    commands = _floors(folder)
    commands[STARTED] = _run(folder / "run-started", "bench-many", count=pipelines.FEW)
    for name, streams in _named(_STREAMS, "streams"):
        count = _SPREAD // streams * streams
        commands[name] = _run(folder / f"run-{streams}", "bench-many", count=count, streams=streams)
    return commands


def _sinks(folder: Path) -> Mapping[str, Command]:
    pipelines.scaffold("bench-orders", folder, "orders.py")
    commands = _floors(folder)
    commands[STARTED] = _run(folder / "run-started", "bench-orders", count=pipelines.FEW)
    for name, sinks in _named(_SINKS, "sinks"):
        commands[name] = _run(folder / f"run-{sinks}", "bench-orders", sinks=sinks, count=_SPREAD)
    return commands


def _fields(folder: Path) -> Mapping[str, Command]:
    floor, ours = generating(folder, _LEAST_FIELDS, repeat=_OFTEN)
    commands = {f"{STARTED}{FLOOR}": floor, STARTED: ours}
    for name, fields in _named(_FIELDS, "fields"):
        repeat = _OFTEN if fields <= 100 else 1
        units = fields - _LEAST_FIELDS
        floor, commands[name] = generating(folder, fields, units=units, repeat=repeat)
    return commands | {FLOOR: floor}


def _floors(folder: Path) -> dict[str, Command]:
    return {
        FLOOR: throughput.floor(folder, _SPREAD, units=_SPREAD),
        f"{STARTED}{FLOOR}": throughput.floor(folder, pipelines.FEW),
    }


def _run(folder: Path, project: str, *, count: int, sinks: int = 1, **config: int) -> Command:
    names = [f"{pipelines.OUT}-{number}" for number in range(sinks)]
    return pipelines.run(
        folder,
        throughput.source(project, count=count, **config),
        {name: pipelines.jsonl(name) for name in names},
        written=pipelines.lines,
        count=count * sinks,
        units=count * sinks,
    )


def _named(numbers: Sequence[int], unit: str) -> list[tuple[str, int]]:
    return [(f"{number:,} {unit}", number) for number in numbers]


def _flat(numbers: Sequence[int], unit: str) -> tuple[Limit, ...]:
    """Return the limit of a curve's last point."""
    name, _ = _named(numbers, unit)[-1]
    return (Limit(name, "cpu rise", _MOST_RISE),)


_FLOOR = f"a record in the loop of B-W1, {_SPREAD:,} of them"
CASES = (
    Case("SC1", "CPU of a record, by the number of records", _FLOOR, _records,
         limits=_flat(_RECORDS, "records") + _flat(_LARGE, "records"), curve=True),
    Case("SC2", f"CPU of a record, by the number of streams that {_SPREAD:,} are spread over", _FLOOR, _streams,
         limits=_flat(_STREAMS, "streams"), curve=True),
    Case("SC3", f"CPU of a record in a sink, by the number of sinks that get all {_SPREAD:,}", _FLOOR, _sinks,
         limits=_flat(_SINKS, "sinks"), curve=True),
    Case("SC4", "CPU of a field in `rivven generate`, by the number of fields",
         f"a field in `datamodel-codegen --formatters builtin`, {_FIELDS[-1]:,} of them", _fields,
         limits=_flat(_FIELDS, "fields"), curve=True),
)  # fmt: skip
