"""Keeps what was measured in docs/benchmarks/figures.json: a case not run keeps its figures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence

from cases import PEER, Case, Outcome, outcomes
from measure import ROOT, Usage

FIGURES = ROOT / "docs" / "benchmarks" / "figures.json"


def save(measured: Iterable[Outcome]) -> None:
    """Replace the figures of the cases that were measured; a peer's stay until it runs again."""
    kept = _load()
    fresh: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for one in measured:
        pair = {"ours": _kept(one.ours), "floor": _kept(one.floor)}
        fresh.setdefault(one.case.id, {})[one.name] = pair
    for case, commands in fresh.items():
        stays = {name: pair for name, pair in kept.get(case, {}).items() if name.startswith(PEER)}
        if any(name.startswith(PEER) for name in commands):
            stays = {}
        kept[case] = commands | stays
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")


def load(cases: Sequence[Case]) -> list[Outcome]:
    """Return the kept outcomes of these cases, in their order; of what was not measured, none."""
    kept = _load()
    found: list[Outcome] = []
    for case in cases:
        usages = {
            name: (_usage(pair["ours"]), _usage(pair["floor"]))
            for name, pair in kept.get(case.id, {}).items()
        }
        if usages:
            found += outcomes(case, usages)
    return found


def _load() -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    if not FIGURES.exists():
        return {}
    kept: dict[str, dict[str, dict[str, dict[str, float]]]] = json.loads(FIGURES.read_bytes())
    return kept


def _kept(usage: Usage) -> dict[str, float]:
    """Return the figures without the digits that are noise."""
    return {name: float(f"{value:.4g}") for name, value in dataclasses.asdict(usage).items()}


def _usage(kept: dict[str, float]) -> Usage:
    return Usage(kept["cpu_s"], kept["wall_s"], int(kept["peak_bytes"]))
