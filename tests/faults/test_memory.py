"""M3: a slow sink behind a fast source holds no more memory than it may; I7, F15."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from experiment import Experiment, Numbers, stopped_at_exit, wait_for
from figures import Record
from oracle import Measured, violations
from sink_kinds import PACED, with_config
from sizes import FULL

MIB = 2**20
SIZES = {"1 B": 1, "1 KiB": 1024, "1 MiB": MIB, "8 MiB": 8 * MIB}
QUEUE_BYTES = 32 * MIB
SPARE = 64 * MIB
WATCHED_S = 15.0 if FULL else 1.0
"""How long the sink is slow; all sizes together make the minute of the plan."""
FLAT = 16 * MIB
"""What the second half of that time may add: the allocator's own, not the records'."""


def peak_bytes(process: subprocess.Popen[str]) -> int:
    """Return the most memory the process has held so far; it starts anew with `exec`."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    (found,) = re.findall(r"VmHWM:\s+([0-9]+) kB", status)
    return int(found) * 1024


@contextlib.contextmanager
def running(run: Experiment) -> Iterator[subprocess.Popen[str]]:
    with stopped_at_exit(run.start()) as process:
        yield process


def baseline_bytes(folder: Path) -> int:
    """Return the peak of the same pipeline with next to nothing in it, idle."""
    run = Experiment(folder, Numbers(total=5, more={"waits": True}), [PACED])
    with running(run) as process:
        wait_for(lambda: len(run.keys("paced")) == 10, process)
        found = peak_bytes(process)
        process.send_signal(signal.SIGTERM)
        assert run.ended(process) == 0, run.errors()
    return found


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc, which is Linux's")
@pytest.mark.parametrize("name", SIZES)
def test_f15_a_slow_sink_pauses_the_source(tmp_path: Path, name: str, figures: Record) -> None:
    source = Numbers(total=10**7, streams=1, page=1, more={"pad": SIZES[name], "waits": True})
    sink = with_config(PACED, {"delay_ms": 1000, "max_records": 2})
    settings = {"queue_bytes": QUEUE_BYTES}
    before = baseline_bytes(tmp_path / "baseline")
    run = Experiment(tmp_path / "run", source, [sink], max_in_flight=10_000, settings=settings)
    with running(run) as process:
        wait_for(lambda: run.keys("paced"), process)
        time.sleep(WATCHED_S / 2)
        half = peak_bytes(process)
        time.sleep(WATCHED_S / 2)
        whole = peak_bytes(process)
        assert process.poll() is None, run.errors()
        (run.folder / "paced.jsonl.go").touch()
        process.send_signal(signal.SIGTERM)
        assert run.ended(process) == 0, run.errors()
    growth = whole - before
    run.memory.append(Measured(what=f"growth with {name}", value=growth, limit=QUEUE_BYTES + SPARE))
    run.memory.append(Measured(what=f"slope with {name}", value=whole - half, limit=FLAT))
    read = max(entry["last"] for entry in run.log() if entry["op"] == "read")
    arrived = set(run.keys("paced"))
    # A page that was cut by the signal is read again; what the checkpoint has passed is not.
    passed = run.checkpoint()["s0"]
    lost = {("s0", number) for number in range(passed)} - arrived
    assert not lost
    assert passed >= read - 1
    assert violations(run.evidence(source=sorted(arrived))) == []
    figures(
        "M3",
        record_sizes=1,
        lost=len(lost),
        most_growth_MiB=round(growth / MIB),
        most_allowed_MiB=(QUEUE_BYTES + SPARE) // MIB,
    )
