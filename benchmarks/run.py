"""Runs the benchmarks: `make bench`, `make bench ONLY=S1`; figures go to docs/benchmarks.md.

Not a timed test: nothing fails because a machine is slow.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import delivery
import generation
import report
import startup
import throughput
from cases import FLOOR, STARTED, Case, Outcome
from measure import LEAST_ROUNDS, BenchmarkFailed, Usage, measure

CASES: tuple[Case, ...] = (*generation.CASES, *startup.CASES, *throughput.CASES, *delivery.CASES)


def main() -> int:
    """Run what was asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="ID", help="such as S1, or S for all that begin with it")
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help=f"at least {LEAST_ROUNDS}")
    parser.add_argument("--peers", action="store_true", help="not there yet")
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md as it is")
    arguments = parser.parse_args()
    if arguments.peers:
        print(
            "PEERS=1 is not there yet: figures of other tools come with the benchmarks of the full "
            "engine. Run it without PEERS.",
            file=sys.stderr,
        )
        return 2
    chosen = select(arguments.only)
    if not chosen:
        ids = ", ".join(case.id for case in CASES)
        print(f"no benchmark is called {arguments.only}; there are {ids}", file=sys.stderr)
        return 2
    outcomes = []
    for case in chosen:
        print(f"B-{case.id} ...", file=sys.stderr, flush=True)
        try:
            outcomes += outcomes_of(case, arguments.rounds)
        except (BenchmarkFailed, AssertionError) as failure:
            print(f"B-{case.id} did not do its work: {failure}", file=sys.stderr)
            return 1
    print(report.table(outcomes))
    if not arguments.no_write:
        report.write(outcomes)
    return 0


def select(only: str | None) -> Sequence[Case]:
    """Return the cases of an id (`S1`, `B-S1`), else those that begin with it, else all."""
    if only is None:
        return CASES
    wanted = only.upper().removeprefix("B-")
    exact = [case for case in CASES if case.id.upper() == wanted]
    return exact or [case for case in CASES if case.id.upper().startswith(wanted)]


def outcomes_of(case: Case, rounds: int) -> list[Outcome]:
    """Measure a case in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        usages = measure(case.build(Path(folder)), rounds)
    usages = {
        name: without_start(usage, usages.get(f"{STARTED}{name}"))
        for name, usage in usages.items()
        if not name.startswith(STARTED)
    }
    floor = usages.pop(FLOOR)
    return [Outcome(case, name, ours, floor) for name, ours in usages.items()]


def without_start(usage: Usage, started: Usage | None) -> Usage:
    """Return what the work itself took, if it is known what starting takes; the peak stays."""
    if started is None:
        return usage
    return Usage(usage.cpu_s - started.cpu_s, usage.wall_s - started.wall_s, usage.peak_bytes)


if __name__ == "__main__":
    sys.exit(main())
