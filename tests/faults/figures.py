"""The figures of the fault experiments, and the table of docs/reliability.md that shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

PROPERTY = "figures"
_ROW = re.compile(r"^\| (?P<id>[A-Z][0-9]+) \| .* \| (?P<told>[^|]*) \|$", re.MULTILINE)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN = "<!-- figures: begin; `make faults` writes between these lines -->"
END = "<!-- figures: end -->"

EXPERIMENTS: Mapping[str, str] = {
    "A1": "configs made from the corpus' schemas and changed at their limits: config class beside JSON Schema validator; all that differs is explained below",
    "A2": "changes of generated config classes, at each constraint of the corpus, to see each connector's generated tests fail; where they pass, both classes treat 400 configs alike",
    "M1": "SIGKILL at each of the 12 steps, at its first, second and a later time, for each sink",
    "M2": "SIGKILL again and again at random moments of one run, until it is through",
    "M3": "a slow sink behind a fast source, records of 1 B to 8 MiB",
    "M4": "an HTTP server that misbehaves in mid-run and then heals, in each of its ways",
    "M5": "a PostgreSQL that is restarted in the middle of the snapshot, of a transaction and of the stream, that loses the slot, its log or falls back to an older copy; a pipeline that is killed while it reads changes of pgbench",
    "M6": "a simulated clock, scheduler, store and network, from seeds",
    "M8": "an error at each operation on the state database",
    "M9": "flipped bits, cut and older copies of the state database",
    "M10": "random sequences of read, write, reject, crash, restart, reset, schema change",
    "M11": "SIGTERM at each of the 12 steps: source idle, source busy, sink blocked",
    "M12": "several starts of one pipeline at once",
    "M13": "broken and hostile manifests, by grammar, by bytes and from a corpus of seeds; what is accepted was generated, and its config imported",
    "M14": "broken pipeline files and saved states, changed by bytes and by their grammar",
    "M15": "`rivven generate` and `rivven new` killed or refused by the disk at each operation, and several at once",
    "M16": "bugs that were planted to see the tests fail",
    "S6": "each secret option of each connector through all commands, with what can go wrong; all that they leave behind was searched for the secrets, in every encoding",
}
"""What was done, by the id of the experiment; an id that is not here is an error."""


class Record(Protocol):
    """Takes the figures of one test."""

    def __call__(self, experiment: str, **values: int) -> None:
        """Add up; a name that begins with `most` keeps the largest."""
        ...


class Figures:
    """Figures by experiment and name."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, int]] = {}

    def add(self, experiment: str, values: Mapping[str, int]) -> None:
        """Add what one test found.

        Raises:
            ValueError: an experiment that has no description.
        """
        require_known(experiment)
        known = self._known.setdefault(experiment, {})
        for name, value in values.items():
            before = known.get(name, 0)
            known[name] = max(before, value) if name.startswith("most") else before + value

    def rows(self, before: str = "") -> list[str]:
        """Return one row per experiment, in the order of their numbers.

        Args:
            before: the table so far; what was not gathered now stays as it stands there.
        """
        told = {found["id"]: found["told"] for found in _ROW.finditer(before)}
        told |= {id_: _told(values) for id_, values in self._known.items()}
        ordered = sorted(told.items(), key=lambda one: (one[0][0], int(one[0][1:])))
        return [f"| {id_} | {EXPERIMENTS[id_]} | {values} |" for id_, values in ordered]


def require_known(experiment: str) -> None:
    """Return if the experiment has a description.

    Raises:
        ValueError: it has none.
    """
    if experiment not in EXPERIMENTS:
        raise ValueError(f"{experiment} is no experiment of {Path(__file__).name}")


def _told(values: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in values.items())


def write(figures: Figures, page: Path = PAGE) -> None:
    """Put the figures between the page's markers; rows of other experiments stay."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page.name} has no place for the figures")
    table = ["| id | experiment | figures |", "|---|---|---|", *figures.rows(old)]
    page.write_text(f"{before}{BEGIN}\n{chr(10).join(table)}\n{END}{after}", encoding="utf-8")
