"""Shows outcomes on the terminal, and keeps docs/benchmarks.md up to date."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from cases import Outcome
from measure import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
_BEGIN = "<!-- figures: begin; `make bench` writes between these lines -->"
_END = "<!-- figures: end -->"
_HEAD = ("id", "work", "floor, same run", "CPU", "wall", "memory", "target", "met")
_VERDICT = {True: "yes", False: "**no**", None: "-"}


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the figures as a table for a terminal: ours and the floor, and their ratios."""
    head = ("id", "command", "CPU s", "floor", "ratio", "wall s", "ratio", "MiB", "target", "met")
    rows = [
        (
            *(f"B-{one.case.id}", one.name),
            *(f"{one.ours.cpu_s:.3f}", f"{one.floor.cpu_s:.3f}", f"{one.cpu_ratio:.2f}"),
            *(f"{one.ours.wall_s:.3f}", f"{one.wall_ratio:.2f}"),
            f"{one.ours.peak_bytes / 2**20:.0f}",
            *(one.target_text, {True: "yes", False: "NO", None: "-"}[one.met]),
        )
        for one in outcomes
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    )


def write(outcomes: Iterable[Outcome]) -> None:
    """Put the rows of `outcomes` into the page; rows of benchmarks that did not run stay."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(_BEGIN)
    known, _, after = rest.partition(_END)
    rows = {key: line for line in known.splitlines() if (key := _key(line))}
    rows |= {(f"B-{one.case.id}", f"`{one.name}`"): _row(one) for one in outcomes}
    lines = [
        f"| {' | '.join(_HEAD)} |",
        "|---" * len(_HEAD) + "|",
        *(rows[key] for key in sorted(rows)),
    ]
    PAGE.write_text(f"{before}{_BEGIN}\n{chr(10).join(lines)}\n{_END}{after}", encoding="utf-8")


def _key(line: str) -> tuple[str, str] | None:
    found = re.match(r"\| (B-\w+) \| (`[^`]+`)", line)
    return (found[1], found[2]) if found else None


def _row(one: Outcome) -> str:
    ratios = (f"{ratio:.2f}" for ratio in (one.cpu_ratio, one.wall_ratio, one.peak_ratio))
    limited = [f"{one.ours.wall_s:.1f} s wall"] if one.case.limits else []
    cells = (f"B-{one.case.id}", f"`{one.name}`", one.case.floor, *ratios)
    verdict = "; ".join([_VERDICT[one.met], *limited])
    return f"| {' | '.join(cells)} | {one.target_text} | {verdict} |"
