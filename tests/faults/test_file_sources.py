"""F1 to F5 for the sources that read files: killed at every commit, they go on where they stood."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from experiment import DEADLINE_S, lines_of
from sizes import FULL, size

_COMMAND = (sys.executable, "-c", "from rivven_connect.cli import main; main()")
ROWS = 60
WINDOW = 10
KILLS = max(2, size(20))
POINTS = ("before_commit", "after_commit")
LETTERS = frozenset({7, 31})
"""Rows that are no records: they must be dead letters."""


@dataclass(frozen=True)
class Kind:
    """A source, how its files are made, and how many of its records one resume point covers."""

    name: str
    block: Mapping[str, Any]
    make: Callable[[Path], None]
    step: int
    letters: frozenset[int] = frozenset()


def make_jsonl(folder: Path) -> None:
    lines = [f'{{"id": {n}}}' if n not in LETTERS else "{" for n in range(ROWS)]
    (folder / "data.jsonl").write_text("".join(f"{line}\n" for line in lines))


def make_csv(folder: Path) -> None:
    with (folder / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows([n, f"a\n{n}"] if n not in LETTERS else [n] for n in range(ROWS))


def make_parquet(folder: Path) -> None:
    for first in range(0, ROWS, 20):
        table = pa.table({"id": list(range(first, first + 20))})
        pq.write_table(table, folder / f"{first:03}.parquet", row_group_size=5)


def make_database(folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / "data.db")) as database, database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER, x INTEGER)")
        rows = [(n, n // 9, n if n not in LETTERS else "text") for n in range(ROWS)]
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)


def table(mode: str, **more: str) -> dict[str, Any]:
    config = {"path": "data.db", "read": {"mode": mode, **more}, "batch_size": 5}
    return {"connector": "sqlite", "config": config}


KINDS = (
    Kind(
        "jsonl", {"connector": "jsonl", "config": {"path": "data.jsonl"}}, make_jsonl, ROWS, LETTERS
    ),
    Kind(
        "csv",
        {"connector": "csv", "config": {"path": "data.csv", "columns": {"id": "integer"}}},
        make_csv,
        ROWS,
        LETTERS,
    ),
    Kind(
        "parquet",
        {"connector": "parquet", "config": {"path": ".", "batch_rows": 3}},
        make_parquet,
        5,
    ),
    Kind("sqlite-bulk", table("bulk"), make_database, 5, LETTERS),
    Kind("sqlite-incrementing", table("incrementing"), make_database, 5, LETTERS),
    Kind(
        "sqlite-timestamp",
        table("timestamp", column="at"),
        make_database,
        5,
        LETTERS,
    ),
)


def run(folder: Path, failpoints: str = "") -> int:
    done = subprocess.run(
        [*_COMMAND, "run", "pipeline.yaml", "--json"],
        cwd=folder,
        env={**os.environ, "RIVVEN_FAILPOINTS": failpoints},
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
    return done.returncode


def cases() -> list[tuple[Kind, str]]:
    """Return every source with every point, or with one of them."""
    if FULL:
        return list(itertools.product(KINDS, POINTS))
    return list(zip(KINDS, itertools.cycle(POINTS), strict=False))


def _failpoint(point: str, kills: int) -> str:
    """Return where the next run is killed; after the last kill it is left alone."""
    hit = 1 + kills if point == "before_commit" else 1
    return f"{point}=kill@{hit}" if kills < KILLS else ""


@pytest.mark.parametrize(
    ("kind", "point"), [pytest.param(*case, id=f"{case[0].name}-{case[1]}") for case in cases()]
)
def test_a_source_of_files_goes_on_at_every_place(tmp_path: Path, kind: Kind, point: str) -> None:
    kind.make(tmp_path)
    pipeline = {
        "version": "1.0",
        "sources": {
            "files": {**kind.block, "dead_letter": {"path": "letters.jsonl", "max_ratio": 1.0}}
        },
        "sinks": {
            "out": {
                "connector": "jsonl",
                "topics": ["files"],
                "config": {"path": "out.jsonl"},
                "batch": {"max_records": 3, "max_wait_ms": 20},
            }
        },
        "settings": {"max_in_flight": WINDOW},
    }
    (tmp_path / "pipeline.yaml").write_text(json.dumps(pipeline))
    kills = 0
    # A later hit each time before a commit: killed at the first one for ever, no run would get on.
    while run(tmp_path, _failpoint(point, kills)):
        kills += 1
    assert kills > 0
    found = Counter(record["id"] for record in lines_of(tmp_path / "out.jsonl"))
    assert set(found) == set(range(ROWS)) - kind.letters
    assert max(found.values()) <= 1 + kills
    assert sum(found.values()) - len(found) <= kills * (kind.step + WINDOW)
    letters = {letter["position"] is not None for letter in lines_of(tmp_path / "letters.jsonl")}
    assert letters == ({True} if kind.letters else set())
    assert run(tmp_path) == 0, "the next run of a source that is read up starts at the end"
    again = Counter(record["id"] for record in lines_of(tmp_path / "out.jsonl"))
    if kind.name != "sqlite-bulk":
        assert again == found
