"""The benchmarks measure what they say and write down what they measured; no figure is judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import measure
import report
import run
from cases import Case, Outcome
from measure import Command, Usage

PAGE = f"# Benchmarks\n\n{report._BEGIN}\n{report._END}\n\nThe end.\n"


def outcome(case: str, cpu_s: float, *, target: float | None = 1.5) -> Outcome:
    made = Case(case, "work", "a floor", lambda _folder: {}, target)
    return Outcome(made, "command", Usage(cpu_s, 1.0, 200), Usage(1.0, 1.0, 100))


def test_a_process_is_charged_for_what_it_waits_for(tmp_path: Path) -> None:
    burn = "sum(i * i for i in range(3_000_000))"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}], check=True)"
    alone = measure.run_once(Command([sys.executable, "-c", burn], tmp_path))
    whole = measure.run_once(Command([sys.executable, "-c", nested], tmp_path))
    assert whole.cpu_s > alone.cpu_s / 2
    assert whole.wall_s > 0
    assert whole.peak_bytes > 2**20


def test_a_process_that_fails_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(measure.BenchmarkFailed, match="exit 3"):
        measure.run_once(Command([sys.executable, "-c", "raise SystemExit(3)"], tmp_path))


def test_the_order_rotates_and_the_first_round_does_not_count(tmp_path: Path) -> None:
    seen: list[str] = []

    def command(name: str) -> Command:
        return Command([sys.executable, "-S", "-c", ""], tmp_path, lambda: seen.append(name))

    taken = measure.measure({"a": command("a"), "b": command("b")}, rounds=1)
    assert set(taken) == {"a", "b"}
    assert "".join(seen) == "ab" + "ab" + "ba" + "ab" + "ba" + "ab"


def test_rows_replace_their_older_selves_and_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(report, "PAGE", page)
    report.write([outcome("S1", 1.2), outcome("G1", 1.4)])
    report.write([outcome("S1", 1.7)])
    text = page.read_text(encoding="utf-8")
    assert "| B-G1 | `command` | a floor | 1.40 | 1.00 | 2.00 | <= 1.5 | yes |" in text
    assert "| B-S1 | `command` | a floor | 1.70 | 1.00 | 2.00 | <= 1.5 | **no** |" in text
    assert text.count("B-S1") == 1
    assert text.endswith("\n\nThe end.\n")


def test_one_or_several_can_be_chosen() -> None:
    assert [case.id for case in run.select("b-s1")] == ["S1"]
    assert {case.id for case in run.select("G")} == {"G1", "G2", "G3"}
    assert {"G1", "G2", "G3", "S1", "S2", "S4"} <= {case.id for case in run.select(None)}
    assert not run.select("nope")


@pytest.mark.parametrize(("option", "message"), [("--peers", "not there yet"), ("--only=X9", "X9")])
def test_what_is_not_there_is_refused_with_a_reason(option: str, message: str) -> None:
    done = subprocess.run(
        [sys.executable, run.__file__, option],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2
    assert message in done.stderr
