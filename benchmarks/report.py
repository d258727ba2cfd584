"""Shows outcomes on the terminal: figures beside targets, peers, and what is missed."""

from __future__ import annotations

from collections.abc import Sequence

from cases import PEER, Case, Outcome

_VERDICT = {True: "yes", False: "NO", None: "-"}


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the figures as a table for a terminal: ours and the floor, and their ratios."""
    head = (
        "id",
        "command",
        "figure",
        "target",
        "met",
        "CPU s",
        "floor",
        "ratio",
        "wall s",
        "ratio",
        "MiB",
    )
    rows = [
        (
            *(f"B-{one.case.id}", one.name, figure(one), target(one), _VERDICT[one.met]),
            *(f"{one.ours.cpu_s:.3g}", f"{one.floor.cpu_s:.3g}", f"{one.cpu_ratio:.2f}"),
            *(f"{one.ours.wall_s:.3g}", f"{one.wall_ratio:.2f}"),
            f"{one.ours.peak_bytes / 2**20:.0f}",
        )
        for one in outcomes
        if not one.is_peer
    ]
    return _aligned([head, *rows]) if rows else ""


def peers(outcomes: Sequence[Outcome]) -> str:
    """Return the peers as a table for a terminal; empty if there are none."""
    head = ("id", "peer", "CPU", "wall", "MiB", "ours", "peer / ours")
    rows = [
        (f"B-{peer.case.id}", peer.name.removeprefix(PEER), *compared(peer, ours))
        for peer, ours in pairs(outcomes)
    ]
    return _aligned([head, *rows]) if rows else ""


def compared(peer: Outcome, ours: Outcome) -> tuple[str, str, str, str, str]:
    """Return CPU and wall time in floors, and peak MiB, of a peer; our CPU, and theirs in ours."""
    return (
        f"{peer.cpu_ratio:.1f}",
        f"{peer.wall_ratio:.1f}",
        f"{peer.ours.peak_bytes / 2**20:.0f}",
        f"{ours.cpu_ratio:.2f}",
        f"{peer.cpu_ratio / ours.cpu_ratio:.1f}",
    )


def pairs(outcomes: Sequence[Outcome]) -> list[tuple[Outcome, Outcome]]:
    """Return each peer's outcome with ours of the same work."""
    ours = {one.case.id: one for one in reversed(outcomes) if not one.is_peer}
    return [(one, ours[one.case.id]) for one in outcomes if one.is_peer and one.case.id in ours]


def verdict(outcomes: Sequence[Outcome], skipped: Sequence[tuple[Case, str]]) -> str:
    """Return what is missed and what did not run, by id."""
    missed = [
        f"B-{one.case.id} ({one.name}: {held.text}, target {held.target})"
        for one in outcomes
        for held in one.held
        if not held.met
    ]
    lines = [f"missed: {', '.join(missed)}" if missed else "no target is missed"]
    lines += [f"not run: B-{case.id}, {reason}" for case, reason in skipped]
    return "\n".join(lines)


def figure(one: Outcome) -> str:
    """Return what is held against the target; where there is none, CPU in floors."""
    return ", ".join(held.text for held in one.held) or f"{one.cpu_ratio:.2f}"


def target(one: Outcome) -> str:
    """Return the target, as benchmarks.md puts it."""
    return ", ".join(held.target for held in one.held) or "-"


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
