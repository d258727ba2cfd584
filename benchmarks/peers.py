"""The same work done by other tools, each in an environment of its own: `make bench PEERS=1`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pipelines
from cases import PEER, STARTED
from measure import ROOT, BenchmarkFailed, Command, run_once

CACHE = ROOT / ".bench-peers"
"""Where the environments stay for the next time."""
_INSTALL_TIMEOUT_S = 900


@dataclass(frozen=True)
class Peer:
    """Another tool: what to install, and how it does the work of B-W1.

    `programs` are scripts of `workloads/peers`, piped into each other; they get the number of
    orders and the folder to write to, into which goes what the last one prints as well. `share` of the records is moved where all would take minutes.
    """

    name: str
    requirements: tuple[str, ...]
    programs: tuple[str, ...]
    share: float = 1.0


PEERS = (
    Peer("bytewax", ("bytewax==0.21.1", "orjson"), ("bytewax_orders.py",)),
    Peer("airbyte-cdk source", ("airbyte-cdk==7.39.1", "orjson"), ("airbyte_orders.py",), 0.1),
    Peer("singer tap", ("singer-sdk==0.54.9",), ("singer_tap.py",), 0.1),
    Peer("singer tap | target", ("singer-sdk==0.54.9", "orjson"), ("singer_tap.py", "singer_target.py"), 0.1),
    Peer("dlt", ("dlt==1.31.0", "orjson"), ("dlt_orders.py",), 0.1),
)  # fmt: skip


def commands(records: int, folder: Path) -> Mapping[str, Command]:
    """Return the work of each peer that can be installed and does it; of the others, say why not."""
    made = {}
    for peer in PEERS:
        label = f"{PEER}{peer.name} {_version(peer)}"
        try:
            python = environment(peer)
            few = _command(peer, python, folder / f"{peer.programs[-1]}-few", pipelines.FEW)
            run_once(few)
        except (BenchmarkFailed, AssertionError, OSError, subprocess.SubprocessError) as failure:
            print(f"{peer.name} is left out: {_reason(failure)}", file=sys.stderr)
            continue
        count = max(int(records * peer.share), pipelines.FEW)
        place = folder / "-".join(peer.programs)
        made[label] = _command(peer, python, place, count, units=count / records)
        made[f"{STARTED}{label}"] = few
    return made


def environment(peer: Peer) -> Path:
    """Return the interpreter of the peer's environment, made at the first time.

    Raises:
        OSError, subprocess.SubprocessError: it cannot be made.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = CACHE / f"{'-'.join(peer.requirements).replace('==', '-')}-py{version}"
    python = folder / "bin" / "python"
    if not (folder / ".complete").exists():
        print(f"installing {' '.join(peer.requirements)} ...", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        for argv in _install(folder, python, peer.requirements):
            subprocess.run(
                argv, check=True, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S,
                env={"UV_SYSTEM_CERTS": "true", **os.environ},
            )  # fmt: skip
        (folder / ".complete").touch()
    return python


def _install(folder: Path, python: Path, requirements: Sequence[str]) -> list[list[str]]:
    """Return the commands that make an environment; with uv where there is one."""
    own = ROOT / ".uv" / "bin" / "uv"
    if uv := shutil.which("uv") or (str(own) if own.exists() else None):
        return [
            [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(python), *requirements],
        ]
    return [
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", *requirements],
    ]


def _command(peer: Peer, python: Path, folder: Path, count: int, units: float = 1.0) -> Command:
    """Return the peer's programs in a folder of their own; what they write there is `out`."""
    folder.mkdir()
    for name in (*peer.programs, "../orders.py"):
        shutil.copy(pipelines.WORKLOADS / "peers" / name, folder)
    script = " | ".join(f'"{python}" {program} {count} out' for program in peer.programs)
    script += " > out/printed.jsonl"

    def clear() -> None:
        shutil.rmtree(folder / "out", ignore_errors=True)
        (folder / "out").mkdir()

    def accept(printed: str) -> None:
        if (arrived := _orders(folder / "out")) != count:
            raise AssertionError(f"{arrived} of {count} records arrived\n{printed}")

    return Command(
        ["/bin/sh", "-c", script], folder, clear, accept, {"HOME": str(folder)}, units=units
    )


def _orders(folder: Path) -> int:
    """Return how many lines with an order there are; peers write other lines as well."""
    found = 0
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                found += sum(b"customer-" in line for line in file)
    return found


def _version(peer: Peer) -> str:
    return peer.requirements[0].partition("==")[2]


def _reason(failure: Exception) -> str:
    said = getattr(failure, "stderr", None) or str(failure)
    return " / ".join(line.strip() for line in str(said).strip().splitlines()[-3:])
