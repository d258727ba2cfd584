"""What a benchmark is: work, the floor that it is compared with, and the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from measure import Command, Usage, median

FLOOR = "floor"
STARTED = "started: "
"""Before the name of a command: the same with next to no work. What it takes is subtracted."""
PEER = "peer: "
"""Before the name of a command: the same work done by another tool."""
_MIB = 2**20


@dataclass(frozen=True)
class Limit:
    """The most that a figure of one command may be, other than its CPU in floors.

    `figure` is `cpu` or `wall` (seconds), `wall ratio` (in floors), `peak` (MiB), `growth` (MiB
    above the floor's peak and `less`), `cpu rise` or `peak rise` (in the median of the case's commands, per unit of work), or
    `wall of first` (in the wall time of the case's first command).
    """

    command: str
    figure: str
    most: float
    less: float = 0.0


@dataclass(frozen=True)
class Case:
    """One row of benchmarks.md.

    `build` makes the commands in an empty folder: `floor`, and under any other name ours. Where each
    command has a floor of its own, these are called like `floor: NAME`. `target`
    is for CPU in floors, of all but the `beside` commands, which are shown for comparison. `peers`
    makes the same work of other tools. `missing` says why the case cannot run here, if so. With
    `curve`, the commands are points, named like `1,000 records`, and their units the work.
    """

    id: str
    work: str
    floor: str
    build: Callable[[Path], Mapping[str, Command]]
    target: float | None = None
    limits: tuple[Limit, ...] = ()
    beside: tuple[str, ...] = ()
    peers: Callable[[Path], Mapping[str, Command]] | None = None
    missing: Callable[[], str | None] = lambda: None
    curve: bool = False


@dataclass(frozen=True)
class Held:
    """A figure held against its target, in words and as a share of the target."""

    text: str
    target: str
    share: float

    @property
    def met(self) -> bool:
        """Whether it is met."""
        return self.share <= 1


@dataclass(frozen=True)
class Outcome:
    """What one command took, beside its floor of the same run, the case's median command and the first."""

    case: Case
    name: str
    ours: Usage
    floor: Usage
    usual: Usage
    first: Usage

    @property
    def is_peer(self) -> bool:
        """Whether another tool did the work."""
        return self.name.startswith(PEER)

    @property
    def cpu_ratio(self) -> float:
        """CPU of ours, in floors."""
        return self.ours.cpu_s / self.floor.cpu_s

    @property
    def wall_ratio(self) -> float:
        """Wall time of ours, in floors."""
        return self.ours.wall_s / self.floor.wall_s

    @property
    def peak_ratio(self) -> float:
        """Peak memory of ours, in floors."""
        return self.ours.peak_bytes / self.floor.peak_bytes

    @property
    def held(self) -> tuple[Held, ...]:
        """The figures that have a target."""
        found = []
        if self.case.target is not None and self.name not in self.case.beside and not self.is_peer:
            found.append(_held("ratio", self.cpu_ratio, self.case.target))
        found += [
            _held(limit.figure, _FIGURES[limit.figure](self) - limit.less, limit.most)
            for limit in self.case.limits
            if limit.command == self.name
        ]
        return tuple(found)

    @property
    def met(self) -> bool | None:
        """Whether every target is met; None where there is none."""
        return all(one.met for one in self.held) if self.held else None


def outcomes(case: Case, usages: Mapping[str, tuple[Usage, Usage]]) -> list[Outcome]:
    """Return the outcomes of commands, each with the floor of its run; all are per unit of work."""
    own = [ours for name, (ours, _) in usages.items() if not name.startswith(PEER)]
    usual = median(own or [ours for ours, _ in usages.values()])
    first = next(iter(usages.values()))[0]
    return [
        Outcome(case, name, ours, floor, usual, first) for name, (ours, floor) in usages.items()
    ]


def _held(figure: str, value: float, most: float) -> Held:
    text, target = _WORDS[figure]
    return Held(text.format(value), target.format(most), value / most)


_FIGURES: Mapping[str, Callable[[Outcome], float]] = {
    "cpu": lambda one: one.ours.cpu_s,
    "wall": lambda one: one.ours.wall_s,
    "wall ratio": lambda one: one.wall_ratio,
    "peak": lambda one: one.ours.peak_bytes / _MIB,
    "growth": lambda one: (one.ours.peak_bytes - one.floor.peak_bytes) / _MIB,
    "cpu rise": lambda one: one.ours.cpu_s / one.usual.cpu_s,
    "peak rise": lambda one: one.ours.peak_bytes / one.usual.peak_bytes,
    "wall of first": lambda one: one.ours.wall_s / one.first.wall_s,
}
_RISE = "{:.2f} x median", "<= {:g} x median"
_WORDS: Mapping[str, tuple[str, str]] = {
    "ratio": ("{:.2f}", "<= {:g}"),
    "cpu": ("{:.1f} s CPU", "CPU <= {:g} s"),
    "wall": ("{:.1f} s wall", "wall <= {:g} s"),
    "wall ratio": ("{:.2f} x wall", "wall <= {:g} x"),
    "peak": ("{:.0f} MiB", "<= {:g} MiB"),
    "growth": ("{:+.0f} MiB", "<= {:+g} MiB"),
    "cpu rise": _RISE,
    "peak rise": _RISE,
    "wall of first": ("{:.2f} x wall of first", "<= {:g} x wall of first"),
}
