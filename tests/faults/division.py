"""A pipeline of two sources with a sink each, run in workers: real processes, killed and asked."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiment import DEADLINE_S, KIT, lines_of, opened, wait_for

STATE = ".rivven-state"
COMMAND = (sys.executable, "-c", "from rivven_connect.cli import main; main()")


def _is_worker(pid: int) -> bool:
    """Whether a process is a worker still: a lock file that was left over may name anybody."""
    with contextlib.suppress(OSError):
        return b"rivven_connect.cli.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


class Division:
    """Writes the pipeline `n0 -> out0`, `n1 -> out1` and runs it; all of it in one folder."""

    def __init__(self, folder: Path, *, workers: int = 2, total: int = 60, **source: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.workers = workers
        self.sources: list[dict[str, Any]] = [
            {
                "connector": "./numbers",
                "config": {"total": total, "streams": 1, "log": f"n{n}.log", **source},
            }
            for n in range(2)
        ]
        self.sinks: list[dict[str, Any]] = [
            {
                "connector": "jsonl",
                "topics": [f"n{n}"],
                "config": {"path": f"out{n}.jsonl"},
                "batch": {"max_records": 10, "max_wait_ms": 20},
            }
            for n in range(2)
        ]
        self.settings: dict[str, Any] = {
            "max_in_flight": 20,
            "retry": {"max_retries": 3, "initial_backoff_ms": 1, "max_backoff_ms": 5},
            "log": {"format": "text"},
        }
        for name in ("numbers", "paced", "picky"):
            with contextlib.suppress(FileExistsError):
                (folder / name).symlink_to(KIT / name)

    def configure(self, **config: Any) -> None:
        """Change the config of both sources."""
        for source in self.sources:
            source["config"] |= config

    def write(self) -> None:
        """Write the pipeline file as it is described now."""
        pipeline = {
            "version": "1.0",
            "sources": {f"n{n}": one for n, one in enumerate(self.sources)},
            "sinks": {f"out{n}": one for n, one in enumerate(self.sinks)},
            "settings": {**self.settings, "workers": self.workers},
        }
        (self.folder / "pipeline.yaml").write_text(json.dumps(pipeline), encoding="utf-8")

    @contextlib.contextmanager
    def started(
        self, *options: str, env: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Run while the block lasts; whoever is left at its end is killed."""
        self.write()
        with (self.folder / "stderr").open("w") as errors:
            process = subprocess.Popen(
                [*COMMAND, "run", "pipeline.yaml", "--json", *options],
                cwd=self.folder,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        with process:
            try:
                yield process
            finally:
                process.kill()
                for pid in filter(_is_worker, self.holders()):
                    os.kill(pid, signal.SIGKILL)

    def run(self, *options: str, env: Mapping[str, str] | None = None) -> int:
        """Run to the end and return the exit code."""
        with self.started(*options, env=env) as process:
            printed, _ = process.communicate(timeout=DEADLINE_S)
        self.summary = json.loads(printed) if printed.strip() else {}
        return process.returncode

    def errors(self) -> str:
        """Return what the last run said on standard error."""
        return (self.folder / "stderr").read_text(encoding="utf-8")

    def holders(self) -> list[int]:
        """Return the processes that the lock file names, the run's own first, then its workers."""
        path = self.folder / STATE / "pipeline.lock"
        return [int(word) for word in path.read_text().split()] if path.exists() else []

    def wait_for_records(self, process: subprocess.Popen[str], count: int = 1) -> list[int]:
        """Wait until each sink has got so many more records; return the workers' process ids."""
        before = [len(self.numbers(n)) for n in range(2)]
        wait_for(
            lambda: (
                len(self.holders()) == 1 + self.workers
                and all(len(self.numbers(n)) >= before[n] + count for n in range(2))
            ),
            process,
        )
        return self.holders()[1:]

    def numbers(self, n: int) -> list[int]:
        """Return what a sink holds, in its order."""
        return [int(row["k"].rpartition("-")[2]) for row in lines_of(self.folder / f"out{n}.jsonl")]

    def read_log(self, n: int) -> list[dict[str, Any]]:
        """Return what a source logged, over all runs."""
        return lines_of(self.folder / f"n{n}.log")

    def checkpoint(self) -> dict[str, int]:
        """Return source -> first number behind its checkpoint; the state must be whole."""
        with opened(self.folder / STATE / "pipeline.db") as database:
            assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)
            rows = database.execute("SELECT source, value FROM state").fetchall()
        return {source: json.loads(value)["next"] for source, value in rows}
