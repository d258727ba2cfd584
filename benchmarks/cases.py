"""What a benchmark is: work, the floor that it is compared with, and the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from measure import Command, Usage

FLOOR = "floor"
STARTED = "started: "
"""Before the name of a command: the same with next to no work. What it takes is subtracted."""


@dataclass(frozen=True)
class Case:
    """One row of benchmarks.md.

    `build` makes the commands in an empty folder: `floor`, and under any other name ours. `target`
    is for CPU in floors, of all but the `beside` commands, which are shown for comparison. `limits`
    are targets in seconds, by the name of a command and what is limited (`wall` or `cpu`).
    """

    id: str
    work: str
    floor: str
    build: Callable[[Path], Mapping[str, Command]]
    target: float | None = None
    limits: tuple[tuple[str, str, float], ...] = ()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What one of our commands took, beside the floor of the same run."""

    case: Case
    name: str
    ours: Usage
    floor: Usage

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
    def target(self) -> float | None:
        """The most that the ratio of CPU may be; None where there is no such target."""
        return None if self.name in self.case.beside else self.case.target

    @property
    def target_text(self) -> str:
        """The target, as benchmarks.md puts it."""
        texts = [f"<= {self.target:g}"] if self.target is not None else []
        texts += [
            f"{what} <= {most:g} s" for name, what, most in self.case.limits if name == self.name
        ]
        return ", ".join(texts) or "-"

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        verdicts = [self.cpu_ratio <= self.target] if self.target is not None else []
        verdicts += [
            (self.ours.wall_s if what == "wall" else self.ours.cpu_s) <= most
            for name, what, most in self.case.limits
            if name == self.name
        ]
        return all(verdicts) if verdicts else None
