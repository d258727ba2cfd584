"""One pipeline in a folder of its own: run in real processes, killed, and asked what became of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from oracle import Counts, Evidence, Key, Level, Measured, Snapshot, Sunk, violations

KIT = Path(__file__).parent / "kit"
DEADLINE_S = 180.0
"""For anything that a test waits for: generous, and never a figure."""

_COMMAND = (sys.executable, "-c", "from rivven_connect.cli import main; main()")


@dataclass(frozen=True, kw_only=True)
class SinkKind:
    """A sink of an experiment: what the pipeline says of it, and how its records are read back."""

    name: str
    level: Level
    block: Mapping[str, Any]
    keys: Callable[[Path], list[Key]]
    """What the sink holds, in its own order; also while it is half-written."""
    checkpoint: Callable[[Path], dict[str, Any]] | None = None
    """Stream -> state, as a sink that commits checkpoints has it; there it wins over the store's."""
    ordered: bool = True
    """Whether it keeps the order of records with different keys."""
    service: Callable[[Path], AbstractContextManager[str]] | None = None
    """Runs what it writes to for the length of a block; its address takes the place of `URL` above."""


@dataclass
class Numbers:
    """What the kit's source yields, and what becomes of it on the way."""

    total: int = 60
    streams: int = 2
    page: int = 5
    poison_every: int = 0
    filters: bool = False
    picky_every: int = 0
    """Every such record fails in a transform of the sink."""
    more: dict[str, Any] = field(default_factory=dict)

    def keys(self) -> list[Key]:
        """Return the key of every record."""
        return [(f"s{n}", number) for n in range(self.streams) for number in range(self.total)]

    def filtered(self) -> set[Key]:
        """Return the records that the pipeline's filter takes out."""
        if not self.filters:
            return set()
        return {key for key in self.keys() if key[1] % 5 == 2 and not self._is_poison(key[1])}

    def block(self) -> dict[str, Any]:
        """Return what the pipeline file says of the source."""
        block: dict[str, Any] = {
            "connector": "./numbers",
            "config": {
                "total": self.total,
                "streams": self.streams,
                "page": self.page,
                "poison_every": self.poison_every,
                **self.more,
            },
        }
        if self.poison_every:
            block["dead_letter"] = {"path": "source-letters.jsonl", "max_ratio": 1.0}
        if self.filters:
            block["transforms"] = [
                {"transform": "filter", "config": {"field": "keep", "equals": True}}
            ]
        return block

    def _is_poison(self, number: int) -> bool:
        return bool(self.poison_every) and number % self.poison_every == self.poison_every - 1


