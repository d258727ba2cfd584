"""Keeps docs/benchmarks.md and its plots in step with the figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import plots
import report
from cases import PEER, Case, Outcome
from measure import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"
_NOT_YET = "not measured yet"


def write(cases: Sequence[Case], outcomes: Sequence[Outcome]) -> None:
    """Write the parts of the page between its markers, and the plots beside it."""
    text = rendered(PAGE.read_text(encoding="utf-8"), cases, outcomes)
    PAGE.write_text(text, encoding="utf-8")
    PLOTS.mkdir(exist_ok=True)
    if rows := [
        (
            f"B-{one.case.id} {one.name}",
            held.share,
            f"{held.text} of {held.target.rpartition('<= ')[2].split()[0]}",
        )
        for one in outcomes
        for held in one.held
    ]:
        drawn = plots.bars("Figures in targets: left of the line is met", rows)
        (PLOTS / "targets.svg").write_text(drawn, encoding="utf-8")
    for case, points in _drawn(cases, outcomes):
        drawn = plots.curve(case.work, _unit(points[0]), "in floors", _points(points))
        (PLOTS / f"{case.id}.svg").write_text(drawn, encoding="utf-8")


def rendered(text: str, cases: Sequence[Case], outcomes: Sequence[Outcome]) -> str:
    """Return the page's text with its parts between the markers brought up to date.

    Raises:
        ValueError: it lacks the markers of a part.
    """
    parts = {
        "figures": _figures(cases, outcomes),
        "peers": _peers(outcomes),
        "curves": _curves(cases, outcomes),
    }
    for name, lines in parts.items():
        text = _replaced(text, name, lines)
    return text


def _replaced(text: str, name: str, lines: Iterable[str]) -> str:
    begin, end = (f"<!-- {name}: {word} -->" for word in ("begin", "end"))
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{PAGE} has no {begin} ... {end}")
    return "\n".join([f"{before}{begin}", *lines, f"{end}{after}"])


def _figures(cases: Sequence[Case], outcomes: Sequence[Outcome]) -> Iterable[str]:
    yield from _head(
        "id", "work", "floor, same run", "figure", "target", "met", "CPU", "wall", "memory"
    )
    verdicts = {True: "yes", False: "**no**", None: "-"}
    for case in cases:
        own = [one for one in outcomes if one.case is case and not one.is_peer]
        for one in own if not case.curve else (point for point in own if point.held):
            cells = (f"B-{case.id}", f"`{one.name}`", case.floor, report.figure(one))
            ratios = (f"{ratio:.2f}" for ratio in (one.cpu_ratio, one.wall_ratio, one.peak_ratio))
            yield _row(*cells, report.target(one), verdicts[one.met], *ratios)
        if not own:
            target = f"<= {case.target:g}" if case.target is not None else "-"
            yield _row(f"B-{case.id}", case.work, case.floor, _NOT_YET, target, *"----")


def _peers(outcomes: Sequence[Outcome]) -> Iterable[str]:
    pairs = report.pairs(outcomes)
    yield from (
        _head("id", "peer", "CPU", "wall", "MiB", "ours, CPU", "peer / ours") if pairs else ()
    )
    for peer, ours in pairs:
        name = peer.name.removeprefix(PEER).replace("|", "\\|")
        yield _row(f"B-{peer.case.id}", name, *report.compared(peer, ours))
    if not pairs:
        yield _NOT_YET.capitalize() + "."


def _curves(cases: Sequence[Case], outcomes: Sequence[Outcome]) -> Iterable[str]:
    if any(one.held for one in outcomes):
        yield from ("", "![Figures beside their targets](benchmarks/targets.svg)")
    for case, points in _drawn(cases, outcomes):
        ratios = ", ".join(f"{one.name} {one.cpu_ratio:.2f}" for one in points)
        yield from ("", f"![{case.work}](benchmarks/{case.id}.svg)", "")
        yield f"B-{case.id}, in floors ({case.floor}): {ratios}."
    yield ""


def _drawn(
    cases: Sequence[Case], outcomes: Sequence[Outcome]
) -> Iterable[tuple[Case, list[Outcome]]]:
    for case in cases:
        points = [one for one in outcomes if one.case is case and not one.is_peer]
        if case.curve and points:
            yield case, sorted(points, key=_size)


def _points(outcomes: Iterable[Outcome]) -> list[tuple[float, float]]:
    return [(_size(one), one.cpu_ratio) for one in outcomes]


def _size(one: Outcome) -> float:
    return float(one.name.split()[0].replace(",", ""))


def _unit(one: Outcome) -> str:
    return one.name.split()[1]


def _head(*names: str) -> tuple[str, str]:
    return _row(*names), "|---" * len(names) + "|"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
