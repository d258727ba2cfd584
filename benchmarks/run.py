"""Runs the benchmarks: `make bench`, `make bench ONLY=S1`; figures go to docs/benchmarks.md.

Not a timed test: nothing fails because a machine is slow.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import kept_figures
import page
import report
import rows
from cases import FLOOR, STARTED, Case, Outcome, outcomes
from measure import LEAST_ROUNDS, BenchmarkFailed, Usage, measure


def main() -> int:
    """Run what was asked for; return the exit code."""
    arguments = _arguments()
    if arguments.page_only:
        _write_page()
        return 0
    chosen = rows.select(arguments.only)
    if not chosen:
        ids = ", ".join(case.id for case in rows.CASES)
        print(f"no benchmark is called {arguments.only}; there are {ids}", file=sys.stderr)
        return 2
    if arguments.peers and not any(case.peers for case in chosen):
        ids = ", ".join(case.id for case in rows.CASES if case.peers)
        print(f"PEERS=1 needs a benchmark that other tools do as well: {ids}", file=sys.stderr)
        return 2
    skipped = [(case, reason) for case in chosen if (reason := case.missing())]
    measured: list[Outcome] = []
    for case in chosen:
        if case.missing():
            continue
        print(f"B-{case.id} ...", file=sys.stderr, flush=True)
        try:
            found = outcomes_of(case, arguments.rounds, peers=arguments.peers)
        except (BenchmarkFailed, AssertionError) as failure:
            print(f"B-{case.id} did not do its work: {failure}", file=sys.stderr)
            return 1
        measured += found
        if not arguments.no_write:
            kept_figures.save(found)
            _write_page()
    for shown in (
        report.table(measured),
        report.peers(measured),
        report.verdict(measured, skipped),
    ):
        if shown:
            print(shown, end="\n\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="ID", help="such as S1, or S for all that begin with it")
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help=f"at least {LEAST_ROUNDS}")
    parser.add_argument("--peers", action="store_true", help="measure other tools beside ours")
    parser.add_argument("--no-write", action="store_true", help="leave docs/ as it is")
    parser.add_argument("--page-only", action="store_true", help="measure nothing, renew the page")
    arguments = parser.parse_args()
    if "BENCH_RECORDS" in os.environ and not arguments.no_write:
        print("BENCH_RECORDS is set: docs/ stays as it is", file=sys.stderr)
        arguments.no_write = True
    return arguments


def _write_page() -> None:
    page.write(rows.CASES, kept_figures.load(rows.CASES))


def outcomes_of(case: Case, rounds: int, *, peers: bool = False) -> list[Outcome]:
    """Measure a case in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        commands = dict(case.build(Path(folder)))
        if peers and case.peers:
            commands |= case.peers(Path(folder))
        usages = measure(commands, rounds)
    started = {name: usage for name, usage in usages.items() if name.startswith(STARTED)}
    units = {
        name: per_unit(
            without_start(usage, started.get(f"{STARTED}{name}", started.get(STARTED))),
            commands[name].units,
        )
        for name, usage in usages.items()
        if name not in started
    }
    floors = {name: units.pop(name) for name in list(units) if _is_floor(name)}
    pairs = {
        name: (ours, floors.get(f"{FLOOR}: {name}") or floors[FLOOR])
        for name, ours in units.items()
    }
    return outcomes(case, pairs)


def _is_floor(name: str) -> bool:
    return name == FLOOR or name.startswith(f"{FLOOR}: ")


def without_start(usage: Usage, started: Usage | None) -> Usage:
    """Return what the work itself took, if it is known what starting takes; the peak stays."""
    if started is None:
        return usage
    return Usage(usage.cpu_s - started.cpu_s, usage.wall_s - started.wall_s, usage.peak_bytes)


def per_unit(usage: Usage, units: float) -> Usage:
    """Return what one unit of the work took; the peak stays."""
    return Usage(usage.cpu_s / units, usage.wall_s / units, usage.peak_bytes)


if __name__ == "__main__":
    sys.exit(main())
