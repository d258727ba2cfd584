"""Measures processes: CPU first, wall time second, peak memory third; interleaved, medians."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
LEAST_ROUNDS = 5
_INFLATING = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")


def tool(name: str) -> str:
    """Return the path of a command of this environment."""
    return str(BIN / name)


class BenchmarkFailed(Exception):
    """A measured process did not do its work; its figures would mean nothing."""


@dataclass(frozen=True)
class Command:
    """A process to measure.

    `prepare` puts its folder in the state that the work starts from, `accept` looks at what it
    printed; neither is measured. `repeat` processes are started one after another and share one
    figure, so that work of milliseconds is measured above the clock's grain. `units` is how much
    work it does, in what all commands of a case count in.
    """

    argv: Sequence[str]
    cwd: Path
    prepare: Callable[[], None] = lambda: None
    accept: Callable[[str], None] = lambda _printed: None
    environment: Mapping[str, str] = field(default_factory=dict)
    repeat: int = 1
    units: float = 1.0


@dataclass(frozen=True)
class Usage:
    """What one process took: seconds of CPU (user and system) and wall time, bytes at its peak."""

    cpu_s: float
    wall_s: float
    peak_bytes: int


def run_once(command: Command) -> Usage:
    """Run the command `repeat` times; return the mean of one run, and the highest peak.

    Processes that it waits for count as its own.

    Raises:
        BenchmarkFailed: it failed, or `accept` did not like what it printed.
    """
    taken = []
    for _ in range(command.repeat):
        command.prepare()
        os.sync()  # else the kernel writes what the last one left, beside this one
        taken.append(_run(command))
    return Usage(
        cpu_s=statistics.fmean(one.cpu_s for one in taken),
        wall_s=statistics.fmean(one.wall_s for one in taken),
        peak_bytes=max(one.peak_bytes for one in taken),
    )


def _run(command: Command) -> Usage:
    environment = {k: v for k, v in os.environ.items() if k not in _INFLATING}
    argv = list(command.argv)
    with (command.cwd / ".printed").open("w+b") as printed:
        started = time.perf_counter()
        process = subprocess.Popen(
            argv,
            cwd=command.cwd,
            env={**environment, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        text = printed.read().decode(errors="replace")
    if process.returncode:
        raise BenchmarkFailed(f"exit {process.returncode}: {' '.join(argv)}\n{text}")
    command.accept(text)
    return Usage(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)


def measure(commands: Mapping[str, Command], rounds: int) -> dict[str, Usage]:
    """Return the median of each command over `rounds` rounds of all of them.

    The order rotates from round to round, so that drift of the machine hits each one alike. A round
    before the first is not counted: it compiles bytecode and fills caches.
    """
    taken: dict[str, list[Usage]] = {name: [] for name in commands}
    names = list(commands)
    for name in names:
        run_once(commands[name])
    for turn in range(max(rounds, LEAST_ROUNDS)):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            taken[name].append(run_once(commands[name]))
    return {name: median(runs) for name, runs in taken.items()}


def median(usages: Sequence[Usage]) -> Usage:
    """Return the median of each figure."""
    return Usage(
        cpu_s=statistics.median(one.cpu_s for one in usages),
        wall_s=statistics.median(one.wall_s for one in usages),
        peak_bytes=int(statistics.median(one.peak_bytes for one in usages)),
    )
