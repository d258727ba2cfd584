"""The built-ins in one pipeline, killed and started again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

PIPELINE = """
version: "1.0"
sources:
  made:
    connector: datagen
    config: {pattern: users, seed: 5, max_events: 20000, events_per_second: 0, batch_size: 100}
    transforms:
      - {transform: rename, config: {from: user_id, to: id}}
      - {transform: filter, config: {field: country, operator: in, values: [DE, FR]}}
  copied:
    connector: jsonl
    config: {path: INPUT}
sinks:
  files:
    connector: jsonl
    topics: [made, copied]
    config: {path: "out/{stream}.jsonl"}
"""
ROWS = 15_000


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from rivven_connect.cli import main; main()", "run"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [*command, "pipeline.yaml"], cwd=folder, stdout=subprocess.DEVNULL, stderr=log
        )


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*"))


def rows_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def expected_users() -> set[int]:
    from rivven_connect.connectors.datagen_source._generated import DatagenSourceConfig
    from rivven_connect.connectors.datagen_source.records import RecordMaker

    maker = RecordMaker(DatagenSourceConfig(pattern="users"), 5)
    made = (maker.record(number) for number in range(20_000))
    return {user["_sequence"] for user in made if user["country"] in {"DE", "FR"}}


def test_killed_again_and_again_a_pipeline_loses_nothing(tmp_path: Path) -> None:
    lines = "".join(f'{{"n": {number}}}\n' for number in range(ROWS))
    (tmp_path / "input.jsonl").write_text(lines, encoding="utf-8")
    pipeline = PIPELINE.replace("INPUT", "input.jsonl")
    (tmp_path / "pipeline.yaml").write_text(pipeline, encoding="utf-8")
    out = tmp_path / "out"
    deadline, kills = time.monotonic() + 60, 0
    while True:
        before = size_of(out)
        with start(tmp_path) as run:
            while run.poll() is None and (kills > 3 or size_of(out) < before + 60_000):
                assert time.monotonic() < deadline
                time.sleep(0.005)
            if run.poll() is not None:
                assert run.returncode == 0, (tmp_path / "log").read_text()
                break
            run.kill()
            kills += 1
    assert kills >= 2
    users = Counter(row["_sequence"] for row in rows_of(out / "datagen.jsonl"))
    copies = Counter(row["n"] for row in rows_of(out / "records.jsonl"))
    assert set(users) == expected_users()
    assert set(copies) == set(range(ROWS))
    assert max(*users.values(), *copies.values()) <= kills + 1
    finished = size_of(out)
    with start(tmp_path) as run:
        assert run.wait(timeout=60) == 0
    assert size_of(out) == finished
