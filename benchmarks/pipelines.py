"""Pipelines to measure: projects scaffolded from their manifests, and `rivven run` of them."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from measure import Command, tool

WORKLOADS = Path(__file__).resolve().parent / "workloads"
RIVVEN_RUN = (tool("rivven"), "run")
FEW = 10
"""Records of a run that only shows what starting takes."""
OUT = "out"
"""What the names of all that a pipeline writes begin with, so that each run starts afresh."""


def scaffold(name: str, folder: Path, *modules: str) -> None:
    """Make project `name` in `folder` from its manifest, with its hooks filled.

    `modules` are modules of `workloads` that its package gets.
    """
    workload = WORKLOADS / name
    kind = yaml.safe_load((workload / "connector.yaml").read_text(encoding="utf-8"))["kind"]
    argv = [tool("rivven"), "new", kind, name, "--no-input"]
    argv += ["--manifest", str(workload / "connector.yaml"), "--directory", str(folder / name)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    package = folder / name / "src" / name.replace("-", "_")
    shutil.copy(workload / f"{kind}.py.txt", package / f"{kind}.py")
    for module in modules:
        text = (WORKLOADS / module).read_text(encoding="utf-8")
        text = text.replace("from orders import", f"from {package.name}.orders import")
        (package / module).write_text(text, encoding="utf-8")


def run(
    folder: Path,
    source: Mapping[str, Any],
    sinks: Mapping[str, Mapping[str, Any]],
    *,
    written: Callable[[Path], int],
    count: int,
    units: float = 1.0,
    settings: Mapping[str, Any] | None = None,
    argv: Sequence[str] = RIVVEN_RUN,
) -> Command:
    """Return `rivven run` of a source into sinks, in the new folder `folder`.

    Each run is accepted if `written` says of the folder that `count` records arrived.
    """
    folder.mkdir()
    pipeline = {
        "version": "1.0",
        "sources": {"source": {**source, "topic": "records"}},
        "sinks": {name: {**sink, "topics": ["records"]} for name, sink in sinks.items()},
        "settings": dict(settings or {}),
    }
    (folder / "pipeline.yaml").write_text(json.dumps(pipeline), encoding="utf-8")

    def accept(printed: str) -> None:
        if (arrived := written(folder)) != count:
            raise AssertionError(f"{arrived} of {count} records arrived\n{printed}")

    argv = [*argv, "pipeline.yaml"]
    clear = functools.partial(_clear, folder)
    return Command(argv, folder, prepare=clear, accept=accept, units=units)


def jsonl(name: str = OUT) -> dict[str, Any]:
    """Return a JSON Lines sink that writes `name`.jsonl."""
    return {"connector": "jsonl", "config": {"path": f"{name}.jsonl"}}


def lines(folder: Path, pattern: str = f"{OUT}*.jsonl") -> int:
    """Return how many lines the files of a folder have together."""
    found = 0
    for path in folder.glob(pattern):
        with path.open("rb") as file:
            found += sum(1 for _ in file)
    return found


def _clear(folder: Path) -> None:
    shutil.rmtree(folder / ".rivven-state", ignore_errors=True)
    for path in folder.glob(f"{OUT}*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