class Experiment:
    """Writes the pipeline of a source and sinks; `run` and `start` run it, `verdict` judges it."""

    def __init__(
        self,
        folder: Path,
        source: Numbers,
        sinks: Sequence[SinkKind],
        *,
        max_in_flight: int = 10,
        settings: Mapping[str, Any] | None = None,
        url: str = "",
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.source = source
        self.sinks = sinks
        self.crashes = 0
        self.snapshots: list[Snapshot] = []
        self.stops: list[Measured] = []
        self.memory: list[Measured] = []
        self._max_in_flight = max_in_flight
        self._settings = {
            "max_in_flight": max_in_flight,
            "retry": {"max_retries": 3, "initial_backoff_ms": 1, "max_backoff_ms": 5},
            "log": {"format": "text"},
            **(settings or {}),
        }
        self._url = url
        self._printed = ""
        for name in ("numbers", "paced", "picky", "tied"):
            with contextlib.suppress(FileExistsError):
                (folder / name).symlink_to(KIT / name)
        self.write()

    def write(self) -> None:
        """Write the pipeline file, again after `source` was changed."""
        sinks = {}
        for kind in self.sinks:
            text = json.dumps(kind.block).replace("URL", self._url)
            sinks[kind.name] = {**json.loads(text), "topics": ["numbers"]}
            if self.source.picky_every:
                sinks[kind.name] |= {
                    "transforms": [
                        {"transform": "./picky", "config": {"every": self.source.picky_every}}
                    ],
                    "dead_letter": {"path": f"{kind.name}-letters.jsonl", "max_ratio": 1.0},
                }
        pipeline = {
            "version": "1.0",
            "sources": {"numbers": self.source.block()},
            "sinks": sinks,
            "settings": self._settings,
        }
        (self.folder / "pipeline.yaml").write_text(json.dumps(pipeline), encoding="utf-8")

    def start(self, failpoints: str = "") -> subprocess.Popen[str]:
        """Start a run; the caller ends it, and then calls `ended`."""
        environment = {**os.environ, "RIVVEN_FAILPOINTS": failpoints}
        with (self.folder / "stderr").open("w") as errors:
            return subprocess.Popen(
                [*_COMMAND, "run", "pipeline.yaml", "--json"],
                cwd=self.folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def ended(self, process: subprocess.Popen[str], *, seconds: float = DEADLINE_S) -> int:
        """Wait for the end of a run, note what is on disk, and return the exit code."""
        with process:
            try:
                printed, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        self._printed = printed
        self.crashes += process.returncode == -signal.SIGKILL
        self.snapshots.append(self._snapshot())
        return process.returncode

    def run(self, failpoints: str = "") -> int:
        """Run to the end, or to what a failpoint does to it; return the exit code."""
        return self.ended(self.start(failpoints))

    def errors(self) -> str:
        """Return what the last run said on standard error."""
        return (self.folder / "stderr").read_text(encoding="utf-8")

    def summary(self) -> dict[str, Any]:
        """Return what the last run said of itself; a killed one said nothing."""
        return json.loads(self._printed) if self._printed.strip() else {}

    def checkpoint(self) -> dict[str, int]:
        """Return stream -> first number behind the checkpoint; the state must open."""
        with opened(self.folder / ".rivven-state" / "pipeline.db") as database:
            assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)
            rows = database.execute("SELECT stream, value FROM state").fetchall()
        found = {stream: json.loads(value) for stream, value in rows}
        if len(self.sinks) == 1 and self.sinks[0].checkpoint is not None:
            found = self.sinks[0].checkpoint(self.folder)
        return {stream: value["next"] for stream, value in found.items() if "next" in value}

    def is_through(self) -> bool:
        """Whether the checkpoint is behind the last record of every stream."""
        names = (f"s{n}" for n in range(self.source.streams))
        return self.checkpoint() == dict.fromkeys(names, self.source.total)

    def log(self) -> list[dict[str, Any]]:
        """Return what the source logged, oldest first, over all runs."""
        return lines_of(self.folder / "source.log")

    def keys(self, name: str) -> list[Key]:
        """Return what a sink holds."""
        (kind,) = (kind for kind in self.sinks if kind.name == name)
        return kind.keys(self.folder)

    def verdict(self, *, source: Sequence[Key] | None = None) -> list[str]:
        """Return what the oracle has to say; `source` is all that had to arrive, by default all."""
        return violations(self.evidence(source=source))

    def evidence(self, *, source: Sequence[Key] | None = None) -> Evidence:
        """Return what is known after the last run."""
        return Evidence(
            source=frozenset(self.source.keys() if source is None else source),
            sinks={
                kind.name: Sunk(
                    keys=kind.keys(self.folder),
                    level=kind.level,
                    ordered=kind.ordered,
                    dead_letters=self._letters(f"{kind.name}-letters.jsonl"),
                )
                for kind in self.sinks
            },
            dead_letters=self._letters("source-letters.jsonl"),
            filtered=self.source.filtered(),
            crashes=self.crashes,
            window=self._max_in_flight + self.source.page,
            snapshots=self.snapshots,
            counts=self._counts(),
            stops=self.stops,
            memory=self.memory,
        )

    def _letters(self, name: str) -> list[Key]:
        """Return the keys of a file of dead letters, in its order."""
        letters = lines_of(self.folder / name)
        return [(letter["stream"], letter["position"]) for letter in letters]

    def _snapshot(self) -> Snapshot:
        letters = set(self._letters("source-letters.jsonl"))
        durable = [
            {*kind.keys(self.folder), *self._letters(f"{kind.name}-letters.jsonl")}
            for kind in self.sinks
        ]
        read: dict[str, int] = {}
        acknowledged: dict[str, int] = {}
        for entry in self.log():
            if entry["op"] == "read":
                read[entry["stream"]] = max(read.get(entry["stream"], 0), entry["last"])
            elif entry["op"] == "ack":
                acknowledged |= entry["state"]
        return Snapshot(
            checkpoint=self.checkpoint(),
            durable=set.intersection(*durable) | letters,
            read=read or None,
            acknowledged=acknowledged,
        )

    def _counts(self) -> list[Counts]:
        """Return what the last run counted, the source's beside what its log says of that run."""
        summary = self.summary()
        if not summary or summary["failed"]:
            return []
        entries = self.log()
        begun = max((i for i, one in enumerate(entries) if one["op"] == "open"), default=None)
        pages = [entry for entry in entries[begun:] if entry["op"] == "read"]
        knows = begun is not None and not summary["drained"]
        really = sum(one["last"] - one["first"] for one in pages) if knows else None
        names = ("read", "written", "filtered", "dead_letters", "dropped")
        return [
            Counts(
                name=f"{one['kind']} {one['name']}",
                really_read=really if one["kind"] == "source" else None,
                **{name: one[name] for name in names},
            )
            for one in (*summary["sources"], *summary["sinks"])
        ]


def lines_of(path: Path) -> list[Any]:
    """Return the JSON Lines of a file; a last line that a kill cut off does not count."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1] if line]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of a database as a kill may have left it.

    A kill inside a transaction leaves a journal. Who opens the database rolls it back, which a
    reader without the right to write cannot do, and the next run shall find what the kill left.
    """
    with tempfile.TemporaryDirectory() as folder:
        for part in path.parent.glob(f"{path.name}*"):
            shutil.copy(part, folder)
        with contextlib.closing(sqlite3.connect(Path(folder) / path.name)) as database:
            yield database


def key_of(text: str) -> Key:
    """Return the key that `s0-17` stands for."""
    stream, _, number = text.rpartition("-")
    return stream, int(number)


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Poll until the condition holds; a process that ends first is an error."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert process.poll() is None, f"ended with {process.returncode}"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


@contextlib.contextmanager
def stopped_at_exit(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Kill the process when a test ends without having ended it."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in filter(None, (process.stdout, process.stderr)):
            _close(pipe)


def _close(pipe: IO[str]) -> None:
    with contextlib.suppress(OSError):
        pipe.close()
